"""Keywords about the text of a screen in VGA text mode."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError, VmStateError
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.screen import Screens
from ATPLibrary.protocol.screen.via import QMP, Via

if TYPE_CHECKING:
    from ATPLibrary.protocol.screen.text import TextScreen


class ScreenTextKeywords(Screens):
    @keyword(tags=["Screen", "Getter"])
    def get_screen_text(
        self,
        vm: str | None = None,
        operator: Operator | None = None,
        expected: str | None = None,
        timeout: timedelta | None = None,
        *,
        via: Via = QMP,
    ) -> str:
        """Returns the text on a VM's screen: its lines, without the blanks at their ends.

        The screen must be in VGA text mode, as BIOS, boot loaders and Linux consoles without graphics are. Each character is
        recognised exactly, by the font of the VM's own video BIOS; one that isn't in it is returned as U+FFFD, and an underline
        that the cursor covers as a blank. A screen in graphics mode makes the keyword fail: use `Screen Should Match` there.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``operator`` and ``expected``: an assertion about the text, such as ``contains  login:``.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        Example:
        | Connect To VM    win11
        | ${text} =    Get Screen Text
        | Get Screen Text    win11    contains    login:
        """
        name, screen = self._read(vm, timeout, via)
        check(f"The text on the screen of VM '{name}'", screen.text, operator, expected)
        return screen.text

    @keyword(tags=["Screen", "Assertion"])
    def screen_should_contain(
        self, text: str, vm: str | None = None, timeout: timedelta | None = None, *, via: Via = QMP
    ) -> None:
        """Fails unless a VM's screen shows a text now. For a screen in text mode: see `Get Screen Text`.

        - ``text``: the text, in one line, or in several as the screen has them. It may go over the right edge into the next line.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        Example:
        | Connect To VM    win11
        | Screen Should Contain    login:
        """
        _check_wanted(text)
        name, screen = self._read(vm, timeout, via)
        if text not in screen:
            raise VerificationError.about(
                f"The screen of VM '{name}'", wanted=f"contain {shown(text)}", got="does not", last_seen=shown(screen.text)
            )  # fmt: skip

    @keyword(tags=["Screen", "Assertion"])
    def screen_should_not_contain(
        self, text: str, vm: str | None = None, timeout: timedelta | None = None, *, via: Via = QMP
    ) -> None:
        """Fails if a VM's screen shows a text now. For a screen in text mode: see `Get Screen Text`.

        - ``text``: the text, as for `Screen Should Contain`.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        Example:
        | Connect To VM    win11
        | Screen Should Not Contain    Kernel panic
        """
        _check_wanted(text)
        name, screen = self._read(vm, timeout, via)
        if text in screen:
            raise VerificationError.about(
                f"The screen of VM '{name}'", wanted=f"not contain {shown(text)}", got="does", last_seen=shown(screen.text)
            )  # fmt: skip

    @keyword(tags=["Screen"])
    def wait_until_screen_contains(
        self, text: str, vm: str | None = None, timeout: timedelta | None = None, *, via: Via = QMP
    ) -> None:
        """Waits until a VM's screen shows a text. For a screen in text mode: see `Get Screen Text`.

        While the screen is in graphics mode, as it may be during a boot, the keyword waits on.

        - ``text``: the text, as for `Screen Should Contain`.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``via``: ``qmp``, or ``spice`` as for `Take Screenshot`.

        Example:
        | Connect To VM    win11
        | Type Text    uname -s\\n
        | Wait Until Screen Contains    Linux    timeout=5 s
        """
        _check_wanted(text)
        seconds = self.seconds(timeout, "command")
        seen = ["nothing yet"]

        async def watch() -> tuple[str, str]:
            from ATPLibrary import runtime
            from ATPLibrary.protocol.qmp.screen_text import read_font
            from ATPLibrary.protocol.screen.picture import opened
            from ATPLibrary.protocol.screen.text import NotTextError, read_text

            machine = await self.machine(vm, seconds)
            watcher = self.watcher(machine, seconds, via=via)
            async with runtime.deadline(
                seconds,
                f"The screen of VM '{machine.name}'",
                wanted=f"contain {shown(text)}",
                got="did not",
                last_seen=lambda: f"{seen[0]}, in {watcher.looks} looks",
            ):
                font = await read_font(await machine.qmp(seconds), seconds)

                def judge(png: bytes) -> str | None:
                    try:
                        screen = read_text(opened(png), font)
                    except NotTextError as error:
                        seen[0] = f"the screen {error}"
                        return None
                    seen[0] = shown(screen.text)
                    return screen.text if text in screen else None

                found = await watcher.until(judge)
            await self.prove_now(machine, seconds, via, f"contain {shown(text)}")
            return machine.name, found

        name, found = self.wait(
            watch(), self.patience(seconds, via), f"Waiting for {shown(text)} on the screen of {named(vm)}"
        )
        logger.info(f"The screen of VM '{name}' says:\n{found}")

    def _read(self, vm: str | None, timeout: timedelta | None, via: Via) -> tuple[str, TextScreen]:
        """The VM's name and what its screen says now. `VmStateError` when that is no text."""
        seconds = self.seconds(timeout, "command")

        async def read() -> tuple[str, TextScreen]:
            from ATPLibrary.protocol.qmp.screen_text import read_font
            from ATPLibrary.protocol.screen.picture import opened
            from ATPLibrary.protocol.screen.text import NotTextError, read_text

            machine = await self.machine(vm, seconds)
            font = await read_font(await machine.qmp(seconds), seconds)
            try:
                screen = await self.watcher(machine, seconds, via=via).once(lambda png: read_text(opened(png), font))
            except NotTextError as error:
                raise VmStateError.about(
                    f"The screen of VM '{machine.name}'",
                    wanted="be in text mode so that its text can be read",
                    got=str(error),
                    next_step="Compare its picture instead, with 'Screen Should Match'",
                ) from error
            await self.prove_now(machine, seconds, via)
            return machine.name, screen

        name, screen = self.wait(read(), self.patience(seconds, via), f"Reading the screen of {named(vm)}")
        logger.info(f"The screen of VM '{name}' says:\n{screen.text}")
        return name, screen


def _check_wanted(text: str) -> None:
    if not text.strip():
        raise InputError("There is no text to look for on the screen: it is empty.")
