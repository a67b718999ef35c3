"""Lists, look-ups and orders: what goes over the wire, and what comes back."""

from __future__ import annotations

import json

import pytest

from ATPLibrary.errors import InputError, PlatformError, VmNotFoundError
from ATPLibrary.vdi import DeskPoolType, HostStatus, VmStatus
from ATPLibrary.vdi.shapes.desk_pools import DeskPool

pytestmark = pytest.mark.unit


def page(items, number=1, pages=1, total=None):
    return {"list": items, "pageNum": number, "pageSize": 100, "pages": pages, "total": total or len(items)}


async def test_pages_are_asked_for_one_after_the_other_until_the_last(logged_in, platform, answer_ok):
    def answer(request):
        number = int(request.url.params["pageNum"])
        return answer_ok(page([{"id": f"{number}-{i}", "name": f"vm{number}{i}"} for i in range(2)], number, 3, 6))

    platform.answers["GET /ocloud/v1/domain"] = answer
    vms = [vm async for vm in logged_in.domains.list()]
    assert [vm.id for vm in vms] == ["1-0", "1-1", "2-0", "2-1", "3-0", "3-1"]
    assert len(platform.asked("/ocloud/v1/domain")) == 3


async def test_a_platform_that_miscounts_its_pages_does_not_loop_us(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain"] = [
        answer_ok(page([{"id": "1", "name": "a"}], pages=10**9, total=1)),
        answer_ok(page([], pages=10**9, total=1)),
    ]
    assert len(await logged_in.domains.list().collect()) == 1
    assert len(platform.asked("/ocloud/v1/domain")) == 2


def in_pages_of(cap, items, answer_ok, **told):
    """A platform that gives at most `cap` a page, whatever it is asked for."""

    def answer(request):
        first = (int(request.url.params["pageNum"]) - 1) * cap
        return answer_ok({"list": items[first : first + cap], **told})

    return answer


@pytest.mark.parametrize(("cap", "told"), [(50, {"pages": 2, "total": 120}), (10, {}), (50, {"total": 120})])
async def test_a_list_is_whole_also_where_the_pages_are_smaller_than_asked_for(
    logged_in, platform, answer_ok, cap, told
):
    vms = [{"id": str(number), "name": f"vm-{number}"} for number in range(120)]
    platform.answers["GET /ocloud/v1/domain"] = in_pages_of(cap, vms, answer_ok, **told)
    assert [vm.name for vm in await logged_in.domains.list().collect()] == [vm["name"] for vm in vms]


@pytest.mark.parametrize("shown", [None, [], [{"id": "1", "name": "a"}]])
async def test_a_list_with_less_in_it_than_the_platform_counts_is_an_error(logged_in, platform, answer_ok, shown):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": shown, "pages": 1, "total": 5})
    with pytest.raises(PlatformError, match=rf"should list VMs whole .* it counts 5 and gave {len(shown or [])} in"):
        await logged_in.domains.list().collect()


