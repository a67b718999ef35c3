"""One loop, deadlines, cancellation, and worker threads that nobody waits for."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from ATPLibrary import events, runtime
from ATPLibrary.errors import DeadlineError

pytestmark = pytest.mark.unit


def test_wait_returns_the_coroutines_result_from_another_thread() -> None:
    async def answer() -> tuple[int, str]:
        return 42, threading.current_thread().name

    assert runtime.wait(answer(), 5, "The answer") == (42, "atp-loop")


def test_wait_passes_the_coroutines_own_error_on() -> None:
    async def fail() -> None:
        raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        runtime.wait(fail(), 5, "It")


def test_a_deadline_is_a_sentence_that_names_the_subject() -> None:
    with pytest.raises(DeadlineError, match=r"^The reply should be done within 0\.01 s but was not\.$"):
        runtime.wait(asyncio.sleep(60), 0.01, "The reply")


def test_an_interrupted_wait_cancels_the_coroutine_and_awaits_its_clean_up() -> None:
    seen: list[str] = []
    entered = threading.Event()

    async def holds_a_key() -> None:
        try:
            entered.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # clean-up that itself awaits
            seen.append("released")

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    import signal

    previous = signal.signal(signal.SIGUSR1, interrupt)
    main = threading.main_thread().ident
    assert main is not None

    def kill() -> None:
        entered.wait(5)
        signal.pthread_kill(main, signal.SIGUSR1)

    try:
        threading.Thread(target=kill).start()
        with pytest.raises(Interrupted):
            runtime.wait(holds_a_key(), 30, "It")
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert seen == ["released"]


def test_an_interrupt_before_the_coroutine_has_begun_cancels_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    class Interrupted(BaseException):
        pass

    def submit_then_interrupt(coro: Coroutine[Any, Any, Any], running: asyncio.AbstractEventLoop) -> None:
        submit(coro, running)
        raise Interrupted

    async def never() -> None:
        begun.append("begun")
        await asyncio.sleep(60)
        begun.append("left running")

    blocked = threading.Event()
    submit = asyncio.run_coroutine_threadsafe
    runtime.call_soon(blocked.wait, 5)  # the loop is busy, so that the coroutine can't begin before the interrupt
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", submit_then_interrupt)
    monkeypatch.setattr(runtime, "CLEAN_UP_SECONDS", 0.05)
    with pytest.raises(Interrupted):
        runtime.wait(never(), 30, "It")
    monkeypatch.undo()
    blocked.set()

    async def others() -> set[str]:
        await asyncio.sleep(0)
        return {t.get_name() for t in asyncio.all_tasks() if "bounded" in repr(t) and t is not asyncio.current_task()}

    runtime.wait(asyncio.sleep(0), 5, "It")
    assert runtime.wait(others(), 5, "It") == set()
    assert "left running" not in begun


def test_waiting_on_the_loops_own_thread_is_refused_instead_of_hanging() -> None:
    async def wrong() -> None:
        runtime.wait(asyncio.sleep(0), 1, "It")

    with pytest.raises(RuntimeError, match="await the coroutine instead"):
        runtime.wait(wrong(), 5, "It")


def test_a_failed_background_task_becomes_an_event() -> None:
    async def start_and_see() -> events.Event:
        async def fails() -> None:
            raise ValueError("oh no")

        with events.bus().subscribe(lambda e: e.kind == "task.failed") as failures:
            runtime.spawn(fails(), "doomed")
            return await anext(failures)

    event = runtime.wait(start_and_see(), 5, "The event")
    assert event.data == {"task": "doomed", "error": "ValueError: oh no"}


def test_the_loop_starts_again_after_a_shutdown() -> None:
    runtime.wait(asyncio.sleep(0), 5, "It")
    runtime.shutdown()
    assert runtime.wait(asyncio.sleep(0, "again"), 5, "It") == "again"


async def test_an_inner_timeout_isnt_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError) as caught:
        async with runtime.deadline(60, "The outer one"):
            raise TimeoutError("the socket's own")
    assert not isinstance(caught.value, DeadlineError)


async def test_a_stuck_call_ends_at_its_deadline_and_others_go_on() -> None:
    workers = runtime.Workers("host-a", size=2)
    release = threading.Event()
    with pytest.raises(DeadlineError, match=r"listing domains on host 'a' should answer within 0\.05 s but did not"):
        await workers.call(release.wait, timeout=0.05, what="listing domains on host 'a'")
    assert await workers.call(lambda: "fine", timeout=5, what="a second call") == "fine"
    release.set()
    workers.close()


async def test_when_all_threads_are_stuck_the_next_call_waits_in_line_until_its_deadline() -> None:
    workers = runtime.Workers("host-a", size=1)
    release = threading.Event()
    stuck = asyncio.create_task(workers.call(release.wait, timeout=30, what="stuck"))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineError):
        await workers.call(lambda: "never", timeout=0.05, what="queued")
    release.set()
    assert await stuck is True
    workers.close()


async def test_a_result_that_comes_too_late_is_given_to_discard() -> None:
    workers = runtime.Workers("host-a", size=1)
    release, discarded = threading.Event(), threading.Event()

    def opens_late() -> str:
        release.wait(10)
        return "connection"

    with pytest.raises(DeadlineError):
        await workers.call(opens_late, timeout=0.05, what="open", discard=lambda _: discarded.set())
    release.set()
    assert await asyncio.to_thread(discarded.wait, 10)
    workers.close()


def test_a_call_that_never_answers_doesnt_delay_the_exit_of_the_process() -> None:
    program = """
