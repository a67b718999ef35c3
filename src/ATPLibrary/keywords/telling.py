"""Keywords that tell in the log how far they are while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from robot.api import logger

from ATPLibrary.keywords.component import GRACE_SECONDS, Component

T = TypeVar("T")

# How long work that is cancelled may clean up.
CLEAN_UP_SECONDS = 2.0
_STEPS = 10


class Telling(Component):
    """A component whose coroutines say things. Robot Framework takes log messages from the keyword's own thread only, so that
    thread alternates between waiting for the next message and writing it.
    """

    def wait_telling(
        self, work: Callable[[Callable[[str], None]], Coroutine[Any, Any, T]], timeout: float, what: str
    ) -> T:
        """Like `wait`, with `work(say)`: what it passes to `say` is in the log at once."""
        from ATPLibrary import runtime

        telling: _Told[T] = _Told()
        try:
            runtime.wait(telling.begin(work), GRACE_SECONDS, what)
            while (message := runtime.wait(telling.next(), timeout + GRACE_SECONDS, what)) is not None:
                logger.info(message)
            return runtime.wait(telling.result(), GRACE_SECONDS, what)
        except BaseException:
            runtime.wait(telling.end(), CLEAN_UP_SECONDS + GRACE_SECONDS, what)
            raise
        finally:
            self.pass_on_notices()


class _Told(Generic[T]):
    """A task on the loop, and what it says. Its coroutines run there."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[str | None] = asyncio.Queue()
        self._task: asyncio.Task[T] | None = None

    async def begin(self, work: Callable[[Callable[[str], None]], Coroutine[Any, Any, T]]) -> None:
        self._task = asyncio.get_running_loop().create_task(work(self._messages.put_nowait))
        self._task.add_done_callback(lambda _: self._messages.put_nowait(None))

    async def next(self) -> str | None:
        """The next message; None when the work is done."""
        return await self._messages.get()

    async def result(self) -> T:
        assert self._task is not None
        return await self._task

    async def end(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLEAN_UP_SECONDS)


def progress_of(what: str, say: Callable[[str], None]) -> Callable[[int, int], None]:
    """A function that is called with bytes done and bytes in all, and says each tenth of it."""
    said = 0

    def progress(done: int, whole: int) -> None:
        nonlocal said
        step = done * _STEPS // whole if whole else _STEPS
        if step > said:
            said = step
            say(f"{what}: {done / 1e6:.1f} of {whole / 1e6:.1f} MB")

    return progress
