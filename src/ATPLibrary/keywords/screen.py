"""Keywords about what a VM shows: pictures of it, and when it changes."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.protocol.screen.region import CARET, NO_MASKS, Masks, Region, Size
from ATPLibrary.protocol.screen.via import QMP, Via

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.orchestrator.spice_screen import SpiceScreen
    from ATPLibrary.protocol.screen.watching import Watcher


_ALIVE = "be running so that its screen can be seen to be still"


class Screens(Component):
    """The base of the keywords that look at screens."""

    def watcher(self, machine: Machine, timeout: float, region: Region | None = None, via: Via = QMP) -> Watcher:
        """Looks at the VM's screen, or a part of it, by QMP (through a new channel where the one before ended) or by SPICE."""
        from ATPLibrary.protocol.screen.picture import cut_png
        from ATPLibrary.protocol.screen.watching import Watcher

        screen = self._spice_screen(machine, timeout, via.display) if via.display is not None else None

        async def look_at_it() -> bytes:
            picture = await (look(machine, timeout) if screen is None else screen.look())
            return picture if region is None else await watcher.compute(cut_png, picture, region)

        watcher = Watcher(look_at_it, timeout, None if screen is None else screen.drawn)
        return watcher

    async def prove_now(
        self, machine: Machine, timeout: float, via: Via, wanted: str = "be shown as it is now"
    ) -> None:
        """`VerificationError` where what was seen may be an old picture: by SPICE, of a QEMU that doesn't answer. Takes
        `patience(0, via)` seconds at most.
        """
        if via.display is not None:
            await self._spice_screen(machine, timeout, via.display).require_alive(wanted)

    @staticmethod
    def patience(seconds: float, via: Via) -> float:
        """For a look within `seconds` that is proved behind it."""
        if via.display is None:
            return seconds
        from ATPLibrary.orchestrator.spice_life import LIFE_SECONDS

        return seconds + LIFE_SECONDS

    def _spice_screen(self, machine: Machine, timeout: float, display: int) -> SpiceScreen:
        from ATPLibrary.orchestrator.spice_screen import SpiceScreen

        return SpiceScreen(self.workspace, machine, display, timeout)


