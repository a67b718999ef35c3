"""What a run has made on platforms, and how it is removed again: last first, in a bounded time, told in one line.

Robot Framework isn't known here: a creation says the full name of the test or suite at whose end it goes, and whoever ends that
asks for its removal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import DeadlineError

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient

    Remove = Callable[[VdiClient, float], Awaitable[None]]
    Sessions = Callable[[VdiClient, float], AbstractAsyncContextManager[VdiClient]]

# The whole scope of the run: what belongs to no test and no suite.
RUN = ""
# What stays for each thing after a slow one.
RESERVED_SECONDS = 2.0
# A platform is asked something small first, and given up when it doesn't answer for so long; less if it didn't before.
ANSWER_SECONDS = 3.0
SILENT_SECONDS = 1.0
# How many removed things a line names; the others are counted. What could not be removed is always named.
NAMED_IN_A_LINE = 20


class ClosingLevel(Enum):
    """When what a keyword has made is removed: at the end of the test or suite, at the end of the run, or never."""

    TEST = "test"
    SUITE = "suite"
    MANUAL = "manual"
    KEEP = "keep"


@dataclass(eq=False, slots=True)
class Creation:
    """One thing. `client` is the session that made it; `remove(client, seconds)` takes "is gone already" as done.

    `id` is None while the platform hasn't said it, as of a pool whose making broke off: `remove` must find it otherwise.
    """

    kind: str
    name: str
    id: str | None
    client: VdiClient
    level: ClosingLevel
    scope: str
    remove: Remove

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


@dataclass(slots=True)
class Removal:
    """What has become of it: what is gone, and why what isn't."""

    removed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def line(self, when: str) -> str:
        """ "Removed at the end of the test: desk pool 'a', user 'b'; could not remove desk pool 'c': reason"."""
        more = len(self.removed) - NAMED_IN_A_LINE
        names = ", ".join(self.removed[:NAMED_IN_A_LINE]) + (f" and {more} more" if more > 0 else "")
        parts = [f"Removed {when}: {names}"] if self.removed else [f"Nothing was removed {when}"]
        parts += [f"could not remove {name}: {reason}" for name, reason in self.failed.items()]
        return "; ".join(" ".join(part.split()) for part in parts)


class Creations:
    """All that was made and not removed yet, oldest first. Coroutines run on `runtime`'s loop."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._all: list[Creation] = []
        self._silent: set[str] = set()

    @property
    def all(self) -> Sequence[Creation]:
        return tuple(self._all)

    def remember(self, creation: Creation) -> None:
        self._all.append(creation)

    def forget(self, platform: str, kind: str, id_: str) -> None:
        """Something else has removed it."""
        self._all = [each for each in self._all if (each.client.name, each.kind, each.id) != (platform, kind, id_)]

    def last_as_long(self, kind: str, creation: Creation) -> None:
        """The thing of that kind with the same platform and id is removed no sooner than `creation`, which it has become."""
        levels = list(ClosingLevel)
        for each in self._all:
            is_it = (each.client.name, each.kind, each.id) == (creation.client.name, kind, creation.id)
            if is_it and levels.index(each.level) < levels.index(creation.level):
                each.level, each.scope = creation.level, creation.scope

    def drop(self, creation: Creation) -> None:
        """It was never made."""
        self._all = [each for each in self._all if each is not creation]

    def of_scope(self, scope: str) -> list[Creation]:
        """What goes at the end of that test or suite; for `RUN` all that is left. What is kept never goes."""
        return [each for each in self._all if each.level is not ClosingLevel.KEEP and scope in (each.scope, RUN)]

    @property
    def kept(self) -> list[Creation]:
        return [each for each in self._all if each.level is ClosingLevel.KEEP]

    async def remove(self, creations: Sequence[Creation], timeout: float, each: float) -> Removal:
        """Remove these, last first: in `timeout` seconds in all, in `each` seconds a thing. No failure stops the others.

        What could not be removed is remembered until the end of the run, when it is tried once more.
        """
        removal = Removal()
        end = time.monotonic() + timeout
        answering: set[str] = set()
        order = sorted(creations, key=self._all.index, reverse=True)
        for number, creation in enumerate(order, 1):
            left = max(0.0, end - time.monotonic())
            seconds = min(each, left - min(RESERVED_SECONDS * (len(order) - number), left / 2))
            # Whatever goes wrong with one, also what is no error of ours, must not keep the others.
            [outcome] = await asyncio.gather(self._remove(creation, seconds, answering), return_exceptions=True)
            if outcome is None:
                removal.removed.append(str(creation))
                self.drop(creation)
                continue
            removal.failed[str(creation)] = str(outcome).rstrip(".") or type(outcome).__name__
            creation.level, creation.scope = ClosingLevel.MANUAL, RUN
        return removal

    async def _remove(self, creation: Creation, seconds: float, answering: set[str]) -> None:
        if not seconds:
            raise DeadlineError(
                f"no time was left for it, after what platform '{creation.client.name}' took for others"
            )
        platform = creation.client.name
        patience = min(seconds, SILENT_SECONDS if platform in self._silent else ANSWER_SECONDS)
        self._silent.add(platform)
        async with (
            runtime.deadline(seconds, f"Removing {creation}"),
            self._sessions(creation.client, patience) as client,
        ):
            if platform not in answering:
                await client.ping(patience)
            answering.add(platform)
            self._silent.discard(platform)
            await creation.remove(client, seconds)