import time
from ATPLibrary import runtime
from ATPLibrary.errors import DeadlineError
workers = runtime.Workers("w", 1)
try:
    runtime.wait(workers.call(time.sleep, 600, timeout=0.1, what="x"), 5, "It")
except DeadlineError:
    print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )  # of 600
    assert (done.stdout, done.returncode) == ("ended\n", 0), done.stderr


async def test_no_call_waits_behind_a_stuck_one_while_a_thread_is_to_be_had() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads stop between any two lines
    try:
        for _ in range(60):
            workers = runtime.Workers("few", 4)
            await workers.call(int, timeout=5, what="The first call")
            release = threading.Event()
            stuck = [asyncio.create_task(workers.call(release.wait, 20, timeout=20, what="Stuck")) for _ in range(3)]
            await asyncio.sleep(0)
            assert await workers.call(lambda: "answered", timeout=5, what="The fourth call") == "answered"
            release.set()
            await asyncio.gather(*stuck)
            workers.close()
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(("before", "after"), [(700, runtime.KEPT_BEFORE_COLLECTION), (1234, 1234), (0, 0)])
def test_the_collector_comes_less_often_unless_somebody_has_chosen(before: int, after: int) -> None:
    chosen = gc.get_threshold()
    runtime.shutdown()
    try:
        gc.set_threshold(before, 7, 8)
        runtime.loop()
        assert gc.get_threshold() == (after, 7, 8)
    finally:
        gc.set_threshold(*chosen)
        runtime.shutdown()


async def test_what_was_last_seen_is_asked_for_only_when_the_time_is_up() -> None:
    asked: list[str] = []

    def last_seen() -> str:
        asked.append("now")
        return "a light"

    async with runtime.deadline(5, "It", last_seen=last_seen):
        pass
    assert asked == []
    with pytest.raises(DeadlineError, match="a light"):
        async with runtime.deadline(0.01, "It", last_seen=last_seen):
            await asyncio.sleep(5)
    assert asked == ["now"]


async def test_a_call_given_up_while_every_thread_is_stuck_leaves_nothing_in_the_line() -> None:
    class Held:
        pass

    workers = runtime.Workers("atp-stuck", 1)
    release = threading.Event()
    stuck = asyncio.create_task(workers.call(release.wait, 30, timeout=60, what="The stuck one"))
    await asyncio.sleep(0)
    held: list[weakref.ref[Held]] = []
    for _ in range(3):
        thing = Held()
        held.append(weakref.ref(thing))
        with pytest.raises(DeadlineError, match="The next one should answer"):
            await workers.call(id, thing, timeout=0.01, what="The next one")
        del thing
    gc.collect()
    assert not any(ref() for ref in held[:-1]), "the last one may live on in its error"
    waits = asyncio.create_task(workers.call(int, "42", timeout=30, what="The last one"))
    release.set()
    assert await stuck
    assert await waits == 42
    workers.close()
