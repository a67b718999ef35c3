"""Things that open when they are first needed, and inputs that prove something or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ATPLibrary.errors import HostError, VerificationError
from ATPLibrary.orchestrator import SentInput
from ATPLibrary.orchestrator.opened import Opened

pytestmark = pytest.mark.unit


async def test_something_is_opened_once_however_many_ask() -> None:
    opened = 0

    async def open_(timeout: float) -> list[int]:
        nonlocal opened
        opened += 1
        await asyncio.sleep(0)
        return [opened]

    thing = Opened("It", open_)
    first, second = await asyncio.gather(thing.get(5.0), thing.get(5.0))
    assert first is second
    assert opened == 1


async def test_an_opening_that_fails_is_tried_afresh() -> None:
    attempts: list[Any] = [HostError("not now"), "open"]

    async def open_(timeout: float) -> str:
        answer = attempts.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    thing = Opened("It", open_)
    with pytest.raises(HostError):
        await thing.get(5.0)
    assert await thing.get(5.0) == "open"


async def test_what_was_opened_for_a_vm_that_stopped_meanwhile_is_not_kept() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    values = iter(["old", "new"])

    async def open_(timeout: float) -> str:
        started.set()
        await go_on.wait()
        return next(values)

    thing = Opened("It", open_)
    opening = asyncio.create_task(thing.get(5.0))
    await started.wait()
    thing.take()
    go_on.set()
    assert await opening == "old"
    assert thing.value is None
    assert await thing.get(5.0) == "new"


def test_an_input_that_failed_half_way_proves_nothing() -> None:
    with pytest.raises(
        VerificationError, match="Typing 5 characters in VM 'win11' should arrive but it failed: no agent"
    ):
        SentInput("Typing 5 characters", "Hello", None, "no agent").proved("win11")
