"""`atp doctor`."""

from __future__ import annotations

import json
import os
import sys

import click

_MISSING = 3
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
    for finding in examine(lab_directory(os.environ), dict(os.environ)):
        findings.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.level.value]
            click.echo(f"{click.style(f'{mark:8}', fg=colour)}{finding.name}: {finding.said}")
            if finding.fix:
                click.echo(f"{'':8}  fix: {finding.fix}")
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=False))
    sys.exit(_MISSING if any(finding.level is Level.MISSING for finding in findings) else 0)
