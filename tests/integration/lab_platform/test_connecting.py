"""From the platform's VMs to libvirt's domains, on real libvirt: a desktop that is made, started and connected in one go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import DeadlineError, PlatformError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.adapter import connect_desk_pool, create_and_connect
from ATPLibrary.transport import VmState
from ATPLibrary.vdi import VdiClient

from .conftest import PASSWORD

pytestmark = pytest.mark.integration

NAMESAKE = "<domain type='qemu'><name>{name}</name><memory>4096</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
async def workspace(platform_lab: Any) -> AsyncIterator[Workspace]:
    hosts = {host.name: {"uri": host.uri, "ip": host.ip} for host in platform_lab.hosts}
    platform = {"url": platform_lab.url, "username": "admin", "password": PASSWORD}
    workspace = Workspace(Config.model_validate({"hosts": hosts, "platforms": {"lab": platform}}))
    yield workspace
    await workspace.close(5.0)


class Making:
    """Makes a full copy of a model, and remembers what it has begun, as the keywords do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: list[str] = []

    async def __call__(self, client: VdiClient, seconds: float) -> str:
        model = await client.models.find("atp-linux", timeout=seconds)
        operation = await client.domains.clone(model.id, self.name, of_model=True, timeout=seconds)
        assert operation.made.vm_id is not None
        self.made.append(operation.made.vm_id)
        await operation.finish(seconds)
        return operation.made.vm_id


@pytest.fixture
async def making(client: VdiClient) -> AsyncIterator[Making]:
    making = Making("桥上的桌面")
    yield making
    await client.domains.delete(making.made)


async def test_a_desktop_is_made_started_and_connected(
    workspace: Workspace, client: VdiClient, making: Making, platform_lab: Any
) -> None:
    id_, machine = await create_and_connect(workspace, client, making.name, making, start=True, timeout=60.0)
    assert machine is not None
    assert (machine.name, machine.uuid, [id_]) == (making.name, making.made[0], making.made)
    number = [host.name for host in platform_lab.hosts].index(machine.host)
    with contextlib.closing(platform_lab.libvirt(number)) as libvirt:
        assert libvirt.lookupByUUIDString(machine.uuid).isActive()
    assert (await workspace.machine(making.name, timeout=10.0)) is machine


async def test_a_desktop_is_connected_without_being_started(
    workspace: Workspace, client: VdiClient, making: Making
) -> None:
    _, machine = await create_and_connect(workspace, client, making.name, making, timeout=60.0)
    assert machine is not None
    assert (await machine.domain.state(5.0)).state is VmState.SHUTOFF


async def test_what_fails_half_way_leaves_a_desktop_that_its_maker_remembers(
    workspace: Workspace, client: VdiClient, making: Making
) -> None:
    hosts = await client.hosts.list().collect()
    for host in hosts:
        await client.hosts.limit_vms(host.id, 0)  # so it can be made there and not started
    try:
        with pytest.raises(PlatformError, match="达到虚机数量上限"):
            await create_and_connect(workspace, client, making.name, making, start=True, timeout=60.0)
    finally:
        for host in hosts:
            await client.hosts.limit_vms(host.id, host.vm_limit or 10_000)
    assert [vm.id for vm in await client.domains.list(making.name).collect()] == making.made
    assert workspace.machines == {}


async def test_what_is_cancelled_half_way_leaves_a_desktop_that_its_maker_remembers(
    workspace: Workspace, client: VdiClient, making: Making
) -> None:
    begun = asyncio.Event()

    async def made_and_never_done(client: VdiClient, seconds: float) -> str:
        await making(client, seconds)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    creating = create_and_connect(workspace, client, making.name, made_and_never_done, start=True, timeout=20.0)
    task = asyncio.create_task(creating)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [vm.id for vm in await client.domains.list(making.name).collect()] == making.made
    with pytest.raises(DeadlineError, match=f"Creating desktop '{making.name}'"):
        await create_and_connect(
            workspace, client, making.name, lambda *_: asyncio.Event().wait(), start=True, timeout=0.1
        )


async def test_a_uuid_that_two_hosts_have_is_the_one_where_the_platform_says(
    workspace: Workspace, client: VdiClient, platform_lab: Any
) -> None:
    model = await client.models.find("atp-linux")
    await (await client.desk_pools.create("两处", model_id=model.id, amount=1))
    (vm,) = await client.desk_pools.vms((await client.desk_pools.detail("两处")).id)
    home = [host.name for host in platform_lab.hosts].index(vm.host_name)
    with (
        contextlib.closing(platform_lab.libvirt(home)) as here,
        contextlib.closing(platform_lab.libvirt(1 - home)) as there,
    ):
        copy = there.defineXML(here.lookupByUUIDString(vm.id).XMLDesc(0))
        try:
            (machine,) = await connect_desk_pool(workspace, client, "两处", 20.0)
            assert machine.host == vm.host_name
            await workspace.forget(machine)
            # Renamed behind its back, and another one took the name: neither may be taken for the other.
            here.lookupByUUIDString(vm.id).rename("other")
            here.defineXML(NAMESAKE.format(name=vm.name))
            with pytest.raises(PlatformError, match="be one domain on host"):
                await connect_desk_pool(workspace, client, "两处", 20.0)
            here.lookupByName(vm.name).undefine()
        finally:
            copy.undefine()
