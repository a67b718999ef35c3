"""What the platform goes on with after it has answered: an awaitable, its progress, and batches."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from ATPLibrary.errors import DeadlineError, PlatformError
from ATPLibrary.vdi.shapes.base import Refusal

pytestmark = pytest.mark.unit

CREATE = "POST /ocloud/v1/domain/v/snapshot"
EVENT = "GET /ocloud/v1/event/e"


def event(description="创建快照", success=None, reason=None, id="e", vm=None):
    fields = {"id": id, "description": description, "isSuccess": success, "errorReason": reason, "domainName": vm}
    return {name: value for name, value in fields.items() if value is not None}


@pytest.fixture
async def taking(logged_in, platform, answer_ok):
    platform.answers[CREATE] = answer_ok({"eventId": "e"})
    platform.answers[EVENT] = [answer_ok(each) for each in (event("10%"), event("10%"), event("90%"), event("90%", 0))]
    return await logged_in.snapshots.create("v", "clean")


async def test_a_long_operation_is_awaited_and_gives_its_event(taking):
    assert (await taking).is_success == 0


async def test_the_progress_of_a_long_operation_is_each_change_and_ends_with_it(taking):
    assert [(seen.description, seen.is_success) async for seen in taking.progress(5)] == [
        ("10%", None), ("90%", None), ("90%", 0),
    ]  # fmt: skip


async def test_a_failure_ends_the_progress_with_the_platforms_reason(taking, platform, answer_ok):
    platform.answers[EVENT] = [answer_ok(event("10%")), answer_ok(event("10%", 1, "磁盘空间不足", vm="测试-001"))]
    progress = taking.progress(5)
    assert [(await anext(progress)).description for _ in range(2)] == ["10%", "10%"]
    with pytest.raises(PlatformError, match="磁盘空间不足") as caught:
        await anext(progress)
    assert caught.value.vendor_message == "磁盘空间不足"


async def test_a_platform_that_is_busy_for_a_moment_does_not_end_the_wait(taking, platform, answer_ok):
    busy = httpx.Response(503, text="<html>busy</html>")
    platform.answers[EVENT] = [answer_ok(event("10%")), busy, busy, answer_ok(event("90%", 0))]
    assert (await taking.finish(5)).is_success == 0
    platform.answers[EVENT] = busy
    with pytest.raises(DeadlineError, match=r"within 0\.3 s but is still under way\. Last seen: .*HTTP 503"):
        await taking.finish(0.3)
    platform.answers[EVENT] = httpx.Response(500, text="it failed")
    with pytest.raises(PlatformError, match="HTTP 500"):
        await taking.finish(5)


async def test_a_success_that_is_a_word_is_no_zero(taking, platform, answer_ok):
    platform.answers[EVENT] = answer_ok({"id": "e", "isSuccess": False, "errorReason": "no such host"})
    with pytest.raises(PlatformError, match=r"another shape than the vendor's document says: data\.isSuccess"):
        await taking.finish(5)


async def test_whoever_leaves_the_progress_stops_the_questions(taking, platform, answer_ok):
    platform.answers[EVENT] = answer_ok(event("10%"))
    progress = taking.progress(60)
    assert (await anext(progress)).description == "10%"
    await progress.aclose()
    asked = len(platform.requests)
    await asyncio.sleep(0.2)
    assert len(platform.requests) == asked


async def test_an_awaited_operation_that_never_ends_meets_the_clients_own_deadline(
    taking, logged_in, platform, answer_ok
):
    platform.answers[EVENT] = answer_ok(event("10%"))
    logged_in._session.timeout = 1
    with pytest.raises(DeadlineError, match=r"within 1 s but is still under way\. Last seen: 10%"):
        await taking


async def test_what_was_made_comes_with_the_operation(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain/v/clone"] = answer_ok({"cloneUuid": "c", "eventId": "e"})
    operation = await logged_in.domains.clone("v", "copy")
    assert (operation.made.vm_id, operation.event_id) == ("c", "e")
    assert platform.body("/ocloud/v1/domain/v/clone") == {"name": "copy", "templateClone": 0}


async def test_a_batch_is_awaited_and_names_each_vm_that_failed(logged_in, platform, answer_ok):
    refused = {"domainId": "3", "domainName": "丙", "errorMsg": "虚机已经启动"}
    platform.answers["POST /ocloud/v1/domain/suspend"] = answer_ok({"eventIdList": ["1", "2"], "errorList": [refused]})
    platform.answers["GET /ocloud/v1/event/1"] = answer_ok(event("挂起虚机", 0, id="1", vm="甲"))
    platform.answers["GET /ocloud/v1/event/2"] = answer_ok(event("挂起虚机", 1, "超时", id="2", vm="乙"))
    with pytest.raises(PlatformError) as caught:
        await (await logged_in.domains.suspend(["1", "2", "3"]))
    assert str(caught.value) == "Platform 'lab' failed in 2 of 3 operations: 挂起虚机 '乙': 超时; 丙: 虚机已经启动."


async def test_a_vm_that_the_platform_tells_only_the_id_of_is_looked_up(logged_in, platform, answer_ok):
    refused = {"domainId": "3", "errorMsg": "虚机已经启动"}
    platform.answers["POST /ocloud/v1/domain/resume"] = answer_ok({"eventIdList": ["2"], "errorList": [refused]})
    failed = {"id": "2", "isSuccess": 1, "errorReason": "超时", "domainId": "2"}
    platform.answers["GET /ocloud/v1/event/2"] = answer_ok(failed)
    vms = [{"id": "2", "name": "乙"}, {"id": "3", "name": "丙"}]
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": vms, "pages": 1})
    batch = await logged_in.domains.resume(["2", "3"])
    with pytest.raises(PlatformError, match=r"in 2 of 2 operations: '乙': 超时; '丙': 虚机已经启动\."):
        await batch.finish(5)


async def test_a_vm_that_the_platform_says_nothing_of_is_a_failure_by_its_name(logged_in, platform, answer_ok):
    vms = [{"id": id_, "name": name} for id_, name in (("1", "甲"), ("2", "乙"), ("3", "丙"))]
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": vms, "pages": 1})
    refused = {"domainId": "2", "domainName": "乙", "errorMsg": "虚机已经启动"}
    platform.answers["POST /ocloud/v1/domain/start"] = answer_ok({"eventIdList": ["e"], "errorList": [refused]})
    platform.answers["GET /ocloud/v1/event/e"] = answer_ok({"id": "e", "isSuccess": 0, "domainId": "1"})
    with pytest.raises(
        PlatformError, match=r"乙: 虚机已经启动; '丙': the platform told neither an event nor a refusal"
    ):
        await (await logged_in.domains.start(["1", "2", "3", "3"])).finish(5)
    # The event doesn't say whose it is.
    platform.answers["GET /ocloud/v1/event/e"] = answer_ok({"id": "e", "isSuccess": 0})
    with pytest.raises(PlatformError, match="1 of 3 VMs: the platform told neither"):
        await (await logged_in.domains.start(["1", "2", "3"])).finish(5)


@pytest.mark.parametrize("answer", [{"eventIdList": [], "errorList": []}, {}, {"eventIdList": None}])
async def test_a_batch_of_which_the_platform_begins_nothing_is_no_success(logged_in, platform, answer_ok, answer):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": [{"id": "1", "name": "甲"}], "pages": 1})
    platform.answers["POST /ocloud/v1/domain/close"] = answer_ok(answer)
    batch = await logged_in.domains.close(["1"], force=True)
    with pytest.raises(PlatformError, match="'甲': the platform told neither"):
        await batch.finish(5)
    with pytest.raises(PlatformError, match="'甲': the platform told neither"):
        await batch.check_begun()


async def test_one_that_never_ends_does_not_hide_that_another_failed(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain/sleep"] = answer_ok({"eventIdList": ["1", "2"], "errorList": None})
    platform.answers["GET /ocloud/v1/event/1"] = answer_ok(event("休眠虚机", id="1", vm="甲"))
    platform.answers["GET /ocloud/v1/event/2"] = answer_ok(event("休眠虚机", 1, "不支持", id="2", vm="乙"))
    batch = await logged_in.domains.sleep(["1", "2"])
    with pytest.raises(
        PlatformError, match=r"in 2 of 2 operations: 休眠虚机 '乙': 不支持; .*operation 1 should end within 1 s"
    ):
        await batch.finish(1)
    platform.answers["GET /ocloud/v1/event/2"] = answer_ok(event("休眠虚机", 0, id="2", vm="乙"))
    with pytest.raises(DeadlineError, match="operation 1 should end"):
        await batch.finish(1)


async def test_each_vm_whose_operation_does_not_end_is_named(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain/start"] = answer_ok({"eventIdList": ["1", "2", "3"], "errorList": None})
    for id_, vm, success in (("1", "甲", None), ("2", "乙", 0), ("3", "丙", None)):
        platform.answers[f"GET /ocloud/v1/event/{id_}"] = answer_ok(event("启动虚机", success, id=id_, vm=vm))
    batch = await logged_in.domains.start(["1", "2", "3"])
    with pytest.raises(
        DeadlineError, match=r"operation 1 should end .*启动虚机 '甲'\..*operation 3 .*启动虚机 '丙'\."
    ) as late:
        await batch.finish(1)
    assert "乙" not in str(late.value)


async def test_operations_that_are_known_by_their_ids_are_a_batch_too(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/event/1"] = answer_ok(event("启动虚机", 0, id="1", vm="甲"))
    batch = logged_in.events.batch(["1"], [Refusal(vm_id="2", vm_name="乙", reason="已经启动")])
    with pytest.raises(PlatformError, match="failed in 1 of 2 operations: 乙: 已经启动"):
        await batch.finish(5)
    assert [each.vm_name for each in await logged_in.events.batch(["1"]).finish(5)] == ["甲"]


async def test_a_large_batch_does_not_flood_the_platform(logged_in, platform, answer_ok):
    ids = [str(number) for number in range(100)]
    platform.answers["POST /ocloud/v1/domain/sleep"] = answer_ok({"eventIdList": ids, "errorList": []})
    for id_ in ids:
        platform.answers[f"GET /ocloud/v1/event/{id_}"] = answer_ok(event(id=id_))
    batch = await logged_in.domains.sleep(ids)
    asked = len(platform.requests)
    with pytest.raises(DeadlineError):
        await batch.finish(0.4)
    assert len(platform.requests) - asked <= 100  # each once: the second question comes after half a second


async def test_vms_that_were_not_bound_are_named_although_the_platform_tells_only_ids(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/domain/bind-user"] = answer_ok({"notBindDomainIdList": ["2", "gone"]})
    vms = [{"id": "1", "name": "甲"}, {"id": "2", "name": "乙"}]
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": vms, "pages": 1})
    with pytest.raises(PlatformError, match=r"did not bind a user to VMs for 2 of 3: '乙', gone\."):
        await logged_in.domains.bind_user("tester", ["1", "2", "gone"])
    platform.answers["POST /ocloud/v1/domain/bind-user"] = answer_ok({"notBindDomainIdList": []})
    await logged_in.domains.bind_user("tester", ["1"])


@pytest.mark.parametrize(
    "path_and_call",
    [
        ("desk-pool/domain", lambda client: client.desk_pools.add_vms("p", ["x"])),
        ("desk-pool/group", lambda client: client.desk_pools.bind_groups("p", ["x"])),
        ("terminal-group/7/terminal", lambda client: client.terminals.add_to_group("7", ["x"])),
    ],
)
async def test_what_a_batch_leaves_out_is_an_error(logged_in, platform, answer_ok, answer_refusal, path_and_call):
    path, call = path_and_call
    platform.answers[f"POST /ocloud/v1/{path}"] = answer_ok(["x"])
    platform.answers["GET /ocloud/v1/domain"] = answer_refusal(500, "no list today")  # names can't be had: ids must do
    with pytest.raises(PlatformError, match="for 1 of 1: x"):
        await call(logged_in)
    platform.answers[f"POST /ocloud/v1/{path}"] = answer_ok([])
    await call(logged_in)
