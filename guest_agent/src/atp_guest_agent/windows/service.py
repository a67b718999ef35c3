"""The agent as a Windows service.

A service runs in session 0, which has no keyboard: hooks there see nothing. So the service itself is only a keeper (`keeper.py`):
it keeps an agent running in the session that has the screen.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from ctypes import byref

from atp_guest_agent import options
from atp_guest_agent.windows import structures, win32
from atp_guest_agent.windows.command import directory, log_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "ATPGuestAgent"
TITLE = "ATP guest agent"
DESCRIPTION = "Keeps an agent in the active session that tells the test host which input this guest sees."
ALL_ACCESS_MANAGER, ALL_ACCESS = 0xF003F, 0xF01FF
OWN_PROCESS, AUTO_START, ERROR_NORMAL = 0x10, 2, 1
CONFIG_DESCRIPTION, CONFIG_FAILURE_ACTIONS = 1, 2
STOPPED, START_PENDING, STOP_PENDING, RUNNING = 1, 2, 3, 4
CONTROL_STOP, CONTROL_INTERROGATE, CONTROL_SHUTDOWN, CONTROL_SESSION = 1, 4, 5, 14
ACCEPTED = 0x01 | 0x04 | 0x80  # stop, shutdown, session changes
STOP_WAIT_MS = 15_000
NOT_IMPLEMENTED = 120

USAGE = "service install [OPTION]... | remove | start | stop"


def main(words: list[str], api: win32.Win32 | None = None) -> int:
    """`service WORD ...` of the command line. Raises UsageError, and OSError for what Windows refuses."""
    word, rest = (words[0], words[1:]) if words else ("", [])
    actions = {"install": install, "remove": remove, "start": start, "stop": stop, "run": run}
    if word not in actions or (rest and word not in ("install", "run")):
        raise options.UsageError(f"unknown: service {' '.join(words)}")
    actions[word](api or win32.load(), rest)
    return 0


def install(api: win32.Win32, arguments: list[str]) -> None:
    """Make the service, which starts with Windows, and is started again when it fails. What `arguments` say is checked here."""
    options.read(arguments, default_file=os.devnull)
    os.makedirs(directory(api), exist_ok=True)  # for the logs
    with _Manager(api) as manager:
        service = api.check(
            api.CreateServiceW(
                manager, NAME, TITLE, ALL_ACCESS, OWN_PROCESS, AUTO_START, ERROR_NORMAL, command_line(arguments), None, None, None,
                None, None,
            ),
            f"service {NAME} can't be made",
        )  # fmt: skip
        try:
            _describe(api, service)
        finally:
            api.CloseServiceHandle(service)


def remove(api: win32.Win32, _arguments: list[str]) -> None:
    with _Manager(api) as manager, _Service(api, manager) as service:
        api.ControlService(
            service, CONTROL_STOP, byref(structures.SERVICE_STATUS())
        )  # one that is stopped refuses: good
        api.check(api.DeleteService(service), f"service {NAME} can't be removed")


def start(api: win32.Win32, _arguments: list[str]) -> None:
    with _Manager(api) as manager, _Service(api, manager) as service:
        api.check(api.StartServiceW(service, 0, None), f"service {NAME} can't be started")


def stop(api: win32.Win32, _arguments: list[str]) -> None:
    with _Manager(api) as manager, _Service(api, manager) as service:
        status = structures.SERVICE_STATUS()
        api.check(api.ControlService(service, CONTROL_STOP, byref(status)), f"service {NAME} can't be stopped")


def run(api: win32.Win32, arguments: list[str]) -> None:
    """Be the service: called by Windows's service manager alone, which this process connects to. Returns when it is stopped."""
    from atp_guest_agent.log import Log
    from atp_guest_agent.windows.keeper import Keeper

    command = agent_command(api, arguments)
    log = Log(os.path.join(os.path.dirname(log_of(command)), "service.log"))
    Service(api, Keeper(api, command, log)).dispatch()


def command_line(arguments: list[str]) -> str:
    """What the service manager runs."""
    return subprocess.list2cmdline([*_program(), "service", "run", *arguments])


def agent_command(api: win32.Win32, arguments: list[str]) -> list[str]:
    """What the keeper runs: with a log in the agent's directory, where nothing else was said. Nobody reads its standard error."""
    log = [] if log_of(arguments) else ["--log", os.path.join(directory(api), "agent.log")]
    return [*_program(), *arguments, *log]


