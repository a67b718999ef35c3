"""Something that is opened when it is first needed, once, however many ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ATPLibrary import runtime
from ATPLibrary.transport.remaining import remaining

T = TypeVar("T")


class Opened(Generic[T]):
    """Empty until `get()`, which opens it; `take()` empties it again and leaves closing to the caller.

    Belongs to one asyncio loop. An opening that fails or is cancelled leaves it empty, so the next `get()` tries afresh.
    """

    __slots__ = ("_generation", "_lock", "_open", "_what", "asked", "value")

    def __init__(self, what: str, open_: Callable[[float], Awaitable[T]]) -> None:
        self._what = what
        self._open = open_
        self._lock = asyncio.Lock()
        self._generation = 0
        self.value: T | None = None
        self.asked = (
            0.0  # the timeout of whose opening is under way, of which that is given what is left: for its sentences
        )

    async def get(self, timeout: float) -> T:
        """The open thing. `timeout` in seconds bounds waiting for another's opening and one's own.

        One's own opening is given what is left, and keeps to it: its error says what was missing.
        """
        if self.value is not None:
            return self.value
        left = remaining(timeout)
        async with runtime.deadline(timeout, self._what, wanted="be open", got="is not"):
            await self._lock.acquire()
        try:
            if self.value is None:
                generation, self.asked = self._generation, timeout
                value = await self._open(left())
                if generation != self._generation:
                    # The VM was restarted while this was opening: it leads to the old one. Nobody else has seen it.
                    return value
                self.value = value
            return self.value
        finally:
            self._lock.release()

    def take(self) -> T | None:
        """Return what is open, if anything, and be empty."""
        self._generation += 1
        value, self.value = self.value, None
        return value
