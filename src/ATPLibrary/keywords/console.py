"""Keywords about a VM's serial console, as its host logs it."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named


class ConsoleKeywords(Component):
    @keyword(tags=["Console", "Getter"])
    def get_console_text(
        self,
        vm: str | None = None,
        operator: Operator | None = None,
        expected: str | None = None,
        lines: int = 200,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns the end of what a VM wrote to its serial console: boot messages, kernel errors.

        The console must be logged to a file on this machine, as the lab does; elsewhere the keyword says that it can't.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``operator`` and ``expected``: an assertion about the text, such as ``contains  login:``. An empty console proves nothing.
        - ``lines``: how many lines from the end.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | ${text} =    Get Console Text    win11    lines=50
        | Get Console Text    win11    not contains    Kernel panic
        """
        if lines < 1:
            raise InputError(f"The last {lines} lines of a console are no text to look at: give lines= 1 or more.")
        seconds = self.seconds(timeout, "command")

        async def read() -> tuple[str, str]:
            from ATPLibrary.orchestrator.console import console_text

            machine = await self.machine(vm, seconds)
            return await console_text(machine, lines, seconds), machine.name

        text, name = self.wait(read(), seconds, f"Reading the console of {named(vm)}")
        if not text.strip() and operator is not None and expected:
            raise VerificationError.about(
                f"The console of VM '{name}'",
                wanted="have something on it: what isn't there proves nothing of a guest that has written nothing",
                got="is empty",
                next_step="Wait until the guest has started, and see that its kernel writes to the serial line (console=ttyS0)",
            )
        check(f"The last {lines} lines of the console of VM '{name}'", text, operator, expected)
        logger.info(text or "(the console is empty)")
        return text
