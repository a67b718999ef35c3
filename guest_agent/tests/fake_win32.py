"""A Windows for tests: each function that the agent calls, with its real signature.

Every call goes through a ctypes prototype made of the agent's own table of signatures, so arguments are converted, and refused, as
by Windows; what pointers point at is read and written in memory. Behaviour is Windows's where the agent depends on it: hooks are
called on the thread that set them, and only while it waits for messages; overlapped I/O ends by setting an event; handles that are
none are faults.
"""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections import deque
from ctypes import byref, sizeof

from atp_guest_agent.windows import structures, win32

KEYBOARD, MOUSE, TABLET = 0x10001, 0x10003, 0x10005
NAMES = {
    KEYBOARD: (1, "\\\\?\\ACPI#PNP0303#4&1b0b3f2&0#{884b96c3-56ef-11d1-bc8c-00a0c91405dd}"),
    MOUSE: (0, "\\\\?\\ACPI#PNP0F13#4&1b0b3f2&0#{378de44c-56ef-11d1-bc8c-00a0c91405dd}"),
    TABLET: (0, "\\\\?\\HID#VID_0627&PID_0001#6&2d1e3b&0&0000#{378de44c-56ef-11d1-bc8c-00a0c91405dd}"),
}
PIPE_PATH = "\\\\.\\Global\\com.vmagent.sock"
SERVICE_DESKTOP, USERS_DESKTOP = 0x8, 0x9C
NOT_FOUND, IO_PENDING, ABORTED, BROKEN, ACCESS_DENIED = 2, 997, 995, 109, 5


class Event:
    def __init__(self, manual, is_set):
        self.manual = manual
        self.is_set = is_set


class FilePipe:
    """A virtio-serial port: one read and one write under way, and the host's end of it."""

    def __init__(self):
        self.to_guest = b""
        self.from_guest = b""
        self.read = None  # buffer, size, overlapped
        self.write = None
        self.takes = True  # whether the host takes what is written


