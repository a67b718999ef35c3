"""Storage pools and volumes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers, domain_xml
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.hosts import DATA_CENTRE
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.storage import (
    DirStoragePoolCreateDto,
    StoragePoolBindPoolDto,
    StoragePoolDeleteIsoDto,
    StoragePoolGfsCreateDto,
    StoragePoolGlusterCreateDto,
    StoragePoolLvmCreateDto,
    StoragePoolNfsCreateDto,
    StoragePoolRenameDto,
    StorageVolumeCreateDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.storage import (
    IsoStoragePoolVolumeVO,
    PoolVolumeVO,
    StoragePoolDetailVO,
    StoragePoolSpaceVO,
    StoragePoolVO,
    StorageVolumeCreateVO,
)

router = group()

PoolId = Annotated[str | None, Query(alias="poolId")]
IsIso = Annotated[int | None, Query(alias="isIso", ge=0, le=1)]
Centre = Annotated[str | None, Query(alias="vmcId")]


@router.get("/storage-pool", **answering(PageResult[StoragePoolVO]))
async def list_storage_pools(
    platform: ThePlatform,
    *,
    keyword: str = "",
    iso: IsIso = None,
    pool_id: PoolId = None,
    centre: Centre = None,
    unbound: Annotated[int | None, Query(alias="unbindPoolFlag")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    pools = _pools(platform, keyword, iso, pool_id, centre)
    return paged([pool for pool in pools if unbound != 1 or not pool["poolId"]], number, size)


@router.get("/storage-pool/all", **answering(list[StoragePoolVO]))
async def all_storage_pools(
    platform: ThePlatform, keyword: str = "", iso: IsIso = None, pool_id: PoolId = None, centre: Centre = None
) -> Answer:
    return answers.envelope(_pools(platform, keyword, iso, pool_id, centre))


@router.post("/storage-pool/dir", **answering())
async def create_directory_pool(body: DirStoragePoolCreateDto, platform: ThePlatform) -> Answer:
    platform.storage.add(body.name, body.hostId, body.path, bool(body.isIso))
    return done()


@router.post("/storage-pool/gfs", **answering())
async def create_gfs_pool(body: StoragePoolGfsCreateDto, platform: ThePlatform) -> Answer:
    raise _only_directories()


@router.post("/storage-pool/gluster", **answering())
async def create_gluster_pool(body: StoragePoolGlusterCreateDto, platform: ThePlatform) -> Answer:
    raise _only_directories()


@router.post("/storage-pool/lvm", **answering())
async def create_lvm_pool(body: StoragePoolLvmCreateDto, platform: ThePlatform) -> Answer:
    raise _only_directories()


@router.post("/storage-pool/nfs", **answering())
async def create_nfs_pool(body: StoragePoolNfsCreateDto, platform: ThePlatform) -> Answer:
    raise _only_directories()


@router.get("/storage-pool/lvm-vg", **answering(list[str]))
async def list_volume_groups(platform: ThePlatform, host_id: Annotated[str, Query(alias="hostId")]) -> Answer:
    platform.hosts.get(host_id)
    return answers.envelope([])


@router.post("/storage-pool/delete-iso", **answering())
async def delete_iso(body: StoragePoolDeleteIsoDto, platform: ThePlatform) -> Answer:
    """Not one that is in a drive: its VM would not start any more."""
    file, host = platform.storage.iso(body.storagePoolId, body.path), platform.storage.get(body.storagePoolId)["host"]
    rows = [row for row in platform.store.vms() if row.host_id == host]
    views = [view for view in await platform.batches.views(rows) if not view.flag]
    if having := [view.row.name for view in views if str(file) in await _files_in_drives(platform, view)]:
        raise Refusal(f"镜像正在使用: {file.name} (these VMs have it in a drive: {', '.join(having)})")
    file.unlink(missing_ok=True)
    return done()


@router.get("/storage-pool/{id}", **answering(StoragePoolDetailVO))
async def show_storage_pool(id: str, platform: ThePlatform) -> Answer:
    """`allocation` is the file system's in bytes, `volumeUsed` what its volumes may grow to, in GiB."""
    pool = platform.storage.get(id)
    used = sum(volume["size"] for volume in platform.storage.volumes() if volume["storage"] == id)
    allocation = str(platform.storage.space(pool)["allocation"])
    return answers.envelope({**platform.storage.shown(pool), "allocation": allocation, "volumeUsed": used})


@router.delete("/storage-pool/{id}", **answering())
async def delete_storage_pool(id: str, platform: ThePlatform) -> Answer:
    platform.storage.remove(id)
    return done()


