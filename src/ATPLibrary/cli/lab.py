"""`atp lab up | down | status | platform`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from ATPLibrary.config import lab_directory

_NOT_UP = 3


def _directory(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    return value.absolute() if value else lab_directory(os.environ)


_dir_option = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_directory,
    metavar="DIR",
    help="The lab's directory; $ATP_LAB_DIR or ~/.cache/atp/lab when not given.",
)


@click.group()
def lab() -> None:
    """Start, stop and look at the one-machine lab."""


@lab.command()
@_dir_option
@click.option("--desktop", is_flag=True, help="Define VM 'desktop-1' too, which has a desktop with a SPICE agent.")
def up(directory: Path, desktop: bool) -> None:
    """Start two libvirt hosts and a VDI platform on this machine.

    The first time, the guest image is built from Debian packages, which takes a few minutes. When the lab is up already,
    nothing is done, but for the desktop where that is asked for.
    """
    from ATPLibrary.lab.lab import CONFIG_FILE, Lab

    _interrupt_on(signal.SIGTERM, signal.SIGHUP)
    settings = Lab(directory).up(_progress(), with_desktop=desktop)
    click.echo(f"Configuration (with the password of '{settings.platform.username}'): {directory / CONFIG_FILE}")
    if directory == lab_directory(os.environ):
        click.echo("Now: robot suites/    and at the end: atp lab down")
    else:
        click.echo(f"Now: export ATP_LAB_DIR={directory} && robot suites/    and at the end: atp lab down")


@lab.command()
@_dir_option
def down(directory: Path) -> None:
    """End the lab's VMs, platform and libvirt hosts, whatever state they are in."""
    from ATPLibrary.lab.lab import Lab

    Lab(directory).down(_progress())


@lab.command()
@_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing; only the exit code says whether the lab is up.")
def status(directory: Path, as_json: bool, quiet: bool) -> None:
    """Show the lab's hosts, VMs and platform. The exit code is 0 when it is up, else 3."""
    from ATPLibrary.lab.lab import Lab

    now = Lab(directory).status()
    if as_json:
        click.echo(json.dumps(now.as_json(), indent=2, ensure_ascii=False))
    elif not quiet:
        click.echo("\n".join(now.lines()))
    sys.exit(0 if now.condition == "up" else _NOT_UP)


@lab.command()
@click.option("--describe", is_flag=True, required=True, help="Print the platform's OpenAPI document.")
def platform(describe: bool) -> None:
    """Describe the lab's VDI platform: each path, what it accepts, and what it answers, as OpenAPI in JSON."""
    from ATPLibrary.lab.platform.description import describe as description

    click.echo(json.dumps(description(), indent=2, ensure_ascii=False))


def _progress() -> Callable[[str], None]:
    """Each step on a line of its own, with the seconds since the start, on stderr."""
    started = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - started:6.1f} s  {text}", err=True)

    return say


def _interrupt_on(*signals: signal.Signals) -> None:
    """End as on Ctrl-C, so that what was started is taken down."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in signals:
        signal.signal(number, interrupt)
