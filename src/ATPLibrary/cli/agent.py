"""`atp agent build OUT.pyz`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def agent() -> None:
    """Get the guest agent out of this installation."""


@agent.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.pyz")
def build(out: Path) -> None:
    """Write the agent as one file, to be brought into a guest by hand.

    Any Python 3.8 or later runs it: python3 OUT.pyz --help. docs/guest-agent.md says how a guest starts it by itself.
    """
    from ATPLibrary import agent_package
    from ATPLibrary.errors import InputError

    package = agent_package.build()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(package.content)
        out.chmod(0o755)
    except OSError as error:
        raise InputError(f"'{out}' can't be written: {error.strerror}.") from error
    click.echo(f"{out}: agent {package.version}, {len(package.content)} bytes, SHA-256 {package.sha256}")
