"""One asyncio loop on one daemon thread, deadlines for every wait, and daemon threads for blocking C calls.

Keywords are ordinary functions: they call `wait(coroutine, timeout, what)`. Robot Framework's `[Timeout]` and Ctrl-C arrive in
the waiting thread as exceptions (from 7.5 a `BaseException`); the coroutine is then cancelled and given a moment to clean up.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import gc
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ATPLibrary import events
from ATPLibrary.deadlines import deadline
from ATPLibrary.errors import DeadlineError
from ATPLibrary.workers import Workers

__all__ = ["Workers", "call_soon", "deadline", "loop", "shutdown", "spawn", "wait"]

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
