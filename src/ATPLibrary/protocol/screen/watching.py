"""Looks at a screen again and again until it is as wanted.

QEMU reports no changes, so there is no event to wait for. The pause between two looks adapts: three times what the last look took,
at least 50 ms and at most 1 s. So a cheap screen is seen to change at once, and an expensive one (4K, a far host, a busy QEMU) is
looked at for no more than a quarter of the time. Where the screen is drawn in this process (SPICE) a draw is the event.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from PIL import Image

from ATPLibrary.protocol.screen.comparison import moved
from ATPLibrary.protocol.screen.picture import WORKERS, opened
from ATPLibrary.protocol.screen.region import Masks, Size

T = TypeVar("T")

LOOK_SHARE = 0.25
SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 1.0

Look = Callable[[], Awaitable[bytes]]  # one screenshot, a file of any kind that Pillow reads
# Waits until something was drawn since the last look, for so many seconds at most.
Drawn = Callable[[float], Awaitable[None]]


class Watcher:
    """Looks at one screen. Its caller has the deadline: put it into `runtime.deadline`. `last` is the newest picture."""

    def __init__(self, look: Look, timeout: float, drawn: Drawn | None = None) -> None:
        self.looks = 0
        self.last = b""
        self._look = look
        self._timeout = timeout
        self._drawn = drawn

    async def until(self, judge: Callable[[bytes], T | None]) -> T:
        """Look until `judge`, called on a worker thread with each picture that differs from the one before, returns a value."""
        while True:
            began = time.monotonic()
            png = await self._look()
            if png != self.last:
                self.last = png
                if (verdict := await self.compute(judge, png)) is not None:
                    return verdict
            self.looks += 1
            await self._rest(time.monotonic() - began, self._timeout)

    async def once(self, judge: Callable[[bytes], T]) -> T:
        """Look once."""
        self.last = await self._look()
        self.looks += 1
        return await self.compute(judge, self.last)

    async def until_changed(self, before: bytes, masks: Masks, smallest: Size) -> bytes:
        """Look until the screen differs from the picture `before` by more than a `smallest` box, outside of `masks`."""
        base = await self.compute(opened, before)
        return await self.until(lambda png: png if moved(base, opened(png), masks, smallest) else None)

    async def until_still(self, seconds: float, masks: Masks, smallest: Size) -> bytes:
        """Look until for `seconds` the screen hasn't changed by more than a `smallest` box, outside of `masks`."""
        base: Image.Image | None = None
        since = time.monotonic()
        while True:
            began = time.monotonic()
            png = await self._look()
            self.looks += 1
            if png != self.last or base is None:
                now = await self.compute(opened, png)
                if base is None or await self.compute(moved, base, now, masks, smallest):
                    base, since = now, began
                self.last = png
            # Until the look began nothing had moved.
            if began - since >= seconds:
                return png
            ended = time.monotonic()
            await self._rest(ended - began, max(0.0, since + seconds - ended))

    async def _rest(self, took: float, longest: float) -> None:
        """Look away after a look that took so long."""
        if self._drawn is None:
            await asyncio.sleep(min(pause_after(took), longest))
            return
        pause = min(took * (1 / LOOK_SHARE - 1), LONGEST_PAUSE, longest)
        await asyncio.sleep(pause)
        await self._drawn(longest - pause)

    async def compute(self, func: Callable[..., T], *args: object) -> T:
        """Compute with pictures on a worker thread."""
        return await WORKERS.call(func, *args, timeout=self._timeout, what="Comparing the pictures of the screen")


def pause_after(seconds: float) -> float:
    """How long to look away after a look that took `seconds`."""
    return min(max(seconds * (1 / LOOK_SHARE - 1), SHORTEST_PAUSE), LONGEST_PAUSE)
