"""What devices the hosts have, and what of them could be given away."""

from __future__ import annotations

from ATPLibrary.lab.platform import answers, libvirt_calls
from ATPLibrary.lab.platform.routes.common import Answer, PageNumber, PageSize, ThePlatform, group, paged
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.hosts import PcieDevicePassInfo

router = group("/ocloud/v1/host")


@router.get("/{id}/nic/all", **answering(list[str]))
async def list_host_nics(id: str, platform: ThePlatform) -> Answer:
    """libvirt's XML of each network card of the machine; none where its libvirt doesn't look at devices."""
    host = platform.hosts.get(id)
    return answers.envelope(
        await platform.machines.ask_host(host.id, "tell its network cards", libvirt_calls.network_cards)
    )


@router.get("/{id}/gpu/pass-through/all", **answering(list[PcieDevicePassInfo]))
async def list_graphics_cards(id: str, platform: ThePlatform) -> Answer:
    """A lab's host, which isn't root, has none that it could give away."""
    platform.hosts.get(id)
    return answers.envelope([])


@router.get("/{id}/vgpu/pass-through", **answering(PageResult[PcieDevicePassInfo]))
async def list_virtual_graphics_cards(
    id: str, platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    platform.hosts.get(id)
    return paged([], number, size)
