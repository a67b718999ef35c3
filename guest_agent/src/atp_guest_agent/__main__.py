"""`python agent.pyz`: the agent as a program."""

from __future__ import annotations

import sys

from atp_guest_agent import __version__, options


def main(arguments: list[str] | None = None) -> int:
    if sys.platform == "win32":
        from atp_guest_agent.windows import command

        return command.main(sys.argv[1:] if arguments is None else arguments)
    try:
        wanted = options.read(sys.argv[1:] if arguments is None else arguments)
    except options.UsageError as error:
        sys.stderr.write(f"{error}\n{options.USAGE}")
        return 2
    except OSError as error:
        return _complain(error)
    if wanted.action == "--version":
        sys.stdout.write(f"atp-guest-agent {__version__}\n")
    elif wanted.action == "--help":
        sys.stdout.write(options.USAGE)
    elif wanted.action == "--systemd-unit":
        from atp_guest_agent import systemd

        sys.stdout.write(systemd.unit(sys.executable, sys.argv[0]))
    else:
        return _run(wanted)
    return 0


def _run(wanted: options.Options) -> int:
    from atp_guest_agent import identity
    from atp_guest_agent.agent import Agent
    from atp_guest_agent.evdev import InputDirectory
    from atp_guest_agent.links.chooser import Links
    from atp_guest_agent.linux import Linux
    from atp_guest_agent.log import Log
    from atp_guest_agent.port import DEFAULT_NAME, Port

    def identify() -> identity.Identity:
        return identity.find(wanted.vm_id, wanted.token_file)

    try:
        log = Log(wanted.log)
        found = identify()
    except OSError as error:
        return _complain(error)
    port = None if wanted.port == "none" else Port(wanted.port or DEFAULT_NAME)
    links = Links(port, wanted.connect, wanted.ca_file)
    agent = Agent(links, Linux(InputDirectory()), found, log, wanted.grab, identify)
    agent.stop_on_signals()
    agent.run()
    return 0


def _complain(error: OSError) -> int:
    sys.stderr.write(f"atp-guest-agent: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
