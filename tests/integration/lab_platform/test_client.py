"""The client's own way through a VM's life, on the real server, each call held against the vendor's document."""

from __future__ import annotations

import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import PlatformError
from ATPLibrary.events import EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient, VmStatus
from ATPLibrary.vdi.codes import RestorePoint
from ATPLibrary.vdi.shapes.vm_orders import VmChange

from .conftest import PASSWORD

pytestmark = pytest.mark.integration


@pytest.fixture
async def checked(platform_lab, client, vendor_file):
    """Logged in beside `client`, which deletes the pools at the end; it knows the vendor's document."""
    settings = PlatformSettings(
        name="lab", url=platform_lab.url, username="admin", password=Secret(PASSWORD), api_document=vendor_file
    )
    async with VdiClient(settings, timeout=60, event_bus=EventBus()) as checked:
        yield checked


async def test_a_vms_life_by_the_clients_methods_differs_nowhere_from_the_document(checked):
    model = await checked.models.find("atp-linux")
    order = await checked.desk_pools.create("生活", model_id=model.id, amount=2)
    seen = [event.description async for event in order.progress(60)]
    assert seen
    pool = await checked.desk_pools.detail("生活")
    await checked.desk_pools.enable(pool.id)
    first, second = await checked.desk_pools.vms(pool.id)
    assert (first.desk_pool_id, first.model_id, first.status) == (pool.id, model.id, VmStatus.SHUT_OFF)

    await checked.domains.resize([first.id], cpu=1, memory=128)
    await checked.domains.update(first.id, VmChange(name=first.name, remark="被测"))
    assert await checked.domains.freeze([first.id], RestorePoint.EACH_START) == []
    frozen = await checked.domains.detail(first.id)
    assert (frozen.memory, frozen.remark, frozen.has_restore_point) == (128, "被测", 1)
    await checked.domains.unfreeze([first.id])

    await (await checked.domains.start([first.id]))
    assert {port.type for port in await checked.domains.ports(first.id)} == {"spice", "vnc"}
    assert "<domain" in await checked.domains.xml(first.id)
    for act, status in (
        (checked.domains.suspend, VmStatus.SUSPENDED),
        (checked.domains.resume, VmStatus.RUNNING),
    ):
        await (await act([first.id]))
        assert (await checked.domains.detail(first.id)).status is status
    again = await checked.domains.start([first.id, second.id])
    with pytest.raises(PlatformError, match=rf"in 1 of 2 operations: {first.name}: 虚机已经启动"):
        await again
    await (await checked.domains.close([first.id, second.id], force=True))

    host = (await checked.hosts.all())[0]
    assert (await checked.hosts.hardware(host.id)).threads
    assert await checked.hosts.uptime(host.id)
    assert (await checked.hosts.detail(host.id)).name == host.name
    await checked.domains.delete([second.id], recycle=True)
    assert [vm.id for vm in await checked.domains.recycled().collect()] == [second.id]
    await checked.domains.delete_recycled([second.id])
    await checked.desk_pools.delete(pool.id)
    assert [str(finding) for finding in checked.findings] == []


async def test_what_has_no_method_is_called_by_its_path(checked):
    assert await checked.call("GET /ocloud/v1/domain/agent-version") == await checked.domains.agent_versions()
    with pytest.raises(PlatformError) as caught:
        await checked.call("GET /ocloud/v1/domain/{id}", id="nobody")
    assert caught.value.vendor_message
    assert checked.findings == []
