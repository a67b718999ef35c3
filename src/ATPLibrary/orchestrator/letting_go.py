"""Keys and buttons that a failed input could not let go of: released as soon as QEMU takes commands again, whoever asks next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ATPLibrary import runtime
from ATPLibrary.errors import ATPError, VmStateError

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
# A VM that nobody can tell anything for so long is left to its next input, which lets go first.
LONGEST_SECONDS = 120.0


class LettingGo:
    """`try_it()` releases what it can, and is asked again until nothing is left (False) or the VM itself can't take it."""

    def __init__(self, vm: str, try_it: Callable[[], Awaitable[bool]]) -> None:
        self._vm = vm
        self._try_it = try_it
        self._task: asyncio.Task[None] | None = None
        self._again = False  # whether there was reason to begin while it was under way

    def soon(self) -> None:
        """Begin, unless it is under way."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = runtime.spawn(self._run(), f"let go of the keys of VM {self._vm}")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        pause, end = FIRST_PAUSE, time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            self._again = False
            try:
                if not await self._try_it():
                    return
            except VmStateError:
                if self._again:
                    continue  # it may have been resumed or started just after it said so
                return  # of a VM that is off nothing is down; one that is paused is waited for by its typing engine
            except ATPError:
                pass  # lost, silent, or not back yet
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