def _program() -> list[str]:
    # By -I and -S nothing in the environment or beside the interpreter changes what a process of SYSTEM's runs.
    return [sys.executable, "-I", "-S", os.path.abspath(sys.argv[0])]


class Service:
    """This process towards the service manager.

    States, as told to it: START_PENDING -> RUNNING -> STOP_PENDING (it or Windows says stop) -> STOPPED.
    """

    def __init__(self, api: win32.Win32, keeper: Any) -> None:
        self.state = START_PENDING
        self._api = api
        self._keeper = keeper
        self._handle: int | None = None
        self._failure: OSError | None = None
        # Kept as long as Windows may call them.
        self._main = structures.SERVICE_MAIN(self._run)
        self._handler = structures.HANDLER_EX(self._control)

    def dispatch(self) -> None:
        """Let Windows run the service in this process, until it has ended. Raises OSError: nobody but Windows can."""
        table = (structures.SERVICE_TABLE_ENTRYW * 2)(structures.SERVICE_TABLE_ENTRYW(NAME, self._main))
        self._api.check(
            self._api.StartServiceCtrlDispatcherW(table),
            "only Windows's service manager runs the service ('service start')",
        )
        if self._failure is not None:
            raise self._failure

    def _run(self, _count: int, _arguments: object) -> None:
        """On a thread of Windows's."""
        self._handle = self._api.RegisterServiceCtrlHandlerExW(NAME, self._handler, None)
        if not self._handle:
            return
        self._tell(RUNNING)
        try:
            self._keeper.run()
        except OSError as error:
            self._failure = error
        self._tell(STOPPED)

    def _control(self, control: int, event: int, _data: object, _context: object) -> int:
        """On another thread of Windows's, which wants its answer soon."""
        if control in (CONTROL_STOP, CONTROL_SHUTDOWN):
            self._tell(STOP_PENDING)
            self._keeper.stop()
        elif control == CONTROL_SESSION:
            self._keeper.session_changed()
        elif control != CONTROL_INTERROGATE:
            return NOT_IMPLEMENTED
        return 0

    def _tell(self, state: int) -> None:
        self.state = state
        status = structures.SERVICE_STATUS(
            dwServiceType=OWN_PROCESS,
            dwCurrentState=state,
            dwControlsAccepted=ACCEPTED if state == RUNNING else 0,
            dwWin32ExitCode=0 if self._failure is None else 1067,  # ERROR_PROCESS_ABORTED: start it again
            dwWaitHint=STOP_WAIT_MS if state == STOP_PENDING else 0,
        )
        self._api.SetServiceStatus(self._handle, byref(status))


def _describe(api: win32.Win32, service: int) -> None:
    api.ChangeServiceConfig2W(service, CONFIG_DESCRIPTION, byref(structures.SERVICE_DESCRIPTIONW(DESCRIPTION)))
    restarts = (structures.SC_ACTION * 3)(*[structures.SC_ACTION(1, delay) for delay in (1_000, 5_000, 30_000)])
    first = ctypes.cast(restarts, ctypes.POINTER(structures.SC_ACTION))
    actions = structures.SERVICE_FAILURE_ACTIONSW(86_400, None, None, len(restarts), first)
    api.ChangeServiceConfig2W(service, CONFIG_FAILURE_ACTIONS, byref(actions))


class _Manager:
    def __init__(self, api: win32.Win32) -> None:
        self._api = api

    def __enter__(self) -> int:
        self._handle = self._api.check(
            self._api.OpenSCManagerW(None, None, ALL_ACCESS_MANAGER),
            "the service manager can't be reached (it takes an administrator)",
        )
        return int(self._handle)

    def __exit__(self, *_: object) -> None:
        self._api.CloseServiceHandle(self._handle)


class _Service:
    def __init__(self, api: win32.Win32, manager: int) -> None:
        self._api = api
        self._manager = manager

    def __enter__(self) -> int:
        self._handle = self._api.check(self._api.OpenServiceW(self._manager, NAME, ALL_ACCESS), f"service {NAME}")
        return int(self._handle)

    def __exit__(self, *_: object) -> None:
        self._api.CloseServiceHandle(self._handle)
