"""`atp doctor`."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ATPLibrary.lab.doctor import Finding

_MISSING = 3
# The first time GStreamer looks at each of its plugins.
_GSTREAMER_SECONDS = 30.0
_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "missing": ("MISSING", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check what the lab and the library need, and print the fix for what is missing.

    The exit code is 0 when nothing is missing, else 3.
    """
    from ATPLibrary.config import lab_directory
    from ATPLibrary.lab.doctor import Level, examine

    findings = []
    for finding in itertools.chain(examine(lab_directory(os.environ), dict(os.environ)), _optional_parts()):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.level.value]
            click.echo(f"{click.style(f'{mark:8}', fg=colour)}{finding.name}: {finding.said}")
            if finding.fix:
                click.echo(f"{'':8}  fix: {finding.fix}")
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=False))
    sys.exit(_MISSING if any(finding.level is Level.MISSING for finding in findings) else 0)


def _optional_parts() -> Iterator[Finding]:
    """What only some keywords need: nothing of it is missing."""
    from ATPLibrary.errors import ConfigError
    from ATPLibrary.lab.doctor import Finding, Level, install
    from ATPLibrary.orchestrator.rtsp_server import missing_packages

    name = "RTSP streams of a screen"
    try:
        missing = missing_packages(_GSTREAMER_SECONDS)
    except ConfigError as error:
        yield Finding(name, Level.NOTE, str(error), "gst-inspect-1.0 appsrc  # says what is wrong with GStreamer")
        return
    if missing:
        said = f"without {missing}, which only 'Start RTSP Stream' needs"
        yield Finding(name, Level.NOTE, said, install(*missing.split()))
    else:
        yield Finding(name, Level.OK, "GStreamer's RTSP server is there")
