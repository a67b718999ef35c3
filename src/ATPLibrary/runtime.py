"""One asyncio loop on one daemon thread, deadlines for every wait, and daemon threads for blocking C calls.

Keywords are ordinary functions: they call `wait(coroutine, timeout, what)`. Robot Framework's `[Timeout]` and Ctrl-C arrive in
the waiting thread as exceptions (from 7.5 a `BaseException`); the coroutine is then cancelled and given a moment to clean up.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import gc
import queue
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from ATPLibrary import events
from ATPLibrary.errors import DeadlineError

T = TypeVar("T")

# How long a cancelled coroutine may take to clean up (release keys, close sockets) before the caller goes on without it.
CLEAN_UP_SECONDS = 2.0
# How much later than the coroutine's own deadline the waiting thread gives up: only a blocked loop is that late.
LOOP_GRACE_SECONDS = 5.0
# How many objects may be made and kept before Python looks for cycles among the newest (docs/decisions/0021-scale.md).
KEPT_BEFORE_COLLECTION = 200_000
_PYTHONS_OWN = 700

_LOCK = threading.Lock()
_LOOP: asyncio.AbstractEventLoop | None = None
_THREAD: threading.Thread | None = None
_TASKS: set[asyncio.Task[Any]] = set()


def loop() -> asyncio.AbstractEventLoop:
    """The loop, started at first use."""
    global _LOOP, _THREAD  # noqa: PLW0603 - one loop a process is this module's one idea
    with _LOCK:
        if _LOOP is None or _LOOP.is_closed():
            _collect_less_often()
            started = threading.Event()
            _LOOP = asyncio.new_event_loop()
            _THREAD = threading.Thread(target=_run, args=(_LOOP, started), name="atp-loop", daemon=True)
            _THREAD.start()
            started.wait()
        return _LOOP


def _collect_less_often() -> None:
    """With 1,000 VMs a full collection stops everything for long, and by default there are several while each types a word."""
    newest, *others = gc.get_threshold()
    if newest == _PYTHONS_OWN:  # else somebody has chosen
        gc.set_threshold(KEPT_BEFORE_COLLECTION, *others)


def _run(running: asyncio.AbstractEventLoop, started: threading.Event) -> None:
    asyncio.set_event_loop(running)
    running.call_soon(started.set)
    try:
        running.run_forever()
    finally:
        running.close()


def wait(coro: Coroutine[Any, Any, T], timeout: float, what: str) -> T:
    """Run `coro` on the loop and return its result, from any thread but the loop's.

    `what` is the subject of the sentence when it isn't done in `timeout` seconds: `DeadlineError`. On that, and on any exception
    that reaches this thread meanwhile (`[Timeout]`, Ctrl-C), the coroutine is cancelled and its clean-up awaited for a moment.
    """
    if threading.current_thread() is _THREAD:
        coro.close()
        raise RuntimeError("runtime.wait() was called on the loop's own thread: await the coroutine instead")
    finished = threading.Event()
    abandoned = False
    task: asyncio.Task[Any] | None = None

    async def bounded() -> T:
        nonlocal task
        task = asyncio.current_task()
        try:
            if abandoned:
                coro.close()
                raise asyncio.CancelledError
            async with deadline(timeout, what):
                return await coro
        finally:
            finished.set()

    def abandon() -> None:
        nonlocal abandoned
        abandoned = True
        if task is not None:
            task.cancel()

    try:
        # The exception of another thread may come at any point from here on, also before there is a future to cancel.
        return asyncio.run_coroutine_threadsafe(bounded(), loop()).result(timeout + LOOP_GRACE_SECONDS)
    except BaseException as error:
        # Also reached when the coroutine itself failed: then it is done and there is nothing to cancel.
        if not finished.is_set():
            call_soon(abandon)
            finished.wait(CLEAN_UP_SECONDS)
            if isinstance(error, concurrent.futures.TimeoutError) and not isinstance(error, DeadlineError):
                raise DeadlineError.about(
                    what, wanted="be done", got="the event loop itself is blocked", waited=timeout + LOOP_GRACE_SECONDS
                ) from error
        raise


class deadline:
    """`asyncio.timeout` that raises a `DeadlineError` with a sentence: "WHAT should WANTED within TIMEOUT s but GOT. ..."

    `last_seen` may be a function, which is called only when the time is up. A class, since each read and write of a channel makes
    one: a generator's context manager costs three times as much.
    """

    __slots__ = ("_got", "_last_seen", "_next_step", "_scope", "_timeout", "_wanted", "_what")

    def __init__(
        self,
        timeout: float,
        what: str,
        *,
        wanted: str = "be done",
        got: str = "was not",
        last_seen: str | Callable[[], str] = "",
        next_step: str = "",
    ) -> None:
        self._timeout, self._what = timeout, what
        self._wanted, self._got, self._last_seen, self._next_step = wanted, got, last_seen, next_step
        self._scope: asyncio.Timeout | None = None

    async def __aenter__(self) -> asyncio.Timeout:
        self._scope = asyncio.timeout(self._timeout)
        return await self._scope.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._scope is not None
        try:
            await self._scope.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise self._late() from None
        if isinstance(error, TimeoutError) and not isinstance(error, DeadlineError) and self._scope.expired():
            raise self._late() from None

    def _late(self) -> DeadlineError:
        return DeadlineError.about(
            self._what,
            wanted=self._wanted,
            got=self._got,
            waited=self._timeout,
            last_seen=self._last_seen() if callable(self._last_seen) else self._last_seen,
            next_step=self._next_step,
        )


def spawn(coro: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Start a background task on the running loop. It is kept until it ends; an error in it becomes a `task.failed` event."""
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _TASKS.add(task)
    task.add_done_callback(_task_done)
    return task


def _task_done(task: asyncio.Task[Any]) -> None:
    _TASKS.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        data = {"task": task.get_name(), "error": f"{type(error).__name__}: {error}"}
        events.bus().publish(events.Event("runtime", "task.failed", data))


def call_soon(func: Callable[..., object], *args: Any) -> None:
    """Call `func(*args)` on the loop, from any thread."""
    loop().call_soon_threadsafe(func, *args)


def shutdown(timeout: float = CLEAN_UP_SECONDS) -> None:
    """Cancel what runs on the loop, give it `timeout` seconds to clean up, and stop the loop. A later `wait` starts a new one."""
    global _LOOP, _THREAD
    with _LOCK:
        running, thread, _LOOP, _THREAD = _LOOP, _THREAD, None, None
    if running is None or thread is None or running.is_closed():
        return

    async def cancel_all() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        asyncio.run_coroutine_threadsafe(cancel_all(), running).result(timeout)
    except concurrent.futures.TimeoutError:
        pass  # what doesn't end in time ends with the daemon thread
    finally:
        running.call_soon_threadsafe(running.stop)
        thread.join(timeout)


atexit.register(shutdown)


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
