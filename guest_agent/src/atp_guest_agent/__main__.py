"""`python agent.pyz`: the command line."""

from __future__ import annotations

import sys

from atp_guest_agent import __version__

USAGE = """\
usage: python agent.pyz [--port PATH_OR_NAME] [--token-file FILE] [--vm-id ID] [--log FILE] [--grab] [--version]

Reports the input that this guest's kernel sees to the host's ATPLibrary.

  --port PATH_OR_NAME  virtio-serial port by name, or a path: character device, serial line, UNIX socket
                       (com.vmagent.sock)
  --token-file FILE    the token to answer with (else DMI chassis_asset_tag, if it starts with atp-token:)
  --vm-id ID           this guest's id (else DMI product_serial, product_uuid, host name)
  --log FILE           write a log of at most 256 KiB there (else standard error)
  --grab               while a host watches, what is typed reaches nobody else in this guest
  --version            print the version
"""

_OPTIONS = ("--port", "--token-file", "--vm-id", "--log")
_FLAGS = ("--grab", "--version", "--help", "-h")


class UsageError(Exception):
    """The command line can't be understood."""


def parse(arguments: list[str]) -> dict[str, str]:
    """Options by name. Raises UsageError. (argparse costs more start-up than the agent itself.)"""
    found: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in _FLAGS:
            found[name] = ""
        elif name not in _OPTIONS:
            raise UsageError(f"unknown argument {name!r}")
        elif equals:
            found[name] = value
        elif rest:
            found[name] = rest.pop(0)
        else:
            raise UsageError(f"{name} needs a value")
    return found


def main(arguments: list[str] | None = None) -> int:
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except UsageError as error:
        sys.stderr.write(f"{error}\n{USAGE}")
        return 2
    if "--version" in options:
        sys.stdout.write(f"atp-guest-agent {__version__}\n")
        return 0
    if "--help" in options or "-h" in options:
        sys.stdout.write(USAGE)
        return 0
    return _run(options)


def _run(options: dict[str, str]) -> int:
    from atp_guest_agent import identity
    from atp_guest_agent.agent import Agent
    from atp_guest_agent.evdev import InputDirectory
    from atp_guest_agent.linux import Linux
    from atp_guest_agent.log import Log
    from atp_guest_agent.port import DEFAULT_NAME, Port

    try:
        log = Log(options.get("--log"))
        found = identity.find(options.get("--vm-id"), options.get("--token-file"))
    except OSError as error:
        sys.stderr.write(f"atp-guest-agent: {error}\n")
        return 1
    port = Port(options.get("--port", DEFAULT_NAME))
    agent = Agent(port, Linux(InputDirectory()), found, log, grab="--grab" in options)
    agent.stop_on_signals()
    agent.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
