"""Keywords that judge the keys which others sent: what `Start Watching Input` has kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import shown
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.plain import plain
from ATPLibrary.keywords.watched import Left, Watched, some, what_is_typed
from ATPLibrary.secrets import MASK

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.typed import Typed
    from ATPLibrary.verifier.watching import InputWatch


class WatchedKeysKeywords(Watched):
    @keyword(tags=["Verification", "Assertion"])
    def key_should_have_arrived(
        self,
        key: str,
        times: int | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless a VM's guest has seen a key, a combination or a mouse button go down and up since `Start Watching Input`.

        A combination has exactly the modifiers that it names (ctrl, shift, alt, meta), pressed before its keys: ctrl+shift+c isn't
        ``ctrl+c``, and ``c`` is only c without any. A modifier by itself counts where no key was pressed with it.

        - ``key``: as for `Press Keys` (``a``, ``ctrl+alt+delete``), or ``left button``, ``ctrl+left button``, ...
        - ``times``: exactly how often; by default at least once.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may still take to come, the agent's answer included; by default it must have come.

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Press Keys    ctrl+c
        | Key Should Have Arrived    ctrl+c    times=1
        """

        async def look(machine: Machine, watch: InputWatch, left: Left) -> tuple[int, list[str]]:
            from ATPLibrary.verifier.keys import parse_combination
            from ATPLibrary.verifier.typed import pressed

            with_it, plus, button = key.rpartition("+") if key.endswith(" button") else (key, "", "")
            keys = parse_combination(with_it, machine.layout()) if plus or not button else []
            keys += [button.strip()] if button else []
            await watch.settle(left())
            await watch.until(
                lambda: pressed(watch.edges, keys, watch.held) >= (times or 1), left() if timeout else 0.0
            )
            watch.check_is_whole()
            return pressed(watch.edges, keys, watch.held), watch.lines()

        if times is not None and times < 1:
            raise InputError("Give a number of times of at least 1; 'No Input Should Arrive' is for none at all.")
        count, lines = self._look(look, vm, timeout)
        if count < 1 or (times is not None and count != times):
            raise VerificationError.about(
                f"Key '{key}' in {named(vm)}",
                wanted=f"have arrived {times} times" if times is not None else "have arrived",
                got=f"did {count} times" if count else "did not",
                last_seen=some(lines),
                next_step="It counts with exactly its modifiers, which go down first, and once all of it has come up",
            )
        logger.info(f"Proved: {named(vm)} has seen '{key}' go down and up {count} times.")

    @keyword(tags=["Verification", "Assertion"])
    def text_should_have_arrived_in_order(
        self, text: str | Secret, *, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        r"""Fails unless the keys that a VM's guest has seen since `Start Watching Input` write a text: nothing less, nothing more.

        They are read as the VM's keyboard layout writes them (`Set Keyboard Layout`), with Caps Lock as its light was when the
        watch began. For text that others type; `Type Text` proves its own. Keys that aren't text (Backspace, arrows, F5, Caps Lock,
        anything with ctrl, alt or meta) make it fail, as do keys that are still down and those that the guest repeated by itself.
        Mouse buttons don't: the log tells of them.

        - ``text``: what should have been written; ``\n`` is Enter and ``\t`` is Tab. Of a secret the error names positions only.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may still take to come, the agent's answer included; by default it must have come.

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Type Text    Hello from elsewhere
        | Text Should Have Arrived In Order    Hello from elsewhere
        """
        unified, is_secret = plain(text)
        wanted = unified.replace("\r\n", "\n")
        if not wanted:
            raise InputError(
                "No text is no proof: say what was written; 'No Input Should Arrive' is for nothing at all."
            )

        async def look(machine: Machine, watch: InputWatch, left: Left) -> tuple[Typed, Typed, list[str], list[str]]:
            def has_come() -> bool:
                typed = what_is_typed(machine, watch)
                return len(typed.text) >= len(wanted) and not typed.down

            await watch.settle(left())
            await watch.until(has_come, left() if timeout else 0.0)
            watch.check_is_whole()
            buttons = [*dict.fromkeys(edge.name for edge in watch.edges if edge.name.endswith(" button"))]
            return what_is_typed(machine, watch), what_is_typed(machine, watch, masked=True), watch.repeats, buttons

        got, readable, repeats, buttons = self._look(look, vm, timeout)

        def told(keys: Sequence[str]) -> str:
            return f"{len(keys)} of them" if is_secret else some([*keys])

        if got.text != wanted:
            raise VerificationError.about(
                f"The text that {named(vm)} has seen typed",
                wanted=f"be {MASK if is_secret else shown(wanted)}",
                got=f"is another, of {len(got.text)} characters" if is_secret else f"is {shown(readable.text)}",
                last_seen=f"keys that aren't text: {told(got.beside)}" if got.beside else "",
                next_step=_first_difference(got.text, wanted) + "'Get Observed Input' tells every key",
            )
        more = [f"keys that aren't text came with it: {told(got.beside)}"] if got.beside else []
        more += [f"still down: {told(got.down)}"] if got.down else []
        more += [f"repeated by the guest itself: {told(repeats)}"] if repeats else []
        if more:
            raise VerificationError.about(
                f"The text that {named(vm)} has seen typed",
                wanted=f"be {MASK if is_secret else shown(wanted)} and nothing more",
                got=f"isn't all: {'; '.join(more)}",
                next_step="'Get Observed Input' tells every key",
            )
        said = f" Beside it came: {', '.join(buttons)}." if buttons else ""
        logger.info(
            f"Proved: {named(vm)} has seen {MASK if is_secret else shown(wanted)} typed, in order and once.{said}"
        )


def _first_difference(got: str, wanted: str) -> str:
    position = next(
        (i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), min(len(got), len(wanted))
    )
    return f"They differ from character {position + 1} on. " if got != wanted else ""
