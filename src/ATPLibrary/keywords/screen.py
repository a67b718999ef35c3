"""Keywords about what a VM shows."""

from __future__ import annotations

import itertools
from datetime import timedelta
from html import escape
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.evidence.naming import file_name


class ScreenKeywords(Component):
    @keyword(tags=["Screen"])
    def take_screenshot(self, file: str | None = None, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Saves what a VM's screen shows as a PNG file and links it in the log. Returns the file's path.

        - ``file``: where to save it; by default beside the log, named after the VM, with a number. A relative path is
          relative to the log.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Take Screenshot
        | ${path} =    Take Screenshot    desktop.png    vm=win11
        """
        seconds = self.seconds(timeout, "command")

        async def take() -> tuple[str, bytes]:
            machine = await self.machine(vm, seconds)
            return machine.name, await (await machine.qmp(seconds)).screenshot(seconds)

        name, png = self.wait(take(), seconds, f"Taking a screenshot of {named(vm)}")
        directory = _output_directory()
        path = _write_new(directory / "screenshots", name, png) if file is None else _write(directory / file, png)
        logger.info(f"Screen of VM '{escape(name)}': {_link(path, directory)}", html=True)
        return str(path)


def _output_directory() -> Path:
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        return Path(BuiltIn().get_variable_value("${OUTPUT DIR}", "."))
    except RobotNotRunningError:
        return Path()


def _write(path: Path, png: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return path


def _write_new(directory: Path, vm: str, png: bytes) -> Path:
    """Write to the first `VM-N.png` that is free; runs beside each other can't get the same."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = file_name(vm)
    for number in itertools.count(1):
        path = directory / f"{stem}-{number}.png"
        try:
            with path.open("xb") as new:
                new.write(png)
        except FileExistsError:
            continue
        return path
    raise AssertionError("unreachable: there is always a number more")


def _link(path: Path, directory: Path) -> str:
    import os
    from urllib.parse import quote

    relative = os.path.relpath(path, directory)
    return f'<a href="{quote(relative)}"><img src="{quote(relative)}" width="320" alt="{escape(relative)}"></a>'