@router.patch("/storage-pool/{id}/bind-pool", **answering())
async def bind_resource_pool(id: str, body: StoragePoolBindPoolDto, platform: ThePlatform) -> Answer:
    if platform.store.records.get("pool", body.poolId) is None:
        raise Refusal(f"资源池不存在: {body.poolId} (no such resource pool)")
    platform.storage.change(id, pool=body.poolId)
    return done()


@router.patch("/storage-pool/{id}/unbind-pool", **answering())
async def unbind_resource_pool(id: str, platform: ThePlatform) -> Answer:
    platform.storage.change(id, pool="")
    return done()


@router.patch("/storage-pool/{id}/name", **answering())
async def rename_storage_pool(id: str, body: StoragePoolRenameDto, platform: ThePlatform) -> Answer:
    if platform.storage.get(id)["name"] != body.newName:
        platform.storage.check_name(body.newName)
        platform.storage.change(id, name=body.newName)
    return done()


@router.get("/storage-pool/{id}/iso", **answering(PageResult[IsoStoragePoolVolumeVO]))
async def list_isos(id: str, platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged(platform.storage.isos(id), number, size)


@router.get("/storage-pool/{id}/usage", **answering(StoragePoolSpaceVO))
async def show_usage(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(platform.storage.space(platform.storage.get(id)))


@router.get("/storage-volume", **answering(PageResult[PoolVolumeVO]))
async def list_volumes(
    platform: ThePlatform,
    *,
    keyword: str = "",
    free: Annotated[int | None, Query(alias="isFree")] = None,
    pool_id: PoolId = None,
    storage: Annotated[str | None, Query(alias="storagePoolId")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    return paged(_volumes(platform, keyword, free, pool_id, storage), number, size)


@router.get("/storage-volume/all", **answering(list[PoolVolumeVO]))
async def all_volumes(
    platform: ThePlatform,
    *,
    keyword: str = "",
    free: Annotated[int | None, Query(alias="isFree")] = None,
    pool_id: PoolId = None,
    storage: Annotated[str | None, Query(alias="storagePoolId")] = None,
) -> Answer:
    return answers.envelope(_volumes(platform, keyword, free, pool_id, storage))


@router.post("/storage-volume", **answering(StorageVolumeCreateVO))
async def create_volume(body: StorageVolumeCreateDto, platform: ThePlatform) -> Answer:
    """An empty disk of `size` GiB that no VM has yet."""
    id = await platform.storage.create(body.storagePoolId, body.name, body.size, body.busType)
    return answers.envelope({"id": id})


@router.delete("/storage-volume/{volumeId}", **answering())
async def delete_volume(volumeId: str, platform: ThePlatform) -> Answer:
    platform.storage.delete_volume(volumeId)
    return done()


def _only_directories() -> Refusal:
    return Refusal("实验平台只支持本地目录存储池 (the lab has neither network nor LVM storage: create a dir pool)")


async def _files_in_drives(platform: Platform, view: VmView) -> set[str | None]:
    xml = await platform.machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    return {disk.file for disk in domain_xml.disks(xml) if disk.device == "cdrom"}


def _pools(
    platform: Platform, keyword: str, iso: int | None, pool_id: str | None, centre: str | None
) -> list[StoragePoolVO]:
    return [
        platform.storage.shown(pool)
        for pool in platform.storage.all()
        if has(keyword, pool["name"])
        and iso in (None, int(pool["iso"]))
        and pool_id in (None, "", pool["pool"])
        and centre in (None, "", DATA_CENTRE)
    ]


def _volumes(
    platform: Platform, keyword: str, free: int | None, pool_id: str | None, storage: str | None
) -> list[PoolVolumeVO]:
    names = {row.id: row.name for row in platform.store.vms()}

    def shown(volume: Record) -> PoolVolumeVO:
        pool = platform.storage.get(volume["storage"])
        return {
            "id": volume["id"],
            "name": volume["name"],
            "busType": volume["bus"],
            "size": volume["size"],
            "domainId": volume["vm"],
            "domainName": names.get(volume["vm"], ""),
            "isModel": 0,
            "isStartDisk": 0,
            "poolPath": pool["path"],
            "storagePoolId": pool["id"],
        }

    return [
        shown(volume)
        for volume in platform.storage.volumes()
        if has(keyword, volume["name"])
        and (free != 1 or not volume["vm"])
        and storage in (None, "", volume["storage"])
        and pool_id in (None, "", platform.storage.get(volume["storage"])["pool"])
    ]
