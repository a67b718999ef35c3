"""Keywords that tell how far they are: in the log at once, and stopped like any other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from ATPLibrary import runtime
from ATPLibrary.keywords.telling import Telling, progress_of

pytestmark = pytest.mark.unit


def test_a_message_is_in_the_log_while_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """The work ends only when its message was logged."""
    caplog.set_level("INFO")
    logged = asyncio.Event()

    async def work(say: Callable[[str], None]) -> str:
        say("half-way")
        await logged.wait()
        return "done"

    class Watch(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            runtime.call_soon(logged.set)
            return True

    watch = Watch()
    caplog.handler.addFilter(watch)
    assert Telling().wait_telling(work, 10, "The work") == "done"
    caplog.handler.removeFilter(watch)
    assert caplog.messages == ["half-way"]


def test_an_error_of_the_work_is_the_caller_s() -> None:
    async def work(say: Callable[[str], None]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Telling().wait_telling(work, 10, "The work")


def test_an_interruption_while_a_message_is_written_ends_the_work(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    ended = False

    async def work(say: Callable[[str], None]) -> None:
        nonlocal ended
        say("half-way")
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    class Interrupt(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise KeyboardInterrupt

    interrupt = Interrupt()
    caplog.handler.addFilter(interrupt)
    with pytest.raises(KeyboardInterrupt):
        Telling().wait_telling(work, 10, "The work")
    caplog.handler.removeFilter(interrupt)
    assert ended


def test_progress_is_told_each_tenth() -> None:
    said: list[str] = []
    progress = progress_of("'image.iso'", said.append)
    for done in range(1, 101):
        progress(done * 1_000_000, 100_000_000)
    assert len(said) == 10
    assert said[0] == "'image.iso': 10.0 of 100.0 MB"
    assert said[-1] == "'image.iso': 100.0 of 100.0 MB"
