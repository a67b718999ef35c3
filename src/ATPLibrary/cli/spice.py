"""`atp spice show FILE` and `atp spice replay FILE`: recorded SPICE sessions."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FAILED = 1


@click.group()
def spice() -> None:
    """Look at a recorded SPICE session, and play it again without its VM.

    'Start Session Recording' makes the files; docs/spice-recordings.md describes them.
    """


@spice.command()
@click.argument("file", type=_FILE)
def show(file: Path) -> None:
    """Print a recording, a line each message: time, channel, <- server or -> client, name, bytes."""
    from ATPLibrary.protocol.spice.recorded import described

    for line in described(file):
        click.echo(line)


@spice.command()
@click.argument("file", type=_FILE)
@click.option("--fast", is_flag=True, help="As fast as it can be taken, not at the pace of the recording.")
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png", help="Write the screen at the end."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="By default 30, and as long as the recording."
)
def replay(file: Path, *, fast: bool, picture: Path | None, timeout: float | None) -> None:
    """Play a recording to this client; exit code 1 where it can't take what the server said, or the server said nothing."""
    from ATPLibrary import runtime
    from ATPLibrary.protocol.spice.recorded import Recording
    from ATPLibrary.protocol.spice.replay import replay as play

    recording = Recording.read(file)
    seconds = timeout if timeout is not None else 30.0 + (0.0 if fast else recording.seconds)
    result = runtime.wait(play(recording, seconds, fast=fast), seconds + 1, f"Replaying {file}")
    for each in result.channels:
        failed = "".join(f": {each}" for each in (each.note, each.failure) if each)
        click.echo(f"{each.opening.name}: took {each.received} of {each.recorded} messages{failed}")
    if picture is not None and result.screen is not None:
        from ATPLibrary.protocol.screen.picture import as_png
        from ATPLibrary.protocol.spice.display.picture import image_of

        picture.write_bytes(as_png(image_of(result.screen)))
        click.echo(f"The screen is in {picture}")
    if not result.messages:
        click.echo("Nothing was replayed: the recording has no message of the server that could be taken", err=True)
    if result.failed or not result.messages:
        click.get_current_context().exit(_FAILED)
