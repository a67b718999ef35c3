"""Keywords that compare a screen with a golden image: a picture of how it should look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import ATPError, ConfigError, DeadlineError, InputError, VerificationError
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.screen import Screens
from ATPLibrary.keywords.screen_evidence import show_pictures
from ATPLibrary.protocol.screen.region import CARET, NO_MASKS, Masks, Region
from ATPLibrary.protocol.screen.via import QMP, Via

if TYPE_CHECKING:
    from PIL.Image import Image

    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.screen.comparison import Comparison

# A text cursor blinks about twice a second: within this time a screen that shows one is seen with it and without it.
BLINK_SECONDS = 0.7
# What is to become a golden image must have been the same for so long.
STILL_SECONDS = 1.0
UPDATE_VARIABLE = "${UPDATE GOLDENS}"
_FALSE = ("", "FALSE", "NO", "OFF", "NONE", "0")  # what Robot Framework takes for false


@dataclass
class _Wanted:
    """What a keyword asks for, and how it looked when the keyword looked last."""

    path: Path
    region: Region | None
    masks: Masks
    tolerance: int
    share: float
    via: Via
    expected: Image | None = None
    got: Image | None = None
    comparison: Comparison | None = None

    def judge(self, png: bytes) -> Comparison | None:
        """Compare on a worker thread; None: not yet as it should be."""
        from ATPLibrary.protocol.screen import comparison, picture

        self.got = picture.cut(picture.opened(png), self.region)
        assert self.expected is not None, "read before the first look"
        limits = comparison.Limits(self.tolerance, self.share)
        self.comparison = comparison.compare(self.expected, self.got, self.masks, limits)
        return self.comparison if self.comparison.matches else None


class GoldenImageKeywords(Screens):
    @keyword(tags=["Screen", "Assertion"])
    def screen_should_match(
        self,
        golden: str,
        *,
        region: Region = None,  # type: ignore[assignment] # a union would swallow what is wrong with it
        masks: Masks = NO_MASKS,
        tolerance: int = 0,
        share: float = 0.0,
        update: bool | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
        via: Via = QMP,
    ) -> None:
        """Fails unless a VM's screen looks like a golden image now. The log then shows expected, got and difference.

        The screen is looked at for 0.7 s, so that a text cursor is seen both ways that it blinks.

        - ``golden``: the PNG file. A relative path is relative to the suite's directory. What is transparent in it, or of the
          colour magenta (``#FF00FF``), doesn't count.
        - ``region``: compare only this part of the screen: ``left,top,width,height`` in pixels. The golden image is of that part.
        - ``masks``: regions of the golden image that don't count, in the same form, with ``;`` between them.
        - ``tolerance``: by how much of 255 each colour of a pixel may differ, less than 255.
        - ``share``: which part of the pixels may differ by more than that, from ``0`` to less than ``1``.
        - ``update``: ``True`` writes the golden image as the screen is now, instead of comparing; what an earlier one of the same
          size left out stays left out. By default the variable ``${UPDATE GOLDENS}`` decides:
          ``robot --variable UPDATE_GOLDENS:True``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the answers of QEMU; by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        Example:
        | Connect To VM    win11
        | Screen Should Match    golden/desktop.png    masks=600,0,120,24    tolerance=8    share=0.001
        """
        wanted = _Wanted(_suite_file(golden), region, masks, *_limits(tolerance, share), via)
        self._match(wanted, _is_update(update), vm, self.seconds(timeout, "command"), wait=False)

    @keyword(tags=["Screen", "Assertion"])
    def screen_region_should_be(
        self,
        region: Region,
        golden: str,
        *,
        masks: Masks = NO_MASKS,
        tolerance: int = 0,
        share: float = 0.0,
        update: bool | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
        via: Via = QMP,
    ) -> None:
        """Fails unless a part of a VM's screen looks like a golden image of that part now.

        - ``region``: the part: ``left,top,width,height`` in pixels.
        - ``golden``, ``masks``, ``tolerance``, ``share``, ``update``, ``vm``, ``timeout``, ``via``: as for `Screen Should Match`.

        Example:
        | Connect To VM    win11
        | Screen Region Should Be    0,0,200,40    golden/title.png
        """
        wanted = _Wanted(_suite_file(golden), region, masks, *_limits(tolerance, share), via)
        self._match(wanted, _is_update(update), vm, self.seconds(timeout, "command"), wait=False)

    @keyword(tags=["Screen"])
    def wait_until_screen_matches(
        self,
        golden: str,
        *,
        region: Region = None,  # type: ignore[assignment] # a union would swallow what is wrong with it
        masks: Masks = NO_MASKS,
        tolerance: int = 0,
        share: float = 0.0,
        update: bool | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
        via: Via = QMP,
    ) -> None:
        """Waits until a VM's screen looks like a golden image. When it doesn't, the log shows expected, got and difference.

        - ``golden``, ``region``, ``masks``, ``tolerance``, ``share``, ``vm``, ``via``: as for `Screen Should Match`.
        - ``update``: as for `Screen Should Match`; the image is written when the screen has been still for a second.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        QEMU reports no screen changes, so the screen is looked at again and again: each 50 ms where that is cheap, each second at
        most, and never for more than a quarter of the time. With ``via=spice`` it is looked at whenever the server has drawn on it.

        Example:
        | Connect To VM    win11
        | Wait Until Screen Matches    golden/desktop.png    timeout=30 s
        """
        wanted = _Wanted(_suite_file(golden), region, masks, *_limits(tolerance, share), via)
        self._match(wanted, _is_update(update), vm, self.seconds(timeout, "command"), wait=True)

    def _match(self, wanted: _Wanted, update: bool, vm: str | None, seconds: float, *, wait: bool) -> None:
        what, patience = (
            f"Comparing the screen of {named(vm)} with '{wanted.path.name}'",
            self.patience(seconds, wanted.via),
        )
        if update:
            self.wait(self._update(wanted, vm, seconds, wait=wait), patience, what)
            show_pictures(f"Golden image '{wanted.path}' is written", {"golden": wanted.got})
            return
        try:
            comparison = self.wait(self._compare(wanted, vm, seconds, wait=wait), patience, what)
        except ATPError:
            if wanted.got is not None:
                difference = wanted.comparison.difference if wanted.comparison is not None else None
                pictures = {"expected": wanted.expected, "got": wanted.got, "difference": difference}
                show_pictures(f"The screen and '{wanted.path.name}'", pictures)
            raise
        logger.info(
            f"The screen matches '{wanted.path.name}': {comparison.differing} of {comparison.counted} pixels differ by more than "
            f"{comparison.limits.tolerance}."
        )

    async def _compare(self, wanted: _Wanted, vm: str | None, seconds: float, *, wait: bool) -> Comparison:
        machine = await self.machine(vm, seconds)
        comparison = await self._matching(machine, wanted, seconds, wait=wait)
        await self.prove_now(machine, seconds, wanted.via, f"match '{wanted.path.name}'")
        return comparison

    async def _matching(self, machine: Machine, wanted: _Wanted, seconds: float, *, wait: bool) -> Comparison:
        from ATPLibrary.protocol.screen import picture

        watcher = self.watcher(machine, seconds, via=wanted.via)
        if not wanted.path.exists():
            wanted.got = picture.cut(await watcher.once(picture.opened), wanted.region)
            raise ConfigError.about(
                f"The golden image '{wanted.path}'",
                wanted="exist",
                got="does not",
                next_step="If the screen is right as it is, write it: run again with update=True, or with "
                "--variable UPDATE_GOLDENS:True",
            )
        wanted.expected = await watcher.compute(picture.read, wanted.path)
        if not wait:
            # The first look may take as long as QEMU needs.
            first = await watcher.once(wanted.judge)
            if first is not None:
                return first
        try:
            async with asyncio.timeout(seconds if wait else BLINK_SECONDS):
                return await watcher.until(wanted.judge)
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise _mismatch(machine, wanted, seconds if wait else None) from None

    async def _update(self, wanted: _Wanted, vm: str | None, seconds: float, *, wait: bool) -> None:
        from ATPLibrary import runtime
        from ATPLibrary.protocol.screen import comparison, picture

        machine = await self.machine(vm, seconds)
        watcher = self.watcher(machine, seconds, via=wanted.via)

        def write(png: bytes) -> None:
            wanted.got = picture.cut(picture.opened(png), wanted.region)
            old = picture.read(wanted.path) if wanted.path.exists() else None
            wanted.path.parent.mkdir(parents=True, exist_ok=True)
            wanted.path.write_bytes(picture.as_png(comparison.golden(wanted.got, old)))

        async with runtime.deadline(
            seconds,
            f"The screen of VM '{machine.name}'",
            wanted=f"be still for {STILL_SECONDS:g} s to become a golden image",
            got="went on changing",
        ):
            if wait:
                await watcher.until_still(STILL_SECONDS, wanted.masks, CARET)
            png = await watcher.once(lambda png: png)
        await self.prove_now(machine, seconds, wanted.via, "become a golden image")
        await watcher.compute(write, png)


def _mismatch(machine: Machine, wanted: _Wanted, waited: float | None) -> ATPError:
    part = "" if wanted.region is None else f"Region {wanted.region} of "
    kind: type[ATPError] = VerificationError if waited is None else DeadlineError
    fields: dict[str, Any] = {} if waited is None else {"waited": waited}
    got = "no picture of it came" if wanted.comparison is None else wanted.comparison.sentence()
    return kind.about(
        f"{part}{'The' if not part else 'the'} screen of VM '{machine.name}'",
        wanted=f"match '{wanted.path.name}'",
        got=got,
        next_step="See the pictures in the log; if the screen is right, write it anew with update=True",
        **fields,
    )


def _limits(tolerance: int, share: float) -> tuple[int, float]:
    if not (0 <= tolerance < 255 and 0 <= share < 1):
        raise InputError(
            f"A tolerance is from 0 to 254 and a share from 0 to less than 1, not {tolerance} and {share:g}: of 255, or of 1, any "
            "screen would match."
        )
    return tolerance, share


def _suite_file(golden: str) -> Path:
    """The file that a relative path means: beside the suite's file."""
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        source = Path(str(BuiltIn().get_variable_value("${SUITE SOURCE}", ".")))
    except RobotNotRunningError:
        return Path(golden)
    return (source if source.is_dir() else source.parent) / golden


def _is_update(update: bool | None) -> bool:
    if update is not None:
        return update
    from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

    try:
        return str(BuiltIn().get_variable_value(UPDATE_VARIABLE, "")).upper() not in _FALSE
    except RobotNotRunningError:
        return False