class FakeWindows:
    """`api` is what the agent gets. Everything else is the test's: press keys, move mice, speak through the port."""

    def __init__(self):
        self.faults = []  # what went wrong in a call: a test must find none
        self.lock = threading.Condition()
        self.handles = {}
        self.next_handle = 0x100
        self.last_error = 0
        self.hooked_desktops = []
        self.hooks = {}  # kind -> (procedure, thread)
        self.desktops = {}  # thread -> desktop, where it isn't the service's
        self.queues = {}  # thread -> messages, and functions to be called there
        self.refuses_hooks = False
        self.window_proc = None
        self.raw_targets = []
        self.waiting_input = {}  # thread -> raw input, which comes after what was posted
        self.when_posted = lambda: None  # called when a thread is posted something
        self.devices = dict(NAMES)
        self.packets = {}
        self.down = set()  # virtual keys
        self.input_tick = None
        self.pipe = None
        self.firmware = b""
        self.boot_time, self.boot_bias = 133_000_000_000_000_000, 0
        self.services = {}
        self.control_handler = None
        self.statuses = []
        self.session = 1
        self.program_data = "C:\\ProgramData"
        self.tokens = {}
        self.is_system = True
        self.started = []
        self.jobs = {}
        self.kept = []
        self.api = win32.Win32(self._function)

    # for the test

    def key(self, vk, scan, down, flags=0):
        """Press or let go of a key. True: the hooks kept it to themselves."""
        (self.down.add if down else self.down.discard)(vk)
        data = structures.KBDLLHOOKSTRUCT(vk, scan, flags | (0 if down else win32.LLKHF_UP), self.tick(), 0)
        kept = self.call_hook(win32.WH_KEYBOARD_LL, 0x100 if down else 0x101, data)
        if kept:
            self.down.discard(vk)
        return kept

    def mouse_hook(self, message, x=0, y=0, high=0, flags=win32.LLMHF_INJECTED):
        data = structures.MSLLHOOKSTRUCT(structures.POINT(x, y), (high & 0xFFFF) << 16, flags, self.tick(), 0)
        return self.call_hook(win32.WH_MOUSE_LL, message, data)

    def packet(self, device, flags=0, buttons=0, data=0, x=0, y=0):
        """A mouse's own packet, by raw input."""
        header = structures.RAWINPUTHEADER(win32.RIM_TYPEMOUSE, sizeof(structures.RAWINPUT), device, 0)
        raw = structures.RAWINPUT(header, structures.RAWMOUSE(flags, 0, buttons, data, 0, x, y, 0))
        handle = self.new(raw)
        for thread in self.raw_targets:
            self.waiting_input.setdefault(thread, deque()).append(structures.MSG(0x77, win32.WM_INPUT, 0, handle, 0))
            self.queues[thread].put(None)  # there is something

    def post(self, message, lparam=0):
        for thread in self.raw_targets:
            self.queues[thread].put(structures.MSG(0x77, message, 0, lparam, 0))

    def call_hook(self, kind, message, data):
        procedure, thread = self.hooks[kind]
        answer = queue.Queue()
        self.queues[thread].put(lambda: answer.put(procedure(0, message, ctypes.addressof(data))))
        return bool(answer.get(timeout=10))

    def tick(self):
        self.input_tick = self.GetTickCount()
        return self.input_tick

    def host_says(self, data):
        with self.lock:
            self.pipe.to_guest += data
            self._serve_pipe()

    def host_hears(self):
        with self.lock:
            said, self.pipe.from_guest = self.pipe.from_guest, b""
            return said

    def host_leaves(self):
        """The driver ends what is under way with an error."""
        with self.lock:
            pipe, self.pipe = self.pipe, None
            for under_way in (pipe.read, pipe.write):
                if under_way is not None:
                    self._complete(under_way[2], 0, BROKEN)

    # what makes it go

    def _function(self, dll, name):
        result, *arguments = win32.SIGNATURES[dll][name]
        own = getattr(self, name)

        def call(*given):
            try:
                answer = own(*given)
                return 0 if answer is None and result is not None else answer
            except Exception as error:
                self.faults.append((name, error))
                return 0

        self.kept.append(call)
        return structures.function_type(result, *arguments)(call)

    def new(self, thing):
        with self.lock:
            self.next_handle += 4
            self.handles[self.next_handle] = thing
            return self.next_handle

    def fail(self, number, answer=0):
        self.last_error = number
        return answer

    # kernel32: handles, events, waiting

    def GetLastError(self):
        return self.last_error

    def CloseHandle(self, handle):
        del self.handles[handle]  # one that is none is a fault
        return 1

    def CreateEventW(self, _security, manual, is_set, name):
        event = Event(bool(manual), bool(is_set))
        event.name = name
        return self.new(event)

    def OpenEventW(self, _access, _inherit, name):
        for thing in self.handles.values():
            if isinstance(thing, Event) and thing.name == name:
                return self.new(thing)
        return self.fail(NOT_FOUND)

    def SetEvent(self, handle):
        with self.lock:
            self.handles[handle].is_set = True
            self.lock.notify_all()
        return 1

    def ResetEvent(self, handle):
        with self.lock:
            self.handles[handle].is_set = False
        return 1

    def WaitForSingleObject(self, handle, milliseconds):
        return self._wait([handle], milliseconds)

    def WaitForMultipleObjects(self, count, handles, every, milliseconds):
        assert not every
        assert 0 < count <= 64
        return self._wait([handles[number] for number in range(count)], milliseconds)

    def _wait(self, handles, milliseconds):
        things = [self.handles[handle] for handle in handles]

        def first():
            for number, thing in enumerate(things):
                if thing.is_set:
                    return number
            return None

        with self.lock:
            end = None if milliseconds == win32.INFINITE else time.monotonic() + milliseconds / 1000
            while (number := first()) is None:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return win32.WAIT_TIMEOUT
                self.lock.wait(left)
            if not things[number].manual:
                things[number].is_set = False
            return number

    def GetCurrentThreadId(self):
        thread = threading.get_ident() & 0xFFFFFFFF
        self.queues.setdefault(thread, queue.Queue())
        return thread

    def GetModuleHandleW(self, _name):
        return 0x400000

    def GetTickCount(self):
        return int(time.monotonic() * 1000) & 0xFFFFFFFF

    def SetConsoleCtrlHandler(self, handler, add):
        self.console_handler = handler if add else None
        return 1

    # user32: desktops, hooks, messages, raw input

    def GetThreadDesktop(self, thread):
        return self.desktops.get(thread, SERVICE_DESKTOP)

    def SetThreadDesktop(self, desktop):
        self.desktops[self.GetCurrentThreadId()] = desktop
        return 1

    def SetWindowsHookExW(self, kind, procedure, module, thread):
        assert thread == 0, "a low-level hook is of no thread"
        if self.refuses_hooks:
            return self.fail(ACCESS_DENIED)
        self.hooks[kind] = (procedure, self.GetCurrentThreadId())
        self.hooked_desktops.append(self.GetThreadDesktop(self.GetCurrentThreadId()))
        return self.new(("hook", kind))

    def UnhookWindowsHookEx(self, handle):
        _, kind = self.handles.pop(handle)
        del self.hooks[kind]
        return 1

    def CallNextHookEx(self, _hook, _code, _message, _data):
        return 0

    def GetMessageW(self, message, _window, _first, _last):
        thread = self.GetCurrentThreadId()
        messages, raw = self.queues[thread], self.waiting_input.setdefault(thread, deque())
        while True:
            said = messages.get()
            if callable(said):
                said()  # a hook is called here, and the caller never sees it
                continue
            if said is None:
                if any(each is not None for each in tuple(messages.queue)):  # what was posted goes first
                    messages.put(None)
                    continue
                if not raw:
                    continue
                said = raw.popleft()
            ctypes.memmove(message, byref(said), sizeof(said))
            return int(said.message != win32.WM_QUIT)

    def PeekMessageW(self, message, _window, first, last, remove):
        assert (first, last, remove) == (win32.WM_INPUT, win32.WM_INPUT, win32.PM_REMOVE)
        raw = self.waiting_input.setdefault(self.GetCurrentThreadId(), deque())
        if not raw:
            return 0
        said = raw.popleft()
        ctypes.memmove(message, byref(said), sizeof(said))
        return 1

    def DispatchMessageW(self, message):
        said = message.contents
        return self.window_proc(said.hwnd, said.message, said.wParam, said.lParam) if said.hwnd else 0

    def PostThreadMessageW(self, thread, message, wparam, lparam):
        self.queues[thread].put(structures.MSG(None, message, wparam, lparam, 0))
        self.when_posted()
        return 1

    def RegisterClassW(self, kind):
        # The structure is the caller's, and gone when this returns: only the function's address stays.
        self.window_proc = structures.WNDPROC(ctypes.cast(kind.contents.lpfnWndProc, ctypes.c_void_p).value)
        assert kind.contents.lpszClassName
        return 1

    def CreateWindowExW(self, _ex, name, _title, _style, _x, _y, _w, _h, parent, _menu, _instance, _data):
        assert name
        assert parent == ctypes.c_void_p(win32.HWND_MESSAGE).value
        return 0x77

    def DestroyWindow(self, window):
        assert window == 0x77
        return 1

    def DefWindowProcW(self, *_):
        return 0

    def RegisterRawInputDevices(self, wanted, count, size):
        assert size == sizeof(structures.RAWINPUTDEVICE)
        for number in range(count):
            assert wanted[number].hwndTarget == 0x77, "input of other windows comes only to a named one"
        self.raw_targets.append(self.GetCurrentThreadId())
        return 1

    def GetRawInputData(self, handle, command, data, size, header_size):
        assert command == win32.RID_INPUT
        assert header_size == sizeof(structures.RAWINPUTHEADER)
        raw = self.handles.pop(handle)
        if size.contents.value < sizeof(raw):
            return 0xFFFFFFFF
        ctypes.memmove(data, byref(raw), sizeof(raw))
        return sizeof(raw)

    def GetRawInputDeviceList(self, entries, count, size):
        assert size == sizeof(structures.RAWINPUTDEVICELIST)
        if not entries:
            count.contents.value = len(self.devices)
            return 0
        for number, (handle, (kind, _)) in enumerate(self.devices.items()):
            entries[number] = structures.RAWINPUTDEVICELIST(handle, kind)
        return len(self.devices)

    def GetRawInputDeviceInfoW(self, handle, command, data, size):
        assert command == win32.RIDI_DEVICENAME
        name = self.devices[handle][1]
        if size.contents.value <= len(name):
            return 0xFFFFFFFF
        text = ctypes.create_unicode_buffer(name)
        ctypes.memmove(data, text, sizeof(text))
        return len(name)

    def GetAsyncKeyState(self, vk):
        return -0x8000 if vk in self.down else 0

    def MapVirtualKeyW(self, vk, kind):
        assert kind == win32.MAPVK_VK_TO_VSC_EX
        return {0x41: 0x1E, 0xA0: 0x2A, 0xA3: 0xE01D, 0x25: 0xE04B}.get(vk, 0)

    def GetSystemMetrics(self, number):
        return {win32.SM_CXSCREEN: 1024, win32.SM_CYSCREEN: 768}[number]

    def GetLastInputInfo(self, info):
        assert info.contents.cbSize == sizeof(structures.LASTINPUTINFO)
        info.contents.dwTime = self.GetTickCount() if self.input_tick is None else self.input_tick
        return 1

    def SetProcessDpiAwarenessContext(self, context):
        assert context == ctypes.c_void_p(win32.PER_MONITOR_AWARE_V2).value
        return 1

    # kernel32: the port

    def CreateFileW(self, path, access, share, _security, disposition, flags, _template):
        assert (access, share, disposition) == (win32.GENERIC_READ | win32.GENERIC_WRITE, 0, win32.OPEN_EXISTING)
        assert flags & win32.FILE_FLAG_OVERLAPPED
        if path != PIPE_PATH or self.pipe is None:
            return self.fail(NOT_FOUND, win32.INVALID_HANDLE)
        return self.new(self.pipe)

    def ReadFile(self, handle, buffer, size, _count, overlapped):
        pipe = self.handles[handle]
        if pipe is not self.pipe:
            return self.fail(BROKEN)
        with self.lock:
            assert pipe.read is None, "a read is under way"
            pipe.read = (buffer, size, overlapped)
            self.handles[overlapped.contents.hEvent].is_set = False
            self._serve_pipe()
        return self.fail(IO_PENDING)

    def WriteFile(self, handle, buffer, size, _count, overlapped):
        pipe = self.handles[handle]
        if pipe is not self.pipe:
            return self.fail(BROKEN)
        with self.lock:
            assert pipe.write is None, "a write is under way"
            pipe.write = (buffer, size, overlapped)
            self.handles[overlapped.contents.hEvent].is_set = False
            self._serve_pipe()
        return self.fail(IO_PENDING)

    def GetOverlappedResult(self, handle, overlapped, count, wait):
        event = self.handles[overlapped.contents.hEvent]
        assert event.is_set or not wait, "it would wait for ever"
        if not event.is_set:
            return self.fail(996)
        count.contents.value = overlapped.contents.InternalHigh
        return 1 if not overlapped.contents.Internal else self.fail(overlapped.contents.Internal)

    def CancelIoEx(self, handle, overlapped):
        pipe = self.handles[handle]
        with self.lock:
            for kind in ("read", "write"):
                under_way = getattr(pipe, kind)
                if under_way and ctypes.addressof(under_way[2].contents) == ctypes.addressof(overlapped.contents):
                    setattr(pipe, kind, None)
                    self._complete(overlapped, 0, ABORTED)
        return 1

    def _serve_pipe(self):
        pipe = self.pipe
        if pipe.read is not None and pipe.to_guest:
            buffer, size, overlapped = pipe.read
            data, pipe.to_guest, pipe.read = pipe.to_guest[:size], pipe.to_guest[size:], None
            ctypes.memmove(buffer, data, len(data))
            self._complete(overlapped, len(data))
        if pipe.write is not None and pipe.takes:
            buffer, size, overlapped = pipe.write
            pipe.from_guest, pipe.write = pipe.from_guest + ctypes.string_at(buffer, size), None
            self._complete(overlapped, size)

    def _complete(self, overlapped, count, error=0):
        overlapped.contents.Internal, overlapped.contents.InternalHigh = error, count
        self.handles[overlapped.contents.hEvent].is_set = True
        self.lock.notify_all()

    # firmware and boot

    def GetSystemFirmwareTable(self, provider, _table, buffer, size):
        assert provider == 0x52534D42  # "RSMB"
        if size >= len(self.firmware):
            ctypes.memmove(buffer, self.firmware, len(self.firmware))
        return len(self.firmware)

    def NtQuerySystemInformation(self, kind, buffer, size, _got):
        assert (kind, size) == (3, 48)
        said = structures.TIMEOFDAY(BootTime=self.boot_time, BootTimeBias=self.boot_bias)
        ctypes.memmove(buffer, byref(said), sizeof(said))
        return 0

    # advapi32: services, tokens, processes

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

    # ws2_32

    def WSAEventSelect(self, _socket, _event, _mask):
        return 0

    def WSAEnumNetworkEvents(self, _socket, _event, _news):
        return 0