class ScreenKeywords(Screens):
    @keyword(tags=["Screen"])
    def take_screenshot(
        self,
        file: str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
        region: Region = None,  # type: ignore[assignment] # a union would swallow what is wrong with it
        *,
        via: Via = QMP,
    ) -> str:
        """Saves what a VM's screen shows as a PNG file and links it in the log. Returns the file's path.

        - ``file``: where to save it; by default beside the log, named after the VM, with a number. A relative path is
          relative to the log.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``region``: only this part of the screen: ``left,top,width,height`` in pixels.
        - ``via``: ``qmp`` asks QEMU; ``spice`` takes what the SPICE client draws on the channel ``display:0``, and ``spice:1`` on
          ``display:1``, with a warning where that isn't what the guest drew. Session and channel are opened where there were
          none, as `Connect To SPICE` does; what has ended is not begun anew, and the keyword says why it ended. A QEMU that is
          frozen draws nothing, so it is asked (by QMP) whether it lives: where it doesn't answer within 5 s the keyword fails.

        Example:
        | Connect To VM    win11
        | Take Screenshot
        | ${path} =    Take Screenshot    desktop.png    vm=win11
        | Take Screenshot    clock.png    region=600,0,120,24
        """
        seconds = self.seconds(timeout, "command")

        async def take() -> tuple[str, bytes]:
            from ATPLibrary.protocol.screen.picture import png_of

            machine = await self.machine(vm, seconds)
            png = await self.watcher(machine, seconds, region, via).once(png_of)
            await self.prove_now(machine, seconds, via)
            return machine.name, png

        name, png = self.wait(take(), self.patience(seconds, via), f"Taking a screenshot of {named(vm)}")
        directory = output.directory()
        if file is None:
            path, link = output.write_beside_log("screenshots", name, ".png", png)
            link = _image(link)
        else:
            path = output.write(directory / file, png)
            link = _image(output.link(path))
        from html import escape

        logger.info(f"Screen of VM '{escape(name)}': {link}", html=True)
        return str(path)

    @keyword(tags=["Screen"])
    def wait_until_screen_changes(
        self,
        since: str | None = None,
        *,
        region: Region = None,  # type: ignore[assignment] # as above
        masks: Masks = NO_MASKS,
        smallest: Size = CARET,
        vm: str | None = None,
        timeout: timedelta | None = None,
        via: Via = QMP,
    ) -> None:
        """Waits until a VM's screen looks different from what it shows now, or from an earlier screenshot.

        What caused the change may be over before this keyword starts: then take a screenshot first and name it in ``since``.

        - ``since``: the file of a screenshot, as `Take Screenshot` returns it: of the whole screen, or of ``region``. By default
          what is shown now.
        - ``region``: look only at this part of the screen: ``left,top,width,height`` in pixels.
        - ``masks``: regions that don't count, in the same form with ``;`` between them: a clock, say. They are counted from the
          corner of ``region`` where that is given.
        - ``smallest``: a difference that fits into a box of so many pixels doesn't count, so that a blinking text cursor isn't a
          change. ``0x0``: every pixel counts.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        QEMU reports no screen changes, so the screen is looked at again and again: each 50 ms where that is cheap, each second at
        most, and never for more than a quarter of the time. With ``via=spice`` it is looked at whenever the server has drawn on it.

        Example:
        | Connect To VM    win11
        | ${before} =    Take Screenshot
        | Press Keys    enter
        | Wait Until Screen Changes    since=${before}    masks=600,0,120,24    timeout=5 s
        | Wait Until Screen Changes    region=0,380,720,20    timeout=5 s
        """
        seconds = self.seconds(timeout, "command")
        before = None if since is None else _read(Path(since), region)

        async def watch() -> str:
            from ATPLibrary import runtime

            machine = await self.machine(vm, seconds)
            watcher = self.watcher(machine, seconds, region, via)
            async with runtime.deadline(
                seconds,
                f"The screen of VM '{machine.name}'",
                wanted="change",
                got="shows the same",
                last_seen=lambda: f"after {watcher.looks} looks",
                next_step="A difference that fits into the box 'smallest' isn't counted, nor is one under a mask",
            ):
                base = before if before is not None else await watcher.once(lambda png: png)
                await watcher.until_changed(base, masks, smallest)
            await self.prove_now(machine, seconds, via, "change")
            return machine.name

        what = f"Waiting until the screen of {named(vm)} changes"
        self._timed(watch(), self.patience(seconds, via), what, "changed")

    @keyword(tags=["Screen"])
    def wait_until_screen_is_still(
        self,
        quiet: timedelta = timedelta(seconds=1),
        *,
        region: Region = None,  # type: ignore[assignment] # as above
        masks: Masks = NO_MASKS,
        smallest: Size = CARET,
        vm: str | None = None,
        timeout: timedelta | None = None,
        via: Via = QMP,
    ) -> None:
        """Waits until a VM's screen has shown the same for a while: the desktop is there, the window is painted.

        A VM that is paused shows the same for ever, and makes this keyword fail.

        - ``quiet``: for how long it must show the same, more than ``0 s``.
        - ``region`` and ``masks``: as for `Wait Until Screen Changes`.
        - ``smallest``: as for `Wait Until Screen Changes`: a blinking text cursor is no unrest.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`: fails where faults on purpose or withheld acknowledgements leave
          the screen unknown, and where QEMU answers nothing at the end.

        Example:
        | Connect To VM    win11
        | Wait Until Screen Is Still    2 s    timeout=1 min
        | Take Screenshot
        """
        seconds = self.seconds(timeout, "boot")
        still = in_seconds(quiet)
        if not still:
            raise InputError(
                "To watch for 0 s proves nothing: say how long the screen must show the same, such as 1 s."
            )
        if still >= seconds:
            raise InputError(
                f"A screen can't be seen to be still for {still:g} s within {seconds:g} s: give it more time."
            )

        async def watch() -> str:
            from ATPLibrary import runtime

            machine = await self.machine(vm, seconds)
            await machine.require_not_paused(_ALIVE, seconds)
            watcher = self.watcher(machine, seconds, region, via)
            spice = self._spice_screen(machine, seconds, via.display) if via.display is not None else None
            if spice is not None:
                await spice.require_known(f"be still for {still:g} s")
            async with runtime.deadline(
                seconds,
                f"The screen of VM '{machine.name}'",
                wanted=f"be still for {still:g} s",
                got="went on changing",
                last_seen=lambda: f"after {watcher.looks} looks",
                next_step="Mask what always moves (masks=left,top,width,height)",
            ):
                await watcher.until_still(still, masks, smallest)
            if spice is not None:  # nothing was drawn, but was it for this that nothing came?
                await spice.require_known(f"be still for {still:g} s")
            await self.prove_now(machine, seconds, via, f"be still for {still:g} s")
            await machine.require_not_paused(_ALIVE, seconds)  # it may have been paused meanwhile
            return machine.name

        what = f"Waiting until the screen of {named(vm)} is still"
        self._timed(watch(), self.patience(seconds, via), what, "is still")

    def _timed(self, watching: Coroutine[Any, Any, str], seconds: float, what: str, done: str) -> None:
        began = time.monotonic()
        name = self.wait(watching, seconds, what)
        logger.info(f"The screen of VM '{name}' {done} after {time.monotonic() - began:.1f} s.")


async def look(machine: Machine, timeout: float) -> bytes:
    """One screenshot, PNG: by QMP, or by libvirt's test driver, which has no QMP."""
    if machine.domain.host.is_simulated:
        from ATPLibrary.protocol.qmp.screen import as_png

        return await as_png(await machine.domain.screenshot(timeout), timeout)
    return await (await machine.qmp(timeout)).screenshot(timeout)


def _read(path: Path, region: Region | None) -> bytes:
    """An earlier screenshot: of the region that is meant, or cut to it."""
    from ATPLibrary.errors import ConfigError
    from ATPLibrary.protocol.screen import picture

    whole = output.directory() / path
    picture.read(whole)
    png = whole.read_bytes()
    shows = picture.part(png)
    if shows is None:
        return png if region is None else picture.cut_png(png, region)
    if shows != str(region):
        raise ConfigError.about(
            f"The screenshot '{path}'",
            wanted="be of the whole screen" if region is None else f"be of the whole screen, or of region {region}",
            got=f"is of region {shows}",
            next_step=f"Look at the same part: region={shows}",
        )
    return png


def _image(link: str) -> str:
    return f'<a href="{link}"><img src="{link}" width="320" alt="{link}"></a>'
