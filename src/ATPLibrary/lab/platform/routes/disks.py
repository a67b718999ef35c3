"""The disks of a VM."""

from __future__ import annotations

from ATPLibrary.lab.platform import answers, life
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.requests.vms import (
    DomainAddIndependentDiskDto,
    DomainDiskAddDto,
    DomainDiskExpandDto,
    DomainUpdateDiskSpeedDto,
)
from ATPLibrary.lab.platform.routes.common import Answer, ThePlatform, done, group
from ATPLibrary.lab.platform.shapes.base import EventIdVO, answering
from ATPLibrary.lab.platform.shapes.storage import StorageVolumeVO

router = group("/ocloud/v1/domain")


@router.get("/{id}/disk", **answering(list[StorageVolumeVO]))
async def list_disks(id: str, platform: ThePlatform) -> Answer:
    view = await platform.batches.view(id)
    if view.flag:
        raise Refusal(view.flag)
    return answers.envelope(await platform.disks.shown(view))


@router.post("/{id}/disk", **answering())
async def add_disk(id: str, body: DomainDiskAddDto, platform: ThePlatform) -> Answer:
    """Attach a free volume."""
    volume = platform.storage.volume(body.volumeId)
    await platform.batches.at_once(life.DISK, [id], lambda view: platform.disks.add(view, volume))
    return done()


@router.post("/independent-disk", **answering())
async def add_independent_disks(body: DomainAddIndependentDiskDto, platform: ThePlatform) -> Answer:
    """Make a volume for each VM in a storage pool of its host, and attach it."""
    pool = platform.storage.get(body.storagePoolId)
    bus = body.busType or "virtio"
    rows = [platform.batches.row(id) for id in body.domainIdList]
    if far := [row.name for row in rows if row.host_id != pool["host"]]:
        raise Refusal(f"虚机不在存储池的主机上: {', '.join(far)} (these VMs are on another host than the storage pool)")

    async def work(view: VmView) -> None:
        names = {volume["name"] for volume in platform.storage.volumes()}
        name = next(name for number in range(1, 1000) if (name := f"{view.row.name}-{number}") not in names)
        volume_id = await platform.storage.create(pool["id"], name, body.diskSize, bus)
        try:
            await platform.disks.add(view, platform.storage.volume(volume_id))
        except BaseException:
            platform.storage.delete_volume(volume_id)
            raise

    await platform.batches.at_once(life.DISK, body.domainIdList, work)
    return done()


@router.delete("/{domainId}/disk/{volumeId}", **answering())
async def delete_disk(domainId: str, volumeId: str, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(life.DISK, [domainId], lambda view: platform.disks.delete(view, volumeId))
    return done()


@router.post("/{domainId}/disk/{volumeId}/expand", **answering())
async def expand_disk(domainId: str, volumeId: str, body: DomainDiskExpandDto, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(
        life.DISK, [domainId], lambda view: platform.disks.expand(view, volumeId, body.expandSize)
    )
    return done()


@router.patch("/{domainId}/disk/{volumeId}/speed-limit", **answering())
async def limit_disk(domainId: str, volumeId: str, body: DomainUpdateDiskSpeedDto, platform: ThePlatform) -> Answer:
    limits = body.model_dump(exclude_none=True)
    await platform.batches.at_once(life.DISK, [domainId], lambda view: platform.disks.limit(view, volumeId, limits))
    return done()


@router.post("/{domainId}/disk/{volumeId}/unmount", **answering(EventIdVO))
async def unmount_disk(domainId: str, volumeId: str, platform: ThePlatform) -> Answer:
    (view,) = await platform.batches.ready(life.DISK, [domainId])
    await platform.disks.find(view, volumeId)
    await platform.batches.ready(life.DISK, [domainId])  # since then another may have begun
    event = platform.batches.begin(life.DISK, view, lambda view: platform.disks.unmount(view, volumeId))
    return answers.envelope({"eventId": event})
