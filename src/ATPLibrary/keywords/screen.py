"""Keywords about what a VM shows."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named


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
        path = directory / file if file is not None else _free_path(directory / "screenshots", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        logger.info(f"Screen of VM '{name}': {_link(path, directory)}", html=True)
        return str(path)


def _output_directory() -> Path:
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        return Path(BuiltIn().get_variable_value("${OUTPUT DIR}", "."))
    except RobotNotRunningError:
        return Path()


def _free_path(directory: Path, name: str) -> Path:
    # Letters of any script are kept; what a file system or a URL would trip over is not.
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._") or "vm"
    number = 1
    while (path := directory / f"{stem}-{number}.png").exists():
        number += 1
    return path


def _link(path: Path, directory: Path) -> str:
    import os
    from html import escape
    from urllib.parse import quote

    relative = os.path.relpath(path, directory)
    return f'<a href="{quote(relative)}"><img src="{quote(relative)}" width="320" alt="{escape(relative)}"></a>'