async def test_a_platform_that_gives_one_page_again_and_again_does_not_loop_us(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": [{"id": "1", "name": "a"}]})
    assert [vm.name for vm in await logged_in.domains.list().collect()] == ["a"]


async def test_what_moves_to_the_next_page_meanwhile_comes_once(logged_in, platform, answer_ok):
    vms = [{"id": str(number), "name": f"vm-{number}"} for number in range(4)]
    platform.answers["GET /ocloud/v1/domain"] = [
        answer_ok(page(vms[:2], 1, 2, 3)),
        answer_ok(page(vms[1:], 2, 2, 4)),
    ]
    assert (await logged_in.domains.find("vm-1")).id == "1"
    # In one page it is what the platform means: two users look at one VM.
    platform.answers["GET /ocloud/v1/domain/active-user"] = answer_ok(page([vms[0], vms[0]]))
    assert [vm.id for vm in await logged_in.domains.in_use().collect()] == ["0", "0"]


async def test_a_list_that_is_null_is_an_empty_list(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok({"list": None, "pages": 0, "total": 0})
    assert await logged_in.domains.list().collect() == []


async def test_filters_go_out_under_the_vendors_names(logged_in, platform, answer_ok):
    for path in ("host", "domain", "desk-pool", "event"):
        platform.answers[f"GET /ocloud/v1/{path}"] = answer_ok(page([]))
    await logged_in.hosts.list("a", HostStatus.ENABLED).collect()
    await logged_in.domains.list("b", host_id="h", model_id="m", status=VmStatus.SHUT_OFF).collect()
    await logged_in.desk_pools.list("c", DeskPoolType.SHARED).collect()
    await logged_in.events.list("d", succeeded=True).collect()
    sent = [dict(request.url.params) for request in platform.requests[1:]]
    paging = {"pageNum": "1", "pageSize": "100"}
    assert sent == [
        {"name": "a", "status": "1"} | paging,
        {"keyword": "b", "hostId": "h", "motherId": "m", "status": "0"} | paging,
        {"keyword": "c", "type": "1"} | paging,
        {"domainName": "d", "isSuccess": "1"} | paging,
    ]


async def test_a_vm_is_read_with_the_vendors_names_and_codes(logged_in, platform, answer_ok):
    vendor = {
        "id": "u", "name": "测试-001", "status": 1, "hostId": "h", "ip": "10.0.0.1", "desktopPoolId": "p", "motherId": "m",
        "memory": 96, "cpu": "1", "createTime": {"time": 1}, "somethingNew": [1], "osName": None,
    }  # fmt: skip
    platform.answers["GET /ocloud/v1/domain/u"] = answer_ok(vendor)
    vm = await logged_in.domains.detail("u")
    assert (vm.name, vm.status, vm.host_ip, vm.desk_pool_id, vm.model_id, vm.cpu) == (
        "测试-001", VmStatus.RUNNING, "10.0.0.1", "p", "m", 1,
    )  # fmt: skip
    assert isinstance(vm.status, VmStatus)
    assert vm.is_running


async def test_vms_are_found_by_names_and_ids_in_one_question_and_each_once(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok(page([{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]))
    assert [vm.id for vm in await logged_in.domains.find_all(["b", "1", "2", "a"])] == ["2", "1"]
    assert len(platform.asked("/ocloud/v1/domain")) == 1
    with pytest.raises(VmNotFoundError, match=r"no VM 'c'.* no VM 'd'"):
        await logged_in.domains.find_all(["a", "c", "d"])


async def test_a_code_that_a_newer_platform_adds_stays_a_number(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain/u"] = answer_ok({"id": "u", "name": "n", "status": 42})
    assert (await logged_in.domains.detail("u")).status == 42


async def test_a_desk_pool_is_ordered_with_the_vendors_fields(logged_in, platform, answer_ok):
    platform.answers["POST /ocloud/v1/desk-pool"] = answer_ok({"eventId": "e1"})
    order = await logged_in.desk_pools.create("测试桌面池", model_id="m", amount=2, vm_prefix="t")
    assert order.event_id == "e1"
    sent = platform.body("/ocloud/v1/desk-pool")
    assert sent == {"name": "测试桌面池", "amount": 2, "type": 0, "modelId": "m", "domainPrefix": "t"}


async def test_batches_go_out_as_the_vendor_wants_them(logged_in, platform, answer_ok):
    for action in ("start", "close", "reboot", "delete"):
        platform.answers[f"POST /ocloud/v1/domain/{action}"] = answer_ok({"eventIdList": ["e"], "errorList": None})
    answer = await logged_in.domains.start(["a", "b"])
    await logged_in.domains.close(["a"])
    await logged_in.domains.close(["a"], force=True)
    await logged_in.domains.reboot(["a"])
    await logged_in.domains.delete(["a"])
    assert [json.loads(request.content) for request in platform.requests[1:]] == [
        {"idList": ["a", "b"]},
        {"idList": ["a"], "isForce": 0},
        {"idList": ["a"], "isForce": 1},
        {"idList": ["a"]},
        {"domainIdList": ["a"], "isRecycle": 0},
    ]
    assert (answer.event_ids, answer.refusals) == (["e"], [])


async def test_an_unknown_desk_pool_is_one_sentence_with_the_near_ones(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/desk-pool"] = answer_ok(
        page([{"id": "1", "name": "sales"}, {"id": "2", "name": "lab"}])
    )
    with pytest.raises(PlatformError) as caught:
        await logged_in.desk_pools.detail("sale")
    assert str(caught.value) == "Platform 'lab' has no desk pool 'sale'. It has 'sales' and 1 more."
    assert (await logged_in.desk_pools.detail("sales")).id == "1"
    assert (await logged_in.desk_pools.detail("2")).name == "lab"


async def test_two_vms_of_one_name_are_told_apart_by_their_ids(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/domain"] = answer_ok(
        page([{"id": "1", "name": "win"}, {"id": "2", "name": "win"}])
    )
    with pytest.raises(VmNotFoundError, match=r"has 2 VMs named 'win'. Say which by its id: 1, 2\."):
        await logged_in.domains.find("win")


@pytest.mark.parametrize("bad", ["", " ", ".", ".."])
async def test_an_id_that_would_reach_another_path_is_not_sent(logged_in, platform, bad):
    with pytest.raises(InputError, match="should be an id"):
        await logged_in.desk_pools.delete(bad)
    assert len(platform.requests) == 1


async def test_an_id_with_a_slash_stays_inside_its_path(logged_in, platform, answer_refusal):
    platform.answers["DELETE /ocloud/v1/desk-pool/../host/1"] = answer_refusal(1, "no such desk pool")
    with pytest.raises(PlatformError, match=r"refused to delete a desk pool '\.\./host/1'"):
        await logged_in.desk_pools.delete("../host/1")
    assert platform.requests[-1].url.raw_path == b"/ocloud/v1/desk-pool/..%2Fhost%2F1"


async def test_a_name_is_found_however_its_letters_are_composed_but_the_exact_one_first(logged_in, platform, answer_ok):
    composed, decomposed = "Caf\u00e9", "Cafe\u0301"
    platform.answers["GET /ocloud/v1/domain"] = answer_ok(page([{"id": "1", "name": decomposed}]))
    assert (await logged_in.domains.find(composed)).id == "1"
    platform.answers["GET /ocloud/v1/domain"] = answer_ok(
        page([{"id": "1", "name": decomposed}, {"id": "2", "name": composed}])
    )
    assert (await logged_in.domains.find(composed)).id == "2"
    with pytest.raises(VmNotFoundError):
        await logged_in.domains.find("CAF\u00c9")


async def test_a_change_of_a_desk_pool_says_how_many_vms_there_are_to_be(logged_in, platform, answer_ok):
    platform.answers["PATCH /ocloud/v1/desk-pool/p1"] = answer_ok({"eventId": "e1"})
    untold = DeskPool(id="p1", name="sales")
    with pytest.raises(InputError, match="should say how many VMs it is to have"):
        await logged_in.desk_pools.update(untold, name="sales-2")
    await logged_in.desk_pools.update(untold, name="sales-2", amount=3)
    assert platform.body("/ocloud/v1/desk-pool/p1") == {"name": "sales-2", "amount": 3}
