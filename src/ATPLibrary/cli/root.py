"""The root of the `atp` command: its subcommands by name, and how errors become exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from ATPLibrary import __version__
from ATPLibrary.errors import ATPError, ConfigError, DeadlineError, InputError

# name: (module:attribute, the line that `atp --help` shows; the same as the first line of the command's own help)
COMMANDS = {
    "agent": ("ATPLibrary.cli.agent:agent", "Get the guest agent out of this installation."),
    "doctor": (
        "ATPLibrary.cli.doctor:doctor",
        "Check what the lab and the library need, and print the fix for what is missing.",
    ),
    "lab": ("ATPLibrary.cli.lab:lab", "Start, stop and look at the one-machine lab."),
    "spice": ("ATPLibrary.cli.spice:spice", "Look at a recorded SPICE session, and play it again without its VM."),
    "vdi": ("ATPLibrary.cli.vdi:vdi", "Look at a VDI platform, and compare it with its hypervisors."),
}

EXIT_USAGE, EXIT_INFRASTRUCTURE, EXIT_DEADLINE, EXIT_INTERRUPTED = 2, 3, 4, 130


class LazyGroup(click.Group):
    """A click group whose subcommands are imported at the moment they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(COMMANDS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="atp")
def atp() -> None:
    """Test virtual desktops, and prove inside the guest that every input arrived.

    \b
    atp doctor      is this machine ready?
    atp lab up      two libvirt hosts and a VDI platform on this machine
    robot suites/   run the suites against it
    atp lab down    remove all of it again
    atp vdi verify  do a platform and its hypervisors tell the same?
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command line. One sentence and an exit code for what is expected to go wrong; a traceback only for our own faults."""
    try:
        status = atp.main(args=args, standalone_mode=False)  # what `Context.exit(status)` was given
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except ATPError as error:
        from ATPLibrary.secrets import redact

        click.echo(f"Error: {redact(str(error))}", err=True)
        sys.exit(_exit_code(error))
    sys.exit(status if isinstance(status, int) else 0)


def _exit_code(error: ATPError) -> int:
    if isinstance(error, (InputError, ConfigError)):
        return EXIT_USAGE
    return EXIT_DEADLINE if isinstance(error, DeadlineError) else EXIT_INFRASTRUCTURE
