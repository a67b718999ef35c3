"""Snapshots of VMs: libvirt's internal ones, with the memory where the VM runs. libvirt names them by our ids."""

from __future__ import annotations

import uuid

from ATPLibrary.lab.platform import answers, life
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.machines import CHANGE_SECONDS, READ_SECONDS, VmView
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.vms import CreateSnapshotDto, SnapshotCreateDto
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
from ATPLibrary.lab.platform.shapes.base import EventIdVO, PageResult, answering
from ATPLibrary.lab.platform.shapes.vms import DomainSnapshotVO, SnapshotVO
from ATPLibrary.transport.snapshots import Snapshot, create_snapshot, delete_snapshot, revert_to_snapshot, snapshots

router = group()

MOST = 32


@router.get("/domain/{id}/snapshot", **answering(PageResult[DomainSnapshotVO]))
async def list_snapshots(
    id: str, platform: ThePlatform, keyword: str = "", number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    view = await platform.batches.view(id)
    if view.flag or state_of(view) is State.BUSY:
        raise Refusal(view.flag or State.BUSY.value)
    taken = await snapshots(await platform.machines.reading(view.row), READ_SECONDS)
    # libvirt counts whole seconds: the order within one is ours.
    order = [record["id"] for record in platform.store.records.all("snapshot")]
    taken.sort(key=lambda snapshot: order.index(snapshot.name) if snapshot.name in order else -1)
    shown = [_shown(view.row.id, snapshot) for snapshot in taken]
    return paged([snapshot for snapshot in shown if has(keyword, snapshot["name"])], number, size)


@router.post("/domain/{id}/snapshot", **answering(EventIdVO))
async def take_snapshot(id: str, body: SnapshotCreateDto, platform: ThePlatform) -> Answer:
    (view,) = await platform.batches.ready(life.SNAPSHOT, [id])
    _check(platform, view, body.name)

    async def work(view: VmView) -> None:
        await _take(platform, view, body.name)

    return answers.envelope({"eventId": platform.batches.begin(life.SNAPSHOT, view, work)})


@router.get("/snapshot/{id}", **answering(DomainSnapshotVO))
async def show_snapshot(id: str, platform: ThePlatform) -> Answer:
    record = _record(platform, id)
    row = platform.batches.row(record["vm"])
    for snapshot in await snapshots(await platform.machines.reading(row), READ_SECONDS):
        if snapshot.name == id:
            return answers.envelope(_shown(row.id, snapshot))
    raise Refusal(f"快照在虚机中不存在: {id} (libvirt has no such snapshot)")


@router.delete("/snapshot/{id}", **answering())
async def remove_snapshot(id: str, platform: ThePlatform) -> Answer:
    record = _record(platform, id)

    async def work(view: VmView) -> None:
        await delete_snapshot(await platform.machines.domain(view.row), id, CHANGE_SECONDS)
        platform.store.records.remove("snapshot", id)

    await platform.batches.at_once(life.DELETE_SNAPSHOT, [record["vm"]], work)
    return done()


@router.post("/snapshot/{id}/restore", **answering())
async def restore_snapshot(id: str, platform: ThePlatform) -> Answer:
    """The VM is as it was then, disk and memory: one that ran then runs on from there."""
    record = _record(platform, id)

    async def work(view: VmView) -> None:
        await _check_volumes(platform, view, record)
        await revert_to_snapshot(await platform.machines.domain(view.row), id, CHANGE_SECONDS)

    await platform.batches.at_once(life.RESTORE_SNAPSHOT, [record["vm"]], work)
    return done()


@router.get("/term/domain/{domainId}/snapshot", **answering(list[SnapshotVO]))
async def list_own_snapshots(domainId: str, platform: ThePlatform) -> Answer:
    row = platform.batches.row(domainId)
    taken = await snapshots(await platform.machines.reading(row), READ_SECONDS)
    shown = [_shown(row.id, snapshot) for snapshot in taken]
    return answers.envelope([{name: each[name] for name in ("id", "name", "createTime")} for each in shown])


@router.post("/term/domain/{domainId}/snapshot", **answering())
async def take_own_snapshot(domainId: str, body: CreateSnapshotDto, platform: ThePlatform) -> Answer:
    """The user's way, which answers when it is taken."""

    async def work(view: VmView) -> None:
        _check(platform, view, body.name)
        await _take(platform, view, body.name)

    await platform.batches.at_once(life.SNAPSHOT, [domainId], work)
    return done()


def _check(platform: Platform, view: VmView, name: str) -> None:
    records = [record for record in platform.store.records.all("snapshot") if record["vm"] == view.row.id]
    if view.row.freeze:
        raise Refusal(f"虚机有还原点: {view.row.name} (it has a restore point: it can't have snapshots too)")
    if any(record["name"] == name for record in records):
        raise Refusal(f"快照名称已存在: {name} (the VM has a snapshot of this name)")
    if len(records) >= MOST:
        raise Refusal(f"虚机最多 {MOST} 个快照 (a VM has at most {MOST} snapshots)")


async def _take(platform: Platform, view: VmView, name: str) -> None:
    id = str(uuid.uuid4())
    volumes = await _volumes(platform, view)
    platform.store.records.add("snapshot", id, vm=view.row.id, name=name, volumes=volumes)
    try:
        await create_snapshot(await platform.machines.domain(view.row), id, name, CHANGE_SECONDS)
    except BaseException:
        platform.store.records.remove("snapshot", id)
        raise


async def _volumes(platform: Platform, view: VmView) -> dict[str, int]:
    """The volumes that it has, by their ids: how large they are, in GiB."""
    attached = await platform.disks.attached(view)
    return {each.volume["id"]: each.volume["size"] for each in attached if each.volume is not None}


async def _check_volumes(platform: Platform, view: VmView, record: Record) -> None:
    """A refusal where volumes came, went or grew since: the VM would have those of then, which may be another VM's by now."""
    then, now = record.get("volumes", {}), await _volumes(platform, view)
    if changed := sorted(id for id in then.keys() | now.keys() if then.get(id) != now.get(id)):
        known = {volume["id"]: str(volume["name"]) for volume in platform.storage.volumes()}
        names = ", ".join(known.get(id, id) for id in changed)
        raise Refusal(f"快照后存储卷有变化: {names} (volumes were attached, taken away or enlarged since the snapshot)")


def _record(platform: Platform, id: str) -> Record:
    record = platform.store.records.get("snapshot", id)
    if record is None:
        raise Refusal(f"快照不存在: {id} (no such snapshot)")
    return record


def _shown(vm_id: str, snapshot: Snapshot) -> DomainSnapshotVO:
    states = {"running": VmStatus.RUNNING, "paused": VmStatus.SUSPENDED}
    return {
        "id": snapshot.name,
        "name": snapshot.description or snapshot.name,
        "domainId": vm_id,
        "domainStatus": int(states.get(snapshot.state, VmStatus.SHUT_OFF)),
        "createTime": answers.iso(snapshot.created),
        "isFreeze": 0,
        "isTerminal": 0,
    }
