"""What the keywords about watched input share: the watch that is asked, and how what was seen is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.typed import Typed
    from ATPLibrary.verifier.watching import InputWatch

T = TypeVar("T")
Left = Callable[[], float]  # the seconds that are left
# As many things as an error or the log's line shows of what was seen.
SHOWN = 20


class Watched(Component):
    """Keywords that ask the watch which `Start Watching Input` has begun."""

    def _look(
        self,
        look: Callable[[Machine, InputWatch, Left], Awaitable[T]],
        vm: str | None,
        timeout: timedelta | None,
    ) -> T:
        seconds = self.seconds(timeout or None, "command")  # of 0 s, nothing is waited for but the agent's answer
        here = scope.here()

        async def looked() -> T:
            left = remaining(seconds)
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                watch = machine.watches.current()
                if not scope.is_within(machine.watches.where, here):
                    raise VerificationError.about(
                        f"What VM '{machine.name}' has seen",
                        wanted="have been watched from this test on",
                        got="isn't: nobody has begun a watch here",
                        last_seen=f"the last one was begun in '{machine.watches.where}'",
                        next_step="Use 'Start Watching Input' before the input; what another test has seen doesn't count",
                    )
                return await look(machine, watch, left)

        return self.wait(looked(), seconds, f"Looking at what {named(vm)} has seen")


def what_is_typed(machine: Machine, watch: InputWatch, *, masked: bool = False) -> Typed:
    from ATPLibrary.verifier.typed import read

    return read(watch.edges, machine.layout(), held=watch.held, caps_lock=watch.caps_lock, masked=masked)


def some(lines: list[str]) -> str:
    if not lines:
        return "nothing was seen"
    more = f", and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return f"{', '.join(lines[:SHOWN])}{more}"
