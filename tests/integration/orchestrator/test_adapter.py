"""From what the platform lists to what libvirt runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import DeadlineError, HostError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.adapter import connect_desk_pool, connect_desktop, delete_desk_pool
from ATPLibrary.orchestrator.platform_hosts import KnownHost, known_as
from ATPLibrary.vdi import VdiClient

from .conftest import DOMAIN

pytestmark = pytest.mark.integration

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def vm(id_: str, name: str, **more: object) -> dict[str, object]:
    return {"id": id_, "name": name, "status": 1, "hostId": "h1", **more}


def another_host(workspace: Workspace, tmp_path: Path, name: str, *vms: tuple[str, str]) -> None:
    """A host beside rack-1 that has these VMs (name, UUID), all of them on."""
    file = tmp_path / f"{name}.xml"
    nodes = "".join(DOMAIN.format(name=each, uuid=uuid) for each, uuid in vms)
    file.write_text(f"<node>{nodes}</node>", encoding="utf-8")
    workspace.transport.add_host(name, f"test://{file}")


@pytest.fixture
def sales(platform: Any) -> Any:
    """A platform with one desk pool on one host; the test says which VMs are in the pool."""
    platform.hosts = [{"id": "h1", "name": "rack-1", "ip": "192.0.2.1", "status": 1}]
    platform.pools = [{"id": "p1", "name": "sales", "enabled": 1}]
    platform.vms = {"p1": []}
    return platform


async def test_every_vm_of_a_pool_is_connected_in_the_platform_s_order(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(SECOND, "sales-002"), vm(FIRST, "sales-001")]
    machines = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert [(machine.name, machine.uuid, machine.host) for machine in machines] == [
        ("sales-002", SECOND, "rack-1"),
        ("sales-001", FIRST, "rack-1"),
    ]


async def test_connecting_twice_gives_the_same_machines(workspace: Workspace, client: VdiClient, sales: Any) -> None:
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    (first,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    (second,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert first is second


async def test_a_vm_that_goes_by_another_name_on_its_host_is_found_by_uuid(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST.upper(), "what the user calls it")]
    (machine,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert machine.name == "sales-001"


async def test_a_vm_whose_uuid_its_host_doesn_t_know_is_found_by_name(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(UNKNOWN, "sales-002")]
    (machine,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert machine.uuid == SECOND


async def test_a_uuid_and_a_name_that_mean_different_domains_are_refused(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST, "sales-002")]
    with pytest.raises(
        PlatformError, match=r"VM 'sales-002' .*should be one domain on host 'rack-1' but .* 'sales-001'"
    ):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_vm_that_its_host_lacks_is_named_with_the_host(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(UNKNOWN, "sales-009")]
    with pytest.raises(VmNotFoundError, match=r"'sales-009'.* should be a domain on host 'rack-1'.* neither"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_an_empty_pool_is_no_success(workspace: Workspace, client: VdiClient, sales: Any) -> None:
    with pytest.raises(PlatformError, match="Desk pool 'sales' should have a desktop but the platform lists none"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_the_vm_s_own_ip_of_its_host_is_used_where_the_host_isn_t_listed(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.hosts = []
    sales.vms["p1"] = [vm(FIRST, "sales-001", ip="192.0.2.1")]
    (machine,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert machine.host == "rack-1"


async def test_a_vm_on_no_known_address_is_refused(workspace: Workspace, client: VdiClient, sales: Any) -> None:
    sales.hosts = [{"id": "h1", "name": "rack-8"}]
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    with pytest.raises(PlatformError, match="VM 'sales-001' should be on a host with an ip"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_host_that_isn_t_configured_is_reached_as_the_vendor_s_are_and_not_kept_when_it_can_t(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.hosts[0]["ip"] = "127.0.0.1"
    sales.vms["p1"] = [vm(FIRST, "what no other host has", id=UNKNOWN)]
    sales.hosts[0]["name"] = "somebody's"
    with pytest.raises(HostError, match=r"Host '127\.0\.0\.1'.* qemu\+tcp://127\.0\.0\.1/system"):
        await connect_desk_pool(workspace, client, "sales", 10.0)
    assert set(workspace.transport.hosts) == {"rack-1"}


async def test_deleting_a_pool_waits_until_the_platform_lists_nothing_of_it(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    sales.deletions_ignored = 2
    await connect_desk_pool(workspace, client, "sales", 10.0)
    await delete_desk_pool(workspace, client, "sales", 10.0)
    assert sales.deletions_ignored == 0
    assert workspace.machines == {}


async def test_a_pool_that_doesn_t_go_away_is_reported_with_what_is_left(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    sales.deletions_ignored = 1_000_000
    with pytest.raises(
        DeadlineError, match=r"'sales' should be gone within 1 s .*still lists desk pool 'sales', VM 'sales-001'"
    ):
        await delete_desk_pool(workspace, client, "sales", 1)


async def test_a_host_that_can_t_be_reached_fails_the_whole_pool(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.hosts[0]["ip"] = "127.0.0.1"
    workspace.transport.add_host("127.0.0.1", "qemu+unix:///session?socket=/nonexistent/libvirt.sock")
    sales.vms["p1"] = [vm(UNKNOWN, "sales-009")]
    with pytest.raises(HostError, match=r"Host '127\.0\.0\.1'"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_desktop_is_connected_by_the_platform_s_name_and_by_its_id(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST, "销售一号"), vm(SECOND, "sales-002")]
    by_name = await connect_desktop(workspace, client, "销售一号", 10.0)
    assert (by_name.name, by_name.uuid) == ("sales-001", FIRST)
    assert await connect_desktop(workspace, client, FIRST, 10.0) is by_name
    with pytest.raises(VmNotFoundError, match=r"no VM 'sales-003'.*'sales-002'"):
        await connect_desktop(workspace, client, "sales-003", 10.0)


async def test_a_vm_that_moved_behind_the_platform_s_back_is_connected_where_it_is_and_told_of(
    workspace: Workspace, client: VdiClient, sales: Any, tmp_path: Path
) -> None:
    another_host(workspace, tmp_path, "rack-2", ("moved", UNKNOWN))
    sales.vms["p1"] = [vm(UNKNOWN, "moved"), vm(FIRST, "sales-001")]
    machines = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert [machine.host for machine in machines] == ["rack-2", "rack-1"]
    (told,) = [event for event in workspace.bus.recent("vm:moved") if event.kind == "vm.elsewhere"]
    assert told.is_warning
    assert told.notice == "VM 'moved' is on host 'rack-2'; the platform 'lab' says that it is on 'rack-1'."


async def test_a_vm_that_two_other_hosts_run_is_connected_on_neither(
    workspace: Workspace, client: VdiClient, sales: Any, tmp_path: Path
) -> None:
    for name in ("rack-2", "rack-3"):
        another_host(workspace, tmp_path, name, ("copied", UNKNOWN))
    sales.vms["p1"] = [vm(UNKNOWN, "copied")]
    with pytest.raises(PlatformError, match=r"be on host 'rack-1'.* one on each of rack-2 and rack-3"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_the_host_that_the_platform_names_is_taken_where_two_hosts_run_the_vm(
    workspace: Workspace, client: VdiClient, sales: Any, tmp_path: Path
) -> None:
    another_host(workspace, tmp_path, "rack-2", ("sales-001", FIRST))
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    (machine,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert machine.host == "rack-1"


async def test_a_name_that_belongs_to_another_of_the_platform_s_vms_is_refused(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(UNKNOWN, "sales-002")]
    sales.vms["p2"] = [vm(SECOND, "somebody else's")]
    with pytest.raises(PlatformError, match=rf"the domain of that name is {SECOND}, which the platform has as another"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_host_that_the_platform_knows_by_another_ip_is_known_by_its_name_and_the_vm_s_uuid(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.hosts[0]["ip"] = "198.51.100.1"
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    (machine,) = await connect_desk_pool(workspace, client, "sales", 10.0)
    assert machine.host == "rack-1"
    sales.vms["p1"] = [vm(UNKNOWN, "sales-001")]
    with pytest.raises(PlatformError, match="only the host's name says that the host is meant"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_host_is_known_by_the_address_in_its_uri(workspace: Workspace) -> None:
    workspace.transport.add_host("rack-7", "qemu+ssh://root@192.0.2.7:2222/system")
    assert known_as(workspace, ["192.0.2.7"], "another") == KnownHost("rack-7", "uri")
    assert known_as(workspace, ["192.0.2.1", "192.0.2.7"], None) == KnownHost("rack-1", "ip")
    assert known_as(workspace, ["192.0.2.9"], "rack-7") == KnownHost("rack-7", "name")
    assert known_as(workspace, ["192.0.2.9"], "rack-9") is None


async def test_all_vms_of_a_pool_that_can_t_be_connected_are_named_with_their_reasons(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.vms["p1"] = [vm(FIRST, "sales-002"), vm(UNKNOWN, "sales-009"), vm(SECOND, "the good one")]
    with pytest.raises(
        PlatformError, match=r"2 of its 3 VMs can't be connected \(sales-002, sales-009\): .*; .*neither"
    ):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_host_is_asked_for_its_list_once_however_many_vms_the_pool_has(
    workspace: Workspace, client: VdiClient, sales: Any, tmp_path: Path
) -> None:
    vms = [(f"many-{number}", f"33333333-3333-4333-8333-{number:012}") for number in range(50)]
    another_host(workspace, tmp_path, "rack-2", *vms)
    sales.hosts.append({"id": "h2", "name": "rack-2", "ip": "192.0.2.2"})
    sales.vms["p1"] = [vm(uuid, name, hostId="h2") for name, uuid in vms]
    assert len(await connect_desk_pool(workspace, client, "sales", 10.0)) == 50
    figures = {each.host: each.requests for each in workspace.transport.statistics()}
    assert figures == {"rack-1": 0, "rack-2": 1}
