"""Daemon threads for blocking C calls, bounded for each peer: a call that is never answered costs its thread, never the process."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ATPLibrary.deadlines import deadline

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Job(Generic[T]):
    func: Callable[..., T]
    args: tuple[Any, ...]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T]
    discard: Callable[[T], object] | None
    abandoned: bool = False

    def run(self, free: Callable[[], None]) -> None:
        """`free` is called when the work is done, before its caller hears of it."""
        if self.abandoned:
            free()
            return
        try:
            result = self.func(*self.args)
        except BaseException as error:  # noqa: BLE001 - it is carried to the caller, whatever it is
            free()
            self._deliver(None, error)
        else:
            free()
            self._deliver(result, None)

    def _deliver(self, result: T | None, error: BaseException | None) -> None:
        try:
            self.loop.call_soon_threadsafe(self._answer, result, error)
        except RuntimeError:  # the loop is closed: nobody waits
            self._drop(result, error)

    def _answer(self, result: Any, error: BaseException | None) -> None:
        if self.answer.done():
            if self.discard is not None and error is None:
                # A late result that must be closed; closing may block, so not on the loop.
                threading.Thread(target=self._drop, args=(result, error), daemon=True).start()
        elif error is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(error)

    def _drop(self, result: Any, error: BaseException | None) -> None:
        if self.discard is not None and error is None:
            self.discard(result)


class Workers:
    """At most `size` daemon threads for blocking calls of one peer, started as they are needed.

    A call that is never answered keeps its thread: later calls share the others, and when none is left they wait in line until
    their own deadline. The process's exit waits for none of them.
    """

    def __init__(self, name: str, size: int) -> None:
        if size < 1:
            raise ValueError(f"workers {name!r} need at least one thread, not {size}")
        self.name = name
        self.size = size
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        # Jobs that wait or run: a thread for each, up to `size`, or one would wait behind a stuck one.
        self._unfinished = 0
        self._closed = False

    async def call(
        self,
        func: Callable[..., T],
        *args: Any,
        timeout: float,
        what: str,
        next_step: str = "",
        discard: Callable[[T], object] | None = None,
    ) -> T:
        """Return `func(*args)` as run on a worker thread. After `timeout` seconds: `DeadlineError` about `what`.

        `discard` is called, on a thread, with a result that came after the caller had gone (to close a late connection).
        """
        if self._closed:
            raise RuntimeError(f"workers {self.name!r} are closed")
        running = asyncio.get_running_loop()
        answer: asyncio.Future[T] = running.create_future()
        job = _Job(func, args, running, answer, discard)
        with self._lock:
            self._unfinished += 1
            if self._unfinished > self._threads and self._threads < self.size:
                self._threads += 1
                number = self._threads
                threading.Thread(target=self._work, name=f"{self.name}-{number}", daemon=True).start()
        self._jobs.put(job)
        try:
            async with deadline(timeout, what, wanted="answer", got="did not", next_step=next_step):
                return await answer
        except BaseException:
            job.abandoned = True
            self._drop_abandoned()
            raise

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            job.run(self._free)
            del job

    def _free(self) -> None:
        with self._lock:
            self._unfinished -= 1

    def _drop_abandoned(self) -> None:
        """Take what nobody waits for out of the line: with every thread stuck for hours it would grow with each try."""
        waiting: list[_Job[Any] | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self._jobs.get_nowait())
        for job in waiting:
            if job is not None and job.abandoned:
                self._free()
            else:
                self._jobs.put(job)

    def close(self) -> None:
        """End the threads that are free; the others end when their call does."""
        self._closed = True
        for _ in range(self.size):
            self._jobs.put(None)
