"""What needs a guest that listens: shutting down and restarting when asked to."""

from __future__ import annotations

import contextlib

import pytest

from ATPLibrary.vdi import VmStatus

pytestmark = pytest.mark.e2e


async def test_guests_restart_and_shut_down_when_the_platform_asks_them_to(guest_lab):
    async with guest_lab.client() as client:
        model = await client.models.find("atp-linux")
        await client.events.finish(await client.desk_pools.create("听话", model_id=model.id, amount=1), 60)
        pool = await client.desk_pools.detail("听话")
        (vm,) = await client.desk_pools.vms(pool.id)
        await client.events.finish_all(await client.domains.start([vm.id]), 60)
        # At once, while it boots: the guest has no ear yet, the platform asks again.
        with contextlib.closing(guest_lab.libvirt(0)) as connection:
            first = connection.lookupByUUIDString(vm.id).ID()
            await client.events.finish_all(await client.domains.reboot([vm.id]), 120)
            assert connection.lookupByUUIDString(vm.id).ID() == first  # the same QEMU, restarted inside
        await client.events.finish_all(await client.domains.close([vm.id]), 120)
        assert (await client.domains.detail(vm.id)).status is VmStatus.SHUT_OFF
        await client.desk_pools.delete(pool.id)
    assert guest_lab.left() == []
