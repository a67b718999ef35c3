"""From what the platform lists to what libvirt runs."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import DeadlineError, HostError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.adapter import connect_desk_pool, delete_desk_pool, known_host
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.integration

FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def vm(id_: str, name: str, **more: object) -> dict[str, object]:
    return {"id": id_, "name": name, "status": 1, "hostId": "h1", **more}


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
    with pytest.raises(PlatformError, match=r"VM 'sales-002' should be one domain on host 'rack-1' but .* 'sales-001'"):
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
    sales.hosts = [{"id": "h1", "name": "rack-1"}]
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    with pytest.raises(PlatformError, match="VM 'sales-001' should be on a host with an ip"):
        await connect_desk_pool(workspace, client, "sales", 10.0)


async def test_a_host_that_isn_t_configured_is_reached_as_the_vendor_s_are(workspace: Workspace) -> None:
    assert known_host(workspace, "192.0.2.77") == "192.0.2.77"
    assert workspace.transport.hosts["192.0.2.77"].uri == "qemu+tcp://192.0.2.77/system"
    assert known_host(workspace, "192.0.2.1") == "rack-1"


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
        DeadlineError, match=r"'sales' should be gone within 0.3 s .*still lists desk pool 'sales', VM 'sales-001'"
    ):
        await delete_desk_pool(workspace, client, "sales", 0.3)


async def test_a_host_that_can_t_be_reached_fails_the_whole_pool(
    workspace: Workspace, client: VdiClient, sales: Any
) -> None:
    sales.hosts[0]["ip"] = "127.0.0.1"
    workspace.transport.add_host("127.0.0.1", "qemu+unix:///session?socket=/nonexistent/libvirt.sock")
    sales.vms["p1"] = [vm(FIRST, "sales-001")]
    with pytest.raises(HostError, match=r"Host '127\.0\.0\.1'"):
        await connect_desk_pool(workspace, client, "sales", 10.0)
