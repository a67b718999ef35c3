"""A desk pool's life on real libvirt, as the client sees it and as libvirt sees it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi import DeskPoolType, HostStatus, LongOperation, VdiClient, VmStatus

pytestmark = pytest.mark.integration


async def create(client: VdiClient, name: str = "测试桌面池", amount: int = 2, **fields):
    """A pool that is ready."""
    model = await client.models.find("atp-linux")
    event = await client.desk_pools.create(name, model_id=model.id, amount=amount, **fields)
    await client.events.finish(event, 60)
    return await client.desk_pools.detail(name)


async def test_both_hosts_are_listed_enabled_with_their_address_and_hardware(client, platform_lab):
    hosts = await client.hosts.list().collect()
    assert [(host.name, host.ip, host.status) for host in hosts] == [
        ("lab-a", "127.0.0.2", HostStatus.ENABLED),
        ("lab-b", "127.0.0.3", HostStatus.ENABLED),
    ]
    detail = await client.hosts.detail(hosts[0].id)
    assert detail.cpu_size
    assert detail.memory


async def test_the_models_are_the_three_keyboards(client):
    models = await client.models.list().collect()
    assert [model.name for model in models] == ["atp-linux", "atp-linux-usb", "atp-linux-virtio"]
    assert all(model.is_model == 1 for model in models)


async def test_a_desk_pool_lives_from_create_to_delete_and_leaves_nothing(client, platform_lab):
    progress = []
    model = await client.models.find("atp-linux")
    event = await client.desk_pools.create("测试桌面池", model_id=model.id, amount=3, type=DeskPoolType.SHARED)
    done = await client.events.finish(event, 60, lambda seen: progress.append(seen.description))
    assert done.description == "创建桌面池 测试桌面池: 3/3"

    pool = await client.desk_pools.detail("测试桌面池")
    assert (pool.amount, pool.type, pool.is_enabled, pool.model_id) == (3, DeskPoolType.SHARED, False, model.id)
    await client.desk_pools.enable(pool.id)
    assert (await client.desk_pools.detail(pool.id)).is_enabled
    await client.desk_pools.disable(pool.id)
    assert not (await client.desk_pools.detail(pool.id)).is_enabled

    vms = await client.desk_pools.vms(pool.id)
    assert [vm.name for vm in vms] == ["测试桌面池-001", "测试桌面池-002", "测试桌面池-003"]
    assert [vm.host_name for vm in vms] == ["lab-a", "lab-b", "lab-a"]
    assert [vm.status for vm in vms] == [VmStatus.SHUT_OFF] * 3
    with contextlib.closing(platform_lab.libvirt(1)) as connection:
        (domain,) = connection.listAllDomains()
        assert (domain.name(), domain.UUIDString()) == ("测试桌面池-002", vms[1].id)

    await client.desk_pools.delete(pool.id)
    assert platform_lab.left() == []
    with pytest.raises(PlatformError, match="has no desk pool '测试桌面池'"):
        await client.desk_pools.detail("测试桌面池")
    with pytest.raises(PlatformError, match="虚机不存在"):
        await client.domains.detail(vms[0].id)


async def test_vms_start_and_report_what_libvirt_says(client, platform_lab):
    pool = await create(client)
    ids = [vm.id for vm in await client.desk_pools.vms(pool.id)]
    assert await client.domains.ports(ids[0]) == []

    await client.events.finish_all(await client.domains.start(ids), 60)
    assert [vm.status for vm in await client.desk_pools.vms(pool.id)] == [VmStatus.RUNNING] * 2
    with contextlib.closing(platform_lab.libvirt(0)) as connection:
        domain = connection.lookupByUUIDString(ids[0])
        assert domain.isActive()
        xml = domain.XMLDesc(0)
        for port in await client.domains.ports(ids[0]):
            assert port.type in ("spice", "vnc")
            assert f"type='{port.type}' port='{port.value}'" in xml
        assert len(await client.domains.ports(ids[0])) == 2
        assert [host.running_vm_count for host in await client.hosts.list().collect()] == [1, 1]

        domain.suspend()  # behind the platform's back
        assert (await client.domains.detail(ids[0])).status is VmStatus.SUSPENDED
        domain.resume()
        assert (await client.domains.detail(ids[0])).status is VmStatus.RUNNING

    again = await client.domains.start(ids)
    assert again.event_ids == []
    assert [refusal.reason for refusal in again.refusals] == ["虚机已经启动 (the VM is running)"] * 2

    await client.events.finish_all(await client.domains.close(ids, force=True), 60)
    assert [vm.status for vm in await client.desk_pools.vms(pool.id)] == [VmStatus.SHUT_OFF] * 2
    with pytest.raises(PlatformError, match="虚机已经关机"):
        await client.events.finish_all(await client.domains.close(ids, force=True), 60)

    started, failed = (
        await client.events.list(succeeded=True).collect(),
        await client.events.list(succeeded=False).collect(),
    )
    assert {event.vm_id for event in started if event.description == "启动虚机"} >= set(ids)
    assert failed == []


async def test_a_running_vm_is_deleted_with_its_qemu_and_its_files(client, platform_lab):
    pool = await create(client)
    first, second = await client.desk_pools.vms(pool.id)
    await client.events.finish_all(await client.domains.start([first.id]), 60)
    await client.domains.delete([first.id])
    assert [vm.id for vm in await client.desk_pools.vms(pool.id)] == [second.id]
    assert (await client.desk_pools.detail(pool.id)).amount == 1
    assert len(platform_lab.left()) == 2  # the other VM and its directory


async def test_a_soft_close_waits_for_the_guest_as_busy_and_gives_way_to_a_deletion(client, platform_lab):
    pool = await create(client, amount=1)
    (vm,) = await client.desk_pools.vms(pool.id)
    await client.events.finish_all(await client.domains.start([vm.id]), 60)
    closing = await client.domains.close([vm.id])  # this guest has no ear for it
    assert (await client.domains.detail(vm.id)).status is VmStatus.BUSY
    refused = await client.domains.reboot([vm.id])
    assert [refusal.reason for refusal in refused.refusals] == ["虚机正在操作中 (another operation is under way)"]
    await client.desk_pools.delete(pool.id)
    assert platform_lab.left() == []
    with pytest.raises(PlatformError, match="操作被删除取代"):
        await client.events.finish_all(closing, 10)


async def test_a_pool_that_cannot_be_made_leaves_nothing_and_says_why(client, platform_lab):
    with contextlib.closing(platform_lab.libvirt(1)) as connection:
        taken = connection.defineXML(
            "<domain type='qemu'><name>taken-002</name><memory>8192</memory><os><type>hvm</type></os></domain>"
        )
        try:
            with pytest.raises(
                PlatformError, match=r"failed in an operation: 创建桌面池 taken: \d/4: .*taken-002.*already exists"
            ):
                await create(client, "taken", 4)
            assert await client.desk_pools.list().collect() == []
            assert platform_lab.left() == ["lab-b: taken-002"]
        finally:
            taken.undefine()


async def test_a_vm_that_is_missing_in_libvirt_is_flagged_and_can_be_deleted(client, platform_lab):
    pool = await create(client, amount=1)
    (vm,) = await client.desk_pools.vms(pool.id)
    with contextlib.closing(platform_lab.libvirt(0)) as connection:
        connection.lookupByUUIDString(vm.id).undefine()
    seen = await client.domains.detail(vm.id)
    assert (seen.status, seen.remark) == (VmStatus.SHUT_OFF, "虚机在主机上不存在 (the VM is missing in libvirt)")
    with pytest.raises(PlatformError, match="missing in libvirt"):
        await client.events.finish_all(await client.domains.start([vm.id]), 10)
    await client.desk_pools.delete(pool.id)
    assert platform_lab.left() == []


async def test_two_testers_with_one_pool_name_get_one_pool(platform_lab, client):
    model = await client.models.find("atp-linux")
    orders = [client.desk_pools.create("同名", model_id=model.id, amount=1) for _ in range(2)]
    outcomes = await asyncio.gather(*orders, return_exceptions=True)
    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, PlatformError)]
    assert "桌面池名称已存在" in str(refused)
    (ordered,) = [outcome for outcome in outcomes if isinstance(outcome, LongOperation)]
    await ordered.finish(60)


async def test_a_pool_deleted_by_two_testers_while_a_third_starts_it_leaves_nothing(client, platform_lab):
    pool = await create(client, amount=2)
    ids = [vm.id for vm in await client.desk_pools.vms(pool.id)]
    starting = await client.domains.start(ids[:1])
    outcomes = await asyncio.gather(
        client.desk_pools.delete(pool.id),
        client.desk_pools.delete(pool.id),
        client.domains.start(ids[1:]),
        return_exceptions=True,
    )
    assert platform_lab.left() == []
    assert await client.desk_pools.list().collect() == []
    refused = [str(outcome) for outcome in outcomes if isinstance(outcome, PlatformError)]
    assert len(refused) <= 1
    assert all("虚机正在删除中" in sentence for sentence in refused)
    ended = await client.events.detail(starting.event_ids[0])
    assert ended.is_success == 0


async def test_lists_are_filtered_and_paged(client):
    await create(client, "red", 3)
    await create(client, "blue", 2)
    assert [pool.name for pool in await client.desk_pools.list("RE").collect()] == ["red"]
    assert [vm.name for vm in await client.domains.list("blue").collect()] == ["blue-001", "blue-002"]
    host = await client.hosts.find("lab-b")
    assert [vm.name for vm in await client.domains.list(host_id=host.id).collect()] == ["red-002", "blue-002"]
    assert await client.domains.list(status=VmStatus.RUNNING).collect() == []
    assert len(await client.domains.list(status=VmStatus.SHUT_OFF).collect()) == 5
    models = {model.name: model.child_count for model in await client.models.list().collect()}
    assert models == {"atp-linux": 5, "atp-linux-usb": 0, "atp-linux-virtio": 0}
