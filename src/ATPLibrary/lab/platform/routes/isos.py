"""A VM's CD drives and the ISO files in them: in its domain XML, asked of libvirt, changed by libvirt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers, domain_xml, libvirt_calls, life
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.requests.vms import (
    DomainIsoAddDto,
    DomainIsoDeleteDto,
    DomainUpdateIsoDto,
    InstallIsoDto,
    UninstallIsoDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Platform,
    ThePlatform,
    done,
    group,
)
from ATPLibrary.lab.platform.shapes.base import answering
from ATPLibrary.lab.platform.shapes.vms import DomainIsoVO, DomainVO

router = group()


@router.get("/domain/{id}/iso", **answering(list[DomainIsoVO]))
async def list_isos_of_vm(id: str, platform: ThePlatform) -> Answer:
    row = platform.batches.row(id)
    xml = await platform.machines.ask(row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    pools = {pool["path"]: pool for pool in platform.storage.all() if pool["iso"]}
    shown: list[DomainIsoVO] = []
    for drive in domain_xml.disks(xml):
        if drive.device == "cdrom" and drive.file:
            pool = pools.get(str(Path(drive.file).parent), {})
            names = {"storagePoolId": "id", "storagePoolName": "name", "storagePoolPath": "path"}
            iso: DomainIsoVO = {"isoName": Path(drive.file).name}
            iso |= {field: pool.get(name, "") for field, name in names.items()}  # type: ignore[typeddict-item]
            shown.append(iso)
    return answers.envelope(shown)


@router.post("/domain/{id}/iso", **answering())
async def add_iso(id: str, body: DomainIsoAddDto, platform: ThePlatform) -> Answer:
    """Put it into an empty drive, or into a new one, which a running VM can't get."""
    await platform.batches.at_once(
        life.ISO, [id], lambda view: _insert(platform, view, body.storagePoolId, body.isoFilePath)
    )
    return done()


@router.patch("/domain/{id}/iso", **answering())
async def change_iso(id: str, body: DomainUpdateIsoDto, platform: ThePlatform) -> Answer:
    """Take one out of its drive and put another in, also while the VM runs."""

    async def work(view: VmView) -> None:
        file = platform.storage.iso(body.storagePoolId or "", body.nowIso or "")
        await _eject(platform, view, body.beforeIso or "", file=file)

    await platform.batches.at_once(life.ISO, [id], work)
    return done()


@router.post("/domain/{domainId}/iso/delete", **answering())
async def remove_iso(domainId: str, body: DomainIsoDeleteDto, platform: ThePlatform) -> Answer:
    """Take it out; with `delTag` its drive goes too, which needs the VM off."""
    await platform.batches.at_once(
        life.ISO, [domainId], lambda view: _eject(platform, view, body.isoPath or "", with_drive=bool(body.delTag))
    )
    return done()


@router.get("/iso/mount-domain", **answering(list[DomainVO]))
async def list_vms_for_iso(
    platform: ThePlatform,
    *,
    storage: Annotated[str, Query(alias="storagePoolId")],
    type: Annotated[int, Query(ge=0, le=1)],
    path: Annotated[str | None, Query(alias="isoPath")] = None,
    system: Annotated[str | None, Query(alias="osType")] = None,
) -> Answer:
    """The VMs of the storage pool's host: those that could have the ISO file (1), or those that have it (0)."""
    host = platform.storage.get(storage)["host"]
    rows = [row for row in platform.batches.rows() if row.host_id == host]
    fit = []
    for view in await platform.batches.views(rows):
        if view.flag or view.asleep or (system and system.lower() != "linux"):
            continue
        files = {drive.file for drive in await _drives(platform, view) if drive.file}
        has_it = bool(files) if not path else any(path in (file, Path(file).name) for file in files)
        if has_it == (type == 0):
            fit.append(view)
    return answers.envelope(platform.shown(fit))


@router.post("/iso/mount", **answering())
async def mount_iso(body: InstallIsoDto, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(
        life.ISO, body.domainIdList, lambda view: _insert(platform, view, body.storagePoolId, body.isoPath)
    )
    return done()


@router.post("/iso/unmount", **answering())
async def unmount_iso(body: UninstallIsoDto, platform: ThePlatform) -> Answer:
    await platform.batches.at_once(
        life.ISO,
        body.domainIdList,
        lambda view: _eject(platform, view, body.isoPath, with_drive=bool(body.delTag)),
    )
    return done()


async def _drives(platform: Platform, view: VmView) -> list[domain_xml.Disk]:
    xml = await platform.machines.ask(view.row, "tell its XML", lambda domain: str(domain.XMLDesc(0)))
    return [drive for drive in domain_xml.disks(xml) if drive.device == "cdrom"]


async def _insert(platform: Platform, view: VmView, pool_id: str, path: str) -> None:
    file = platform.storage.iso(pool_id, path)
    if platform.storage.get(pool_id)["host"] != view.row.host_id:
        raise Refusal(f"镜像不在虚机的主机 {view.host.name} 上 (the ISO file is on another host than the VM)")
    drives = await _drives(platform, view)
    if any(drive.file == str(file) for drive in drives):
        raise Refusal(f"镜像已挂载: {file.name} (the VM has it in a drive)")
    empty = next((drive for drive in drives if drive.file is None), None)
    if empty is not None:
        device = domain_xml.cdrom_xml(file, empty.target, empty.bus)
        await platform.machines.change(view.row, "take an ISO file", libvirt_calls.change_medium, device)
    elif view.status is not VmStatus.SHUT_OFF:
        raise Refusal("虚机运行时不能增加光驱 (a running VM gets no new drive: shut it down, or free one)")
    else:
        xml = await platform.machines.ask(view.row, "tell its XML", libvirt_calls.inactive_xml)
        device = domain_xml.cdrom_xml(file, domain_xml.free_target(xml, "ide"))
        await platform.machines.change(view.row, "get a drive", libvirt_calls.attach, device)


async def _eject(
    platform: Platform, view: VmView, path: str, *, with_drive: bool = False, file: Path | None = None
) -> None:
    drive = next(
        (each for each in await _drives(platform, view) if each.file and path in (each.file, Path(each.file).name)),
        None,
    )
    if drive is None:
        raise Refusal(f"虚机没有挂载该镜像: {path} (the VM has no such ISO file in a drive)")
    if not with_drive:
        device = domain_xml.cdrom_xml(file, drive.target, drive.bus)
        await platform.machines.change(view.row, "change its ISO file", libvirt_calls.change_medium, device)
    elif view.status is not VmStatus.SHUT_OFF:
        raise Refusal("虚机运行时不能删除光驱 (a running VM keeps its drive: shut it down first)")
    else:
        await platform.machines.change(view.row, "lose a drive", libvirt_calls.detach, drive.xml)
