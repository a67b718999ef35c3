"""The fake Windows's services, and the programs that one of them starts in a user's session."""

from __future__ import annotations

import ctypes
import threading
from ctypes import sizeof

from atp_guest_agent.windows import structures
from fake_win32.kernel import Event, Kernel


class Services(Kernel):
    def __init__(self):
        super().__init__()
        self.services = {}
        self.control_handler = None
        self.statuses = []
        self.session = 1
        self.program_data = "C:\\ProgramData"
        self.is_system = True
        self.started = []

    # advapi32

    def OpenSCManagerW(self, *_):
        return self.new("manager")

    def CloseServiceHandle(self, handle):
        del self.handles[handle]
        return 1

    def CreateServiceW(self, _manager, name, _title, _access, kind, start, _error, command, *_rest):
        if name in self.services:
            return self.fail(1073)
        self.services[name] = {"kind": kind, "start": start, "command": command, "state": 1, "config": {}}
        return self.new(name)

    def OpenServiceW(self, _manager, name, _access):
        return self.new(name) if name in self.services else self.fail(1060)

    def DeleteService(self, handle):
        del self.services[self.handles[handle]]
        return 1

    def ChangeServiceConfig2W(self, handle, level, data):
        config = self.services[self.handles[handle]]["config"]
        if level == 1:
            config["description"] = ctypes.cast(
                data, ctypes.POINTER(structures.SERVICE_DESCRIPTIONW)
            ).contents.lpDescription
        else:
            actions = ctypes.cast(data, ctypes.POINTER(structures.SERVICE_FAILURE_ACTIONSW)).contents
            config["restarts"] = [actions.lpsaActions[number].Delay for number in range(actions.cActions)]
        return 1

    def StartServiceW(self, handle, _count, _arguments):
        self.services[self.handles[handle]]["state"] = 4
        return 1

    def ControlService(self, handle, control, _status):
        service = self.services[self.handles[handle]]
        if service["state"] != 4:
            return self.fail(1062)
        service["state"] = 1 if control == 1 else service["state"]
        return 1

    def QueryServiceStatus(self, *_):
        return 1

    def StartServiceCtrlDispatcherW(self, table):
        main = table[0].lpServiceProc
        assert not table[1].lpServiceName
        thread = threading.Thread(target=lambda: main(0, None))
        thread.start()
        thread.join(30)
        return int(not thread.is_alive())

    def RegisterServiceCtrlHandlerExW(self, _name, handler, _context):
        self.control_handler = handler
        return self.new("status")

    def SetServiceStatus(self, handle, status):
        assert self.handles[handle] == "status"
        self.statuses.append((status.contents.dwCurrentState, status.contents.dwControlsAccepted))
        return 1

    def WTSGetActiveConsoleSessionId(self):
        return self.session

    def GetCurrentProcess(self):
        return ctypes.c_void_p(-1).value

    def OpenProcessToken(self, _process, _access, token):
        token.contents.value = self.new(("token", 0))
        return 1

    def DuplicateTokenEx(self, own, _access, _security, _level, kind, token):
        assert kind == 1, "a process is made with a primary token"
        assert self.handles[own][0] == "token"
        token.contents.value = self.new(["token", 0])
        return 1

    def SetTokenInformation(self, token, what, data, size):
        assert (what, size) == (12, 4)
        if not self.is_system:
            return self.fail(1314)
        self.handles[token][1] = ctypes.cast(data, ctypes.POINTER(ctypes.c_uint32)).contents.value
        return 1

    def CreateProcessAsUserW(
        self, token, _name, line, _process, _thread, inherit, flags, _environment, _directory, startup, made
    ):
        assert not inherit, "handles can't be inherited across sessions"
        assert startup.contents.cb == sizeof(structures.STARTUPINFOW)
        process = Event(manual=True, is_set=False)
        process.name, process.status = None, 0
        command = ctypes.wstring_at(line)
        self.started.append(
            {
                "session": self.handles[token][1],
                "desktop": startup.contents.lpDesktop,
                "command": command,
                "process": process,
            }
        )
        self.started[-1]["suspended"] = bool(flags & 4)
        made.contents.hProcess, made.contents.hThread = self.new(process), self.new(self.started[-1])
        return 1

    def ResumeThread(self, thread):
        self.handles[thread]["suspended"] = False
        return 1

    def GetExitCodeProcess(self, handle, code):
        code.contents.value = self.handles[handle].status
        return 1

    def TerminateProcess(self, handle, _code):
        self.handles[handle].terminated = True
        return self.SetEvent(handle)

    def CreateJobObjectW(self, _security, _name):
        return self.new({"processes": [], "limits": 0})

    def SetInformationJobObject(self, job, what, data, size):
        assert (what, size) == (9, 144)
        self.handles[job]["limits"] = ctypes.cast(data, ctypes.POINTER(structures.JOB_LIMITS)).contents.LimitFlags
        return 1

    def AssignProcessToJobObject(self, job, process):
        assert self.started[-1]["suspended"], "it could have started something outside of the job"
        self.handles[job]["processes"].append(self.handles[process])
        return 1

    # shell32

    def SHGetFolderPathW(self, _window, folder, _token, flags, path):
        assert (folder, flags) == (0x23, 0)
        text = ctypes.create_unicode_buffer(self.program_data)
        ctypes.memmove(path, text, sizeof(text))
        return 0
