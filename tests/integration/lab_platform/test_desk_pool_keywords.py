"""The keywords that change desk pools and resource pools, on the real server."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from ATPLibrary import runtime
from ATPLibrary.errors import InputError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.integration


def client() -> VdiClient:
    """The session that the keywords use."""
    current = Workspace.current().platforms.current
    assert current is not None
    return current


@pytest.fixture
def sales(tester: Any) -> str:
    """A desk pool with two desktops, off."""
    tester.create_desk_pool("销售", model="atp-linux", amount=2)
    return "销售"


@pytest.fixture
def groups(tester: Any) -> Any:
    """Two groups, one inside the other."""
    made = ("ou=办公室", "ou=销售部,ou=办公室")
    for path in made:
        own, _, base = path.partition(",")
        top = runtime.wait(client().groups.tree(), 10, "Listing groups")[0].path
        made_in = f"{base},{top}" if base else top
        runtime.wait(client().groups.create(own.removeprefix("ou="), base=made_in), 10, "Making a group")
    yield "办公室", "销售部"
    for group in reversed(runtime.wait(client().groups.all(), 10, "Listing groups")):
        if group.name in ("办公室", "销售部"):
            runtime.wait(client().groups.delete(group.path), 10, "Deleting a group")


def names_in_libvirt(lab: Any) -> list[str]:
    return sorted(line.partition(": ")[2] for line in lab.left() if ": " in line)


def test_a_pool_is_renamed_and_made_larger(tester: Any, sales: str, platform_lab: Any) -> None:
    tester.update_desk_pool(sales, name="销售与支持", amount=3, remark="三台")
    pool = tester.get_desk_pool("销售与支持")
    assert (pool.amount, pool.remark) == (3, "三台")
    assert names_in_libvirt(platform_lab) == ["销售-001", "销售-002", "销售-003"]
    with pytest.raises(PlatformError, match="不能减少到 1"):
        tester.update_desk_pool("销售与支持", amount=1)
    with pytest.raises(InputError, match="nothing to change"):
        tester.update_desk_pool("销售与支持")


def test_an_archived_pools_desktops_cannot_be_started(tester: Any, sales: str) -> None:
    tester.enable_desk_pool(sales)
    tester.archive_desk_pool(sales)
    with pytest.raises(PlatformError, match=r"销售-001: 桌面池已归档.*销售-002: 桌面池已归档"):
        tester.start_desktops(sales)
    with pytest.raises(PlatformError, match="桌面池已归档"):
        tester.enable_desk_pool(sales)
    tester.activate_desk_pool(sales)
    tester.enable_desk_pool(sales)
    tester.start_desktops(sales)
    with pytest.raises(PlatformError, match="虚机未关机: 销售-001, 销售-002"):
        tester.archive_desk_pool(sales)


def test_desktops_leave_a_pool_and_come_back(tester: Any, sales: str) -> None:
    tester.create_desk_pool("支持", model="atp-linux", amount=1)
    with pytest.raises(
        VmNotFoundError, match=r"Desk pool '销售' should have '支持-001' but has '销售-001', '销售-002'"
    ):
        tester.remove_desktops_from_desk_pool(sales, "销售-001", "支持-001")
    assert tester.get_desktops(sales) == ["销售-001", "销售-002"]
    tester.remove_desktops_from_desk_pool(sales, "销售-001")
    assert tester.get_desktops(sales) == ["销售-002"]
    assert "销售-001" in tester.get_platform_vms()
    with pytest.raises(PlatformError, match="did not add VMs to a desk pool for 1 of 2: '销售-002'"):
        tester.add_desktops_to_desk_pool("支持", "销售-001", "销售-002")
    assert set(tester.get_desktops("支持")) == {"支持-001", "销售-001"}
    tester.delete_desktop("销售-001")


def test_a_pool_is_for_groups(tester: Any, sales: str, groups: tuple[str, str]) -> None:
    tester.give_desk_pool_to_groups(sales, *groups)
    named = tester.get_desk_pool(sales).group_names
    assert [each.partition(",")[0] for each in named] == ["ou=办公室", "ou=销售部"]
    tester.take_desk_pool_from_groups(sales, named[0])
    assert tester.get_desk_pool(sales).group_names == named[1:]
    with pytest.raises(PlatformError, match="has no group '采购部'"):
        tester.give_desk_pool_to_groups(sales, "采购部")


def test_graphics_cards_are_asked_for_by_address_and_host(tester: Any, sales: str) -> None:
    with pytest.raises(PlatformError, match="实验平台没有显卡可透传"):
        tester.give_graphics_cards_to_desk_pool(sales, "0000:81:00.0@lab-a")
    with pytest.raises(PlatformError, match="has no host 'lab-c'"):
        tester.give_graphics_cards_to_desk_pool(sales, "0000:81:00.0@lab-c")
    with pytest.raises(InputError, match=r"Write it as 0000:81:00\.0@lab-a"):
        tester.give_graphics_cards_to_desk_pool(sales, "0000:81:00.0")


def test_what_names_nothing_is_refused(tester: Any, sales: str) -> None:
    for words in (
        tester.add_desktops_to_desk_pool,
        tester.remove_desktops_from_desk_pool,
        tester.give_desk_pool_to_groups,
        tester.take_desk_pool_from_groups,
        tester.give_graphics_cards_to_desk_pool,
        tester.set_desk_pool_models,
    ):
        with pytest.raises(InputError, match="ame at least one"):
            words(sales)


def test_a_resource_pool_comes_and_goes(tester: Any) -> None:
    id_ = tester.create_resource_pool("实验室")
    tester.update_resource_pool("实验室", name="二号实验室", cpu_over=4)
    pool = runtime.wait(client().pools.detail(id_), 10, "Reading a pool")
    assert (pool.name, pool.cpu_over, pool.memory_over, pool.arch) == ("二号实验室", 4, 1, "x86_64")
    assert "virtio" in tester.get_resource_pool_disk_buses("二号实验室")
    with pytest.raises(PlatformError, match="资源池名称已存在"):
        tester.create_resource_pool("二号实验室")
    with pytest.raises(PlatformError, match="资源池未处于维护状态"):
        tester.delete_resource_pool("二号实验室")
    tester.put_resource_pool_into_maintenance("二号实验室")
    tester.delete_resource_pool("二号实验室")
    assert "二号实验室" not in tester.get_resource_pools()
    with pytest.raises(InputError, match="nothing to change"):
        tester.update_resource_pool("实验室")


def test_no_desktop_starts_on_the_hosts_of_a_pool_in_maintenance(tester: Any, sales: str, platform_lab: Any) -> None:
    (pool,) = tester.get_resource_pools()
    tester.start_desktop("销售-001")
    tester.put_resource_pool_into_maintenance(pool)
    try:
        with pytest.raises(PlatformError, match="销售-002: 资源池 默认资源池 处于维护状态"):
            tester.start_desktops(sales)
        assert tester.get_idle_desktops(pool) == ["销售-002"]
        with contextlib.closing(platform_lab.libvirt(0)) as connection:
            assert connection.lookupByName("销售-001").isActive()
    finally:
        tester.return_resource_pool_to_service(pool)
    tester.start_desktops(sales)
    assert tester.get_idle_desktops(pool) == []
