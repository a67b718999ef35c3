"""Waiting for long operations."""

from __future__ import annotations

import asyncio

import pytest

from ATPLibrary.errors import DeadlineError, PlatformError
from ATPLibrary.vdi.shapes.base import BatchAnswer

pytestmark = pytest.mark.unit


def event(description="创建桌面池", success=None, reason=None, id="e", vm=None):
    fields = {"id": id, "description": description, "isSuccess": success, "errorReason": reason, "domainName": vm}
    return {name: value for name, value in fields.items() if value is not None}


async def test_finish_returns_the_event_when_it_has_succeeded_and_tells_each_change_once(
    logged_in, platform, answer_ok
):
    steps = [event("1/2"), event("1/2"), event("2/2"), event("2/2", success=0)]
    platform.answers["GET /ocloud/v1/event/e"] = [answer_ok(step) for step in steps]
    told = []
    done = await logged_in.events.finish("e", 5, told.append)
    assert done.is_success == 0
    assert [(seen.description, seen.is_success) for seen in told] == [("1/2", None), ("2/2", None), ("2/2", 0)]
    kinds = [happened.kind for happened in platform.events()]
    assert kinds == ["login", "event.pending", "event.pending", "event.succeeded"]


async def test_a_failed_operation_is_an_error_with_the_platforms_reason(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/event/e"] = answer_ok(event("启动虚机", 1, "内存不足", vm="测试-001"))
    with pytest.raises(PlatformError) as caught:
        await logged_in.events.finish("e", 5)
    assert str(caught.value) == "Platform 'lab' failed in an operation: 启动虚机 '测试-001': 内存不足."
    assert caught.value.vendor_message == "内存不足"


async def test_an_operation_that_never_ends_meets_the_deadline_with_what_was_last_seen(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/event/e"] = answer_ok(event("创建桌面池: 1/2"))
    with pytest.raises(DeadlineError) as caught:
        await logged_in.events.finish("e", 1)
    assert "operation e should end within 1 s but is still under way. Last seen: 创建桌面池: 1/2." in str(caught.value)
    asked = len(platform.asked("/ocloud/v1/event/e"))
    assert 2 <= asked <= 8  # 50 ms, then longer and longer


async def test_a_batch_names_every_vm_that_failed_or_was_refused(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/event/good"] = answer_ok(event("启动虚机", 0, id="good", vm="a"))
    platform.answers["GET /ocloud/v1/event/bad"] = answer_ok(event("启动虚机", 1, "没有磁盘", id="bad", vm="b"))
    refused = {"domainName": "c", "errorMsg": "虚机已经启动"}
    batch = BatchAnswer.model_validate({"eventIdList": ["good", "bad"], "errorList": [refused]})
    with pytest.raises(PlatformError) as caught:
        await logged_in.events.finish_all(batch, 5)
    assert str(caught.value) == ("Platform 'lab' failed in 2 of 3 operations: 启动虚机 'b': 没有磁盘; c: 虚机已经启动.")
    good = BatchAnswer.model_validate({"eventIdList": ["good"]})
    assert [done.vm_name for done in await logged_in.events.finish_all(good, 5)] == ["a"]


async def test_a_wait_that_is_cancelled_asks_no_more(logged_in, platform, answer_ok):
    asked_first = asyncio.Event()

    def answer(request):
        asked_first.set()
        return answer_ok(event())

    platform.answers["GET /ocloud/v1/event/e"] = answer
    batch = BatchAnswer.model_validate({"eventIdList": ["e", "e"]})
    waiting = asyncio.create_task(logged_in.events.finish_all(batch, 60))
    await asked_first.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    asked = len(platform.requests)
    await asyncio.sleep(0.2)
    assert len(platform.requests) == asked
