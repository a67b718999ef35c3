"""`python agent.pyz` on Windows: the agent in this session, or a service that keeps one in whichever session has the screen."""

from __future__ import annotations

import os
import sys

from atp_guest_agent import __version__, options
from atp_guest_agent.windows import win32

DIRECTORY = os.path.join(os.environ.get("PROGRAMDATA", "C:\\ProgramData"), "ATP")
CONFIG_FILE = os.path.join(DIRECTORY, "atp-agent.conf")
USAGE = f"""{options.USAGE}
On Windows the configuration file is {CONFIG_FILE}, and there is:

  service install [OPTION]...  install a service that starts with Windows and keeps an agent in the active session, with the options
  service remove               stop and remove it
  service start | stop
"""
STOP_EVENT = "--stop-event="


def main(arguments: list[str]) -> int:
    """The exit status: 2 for words that make no sense, 1 for what Windows refuses."""
    try:
        if arguments[:1] == ["service"]:
            from atp_guest_agent.windows import service

            return service.main(arguments[1:])
        stop_event = ""
        if arguments and arguments[0].startswith(STOP_EVENT):  # from the service that started this process
            stop_event = arguments[0][len(STOP_EVENT) :]
            arguments = arguments[1:]
        wanted = options.read(arguments, CONFIG_FILE)
        if wanted.action == "--version":
            sys.stdout.write(f"atp-guest-agent {__version__}\n")
        elif wanted.action:
            sys.stdout.write(USAGE)
        else:
            run(wanted, stop_event)
    except options.UsageError as error:
        _complain(f"{error}\n{USAGE}")
        return 2
    except OSError as error:
        _complain(f"atp-guest-agent: {error}\n")
        return 1
    return 0


def _complain(text: str) -> None:
    if sys.stderr is not None:  # the service's processes have none
        sys.stderr.write(text)


def run(wanted: options.Options, stop_event: str = "", api: win32.Win32 | None = None) -> None:
    """Be the agent of this session until something ends it, such as the event of that name. Raises OSError."""
    from atp_guest_agent.agent import Agent
    from atp_guest_agent.identity import Identity
    from atp_guest_agent.links.chooser import Links
    from atp_guest_agent.log import Log
    from atp_guest_agent.port import DEFAULT_NAME
    from atp_guest_agent.windows import smbios
    from atp_guest_agent.windows.inputs import Windows
    from atp_guest_agent.windows.pipe import Pipe

    windows = api or win32.load()
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
