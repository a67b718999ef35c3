"""`python agent.pyz` on Windows: the agent in this session, or a service that keeps one in whichever session has the screen."""

from __future__ import annotations

import ctypes
import os
import sys

from atp_guest_agent import __version__, options
from atp_guest_agent.windows import win32

USAGE = f"""{options.USAGE}
On Windows the configuration file is %ProgramData%\\ATP\\atp-agent.conf (for the service only what --config names), and there is:

  service install [OPTION]...  install a service that starts with Windows and keeps an agent in the active session, with the options
  service remove               stop and remove it
  service start | stop
"""
STOP_EVENT = "--stop-event="
_PROGRAM_DATA = 0x23  # CSIDL_COMMON_APPDATA
_LONGEST_PATH = 260


def main(arguments: list[str], api: win32.Win32 | None = None) -> int:
    """The exit status: 2 for words that make no sense, 1 for what Windows refuses."""
    api = api or win32.load()
    log = ""
    try:
        if arguments[:1] == ["service"]:
            from atp_guest_agent.windows import service

            return service.main(arguments[1:], api)
        stop_event = ""
        if arguments and arguments[0].startswith(STOP_EVENT):  # from the service that started this process
            stop_event = arguments[0][len(STOP_EVENT) :]
            arguments = arguments[1:]
        log = log_of(arguments)
        # Any user may make files there: the service's agent, which is SYSTEM's, reads only what its command line names.
        default_file = os.devnull if stop_event else os.path.join(directory(api), "atp-agent.conf")
        wanted = options.read(arguments, default_file)
        if wanted.action == "--version":
            sys.stdout.write(f"atp-guest-agent {__version__}\n")
        elif wanted.action:
            sys.stdout.write(USAGE)
        else:
            run(wanted, stop_event, api)
    except options.UsageError as error:
        _complain(str(error), f"{error}\n{USAGE}", log)
        return 2
    except OSError as error:
        _complain(str(error), f"atp-guest-agent: {error}\n", log)
        return 1
    return 0


def directory(api: win32.Win32) -> str:
    """Where the configuration is looked for, and the service's logs are where nothing else was said.

    Asked of Windows: services have an environment of their own, whose `ProgramData` needn't be that of whoever installed them.
    """
    path = ctypes.create_unicode_buffer(_LONGEST_PATH)
    result = api.SHGetFolderPathW(None, _PROGRAM_DATA, None, 0, path)
    if result:
        raise OSError(f"Windows doesn't tell where programs keep their data: error {result & 0xFFFFFFFF:#x}")
    return os.path.join(path.value, "ATP")


def log_of(arguments: list[str]) -> str:
    """The file that the command line names for the log, or ""."""
    for number, each in enumerate(arguments):
        name, equals, value = each.partition("=")
        if name == "--log":
            return value if equals else "".join(arguments[number + 1 : number + 2])
    return ""


def _complain(error: str, text: str, log: str) -> None:
    """On standard error; without one, as in the service's agent, in the log."""
    if sys.stderr is not None:
        sys.stderr.write(text)
    elif log:
        from atp_guest_agent.log import Log

        try:
            Log(log).say(error)
        except OSError:
            pass  # the keeper's log tells the exit status


def run(wanted: options.Options, stop_event: str, windows: win32.Win32) -> None:
    """Be the agent of this session until something ends it, such as the event of that name. Raises OSError."""
    from atp_guest_agent.agent import Agent
    from atp_guest_agent.identity import Identity
    from atp_guest_agent.links.chooser import Links
    from atp_guest_agent.log import Log
    from atp_guest_agent.port import DEFAULT_NAME
    from atp_guest_agent.windows import smbios
    from atp_guest_agent.windows.inputs import Windows
    from atp_guest_agent.windows.pipe import Pipe

    port = None if wanted.port == "none" else Pipe(windows, wanted.port or DEFAULT_NAME)

    def identify() -> Identity:
        return smbios.find(windows, wanted.vm_id, wanted.token_file)

    log = Log(wanted.log)
    links = Links(port, wanted.connect, wanted.ca_file)
    stop = None
    if stop_event:
        stop = int(
            windows.check(
                windows.OpenEventW(win32.SYNCHRONIZE, False, stop_event), "the service's event can't be opened"
            )
        )
    agent = Agent(links, Windows(windows, stop_event=stop), identify(), log, wanted.grab, identify)
    agent.stop_on_signals()
    agent.run()
