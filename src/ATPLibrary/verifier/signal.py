"""Something has changed: whoever waits looks again. Kept small, as each VM has some and nobody waits for most."""

from __future__ import annotations

import asyncio


class Signal:
    """Of one loop. Not remembered: who begins to wait after `give()` waits for the next one."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []  # asyncio.Event keeps a deque of 0.6 KiB

    def give(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)
