"""What is done to VMs: their power, their restore points, their users, their size, their end."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

from ATPLibrary.lab.platform import answers, files, libvirt_calls, life
from ATPLibrary.lab.platform.codes import Freeze, Refusal
from ATPLibrary.lab.platform.life import Change
from ATPLibrary.lab.platform.machines import VmView
from ATPLibrary.lab.platform.recovery import RECYCLE_SECONDS
from ATPLibrary.lab.platform.requests.base import BatchIdListDto
from ATPLibrary.lab.platform.requests.vms import (
    BatchDelDomainReq,
    DomainBatchFreezeReq,
    DomainBatchTaskDto,
    DomainBatchUpdateDto,
    DomainBindUserDto,
    DomainSyncStatusDto,
    DomainUnbindUserParam,
    DomainUpdateDto,
    DomainUpdateMemCpuDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import DomainBatchTaskVO, PageResult, answering
from ATPLibrary.lab.platform.shapes.vms import DomainBindUserVO, RecycleDomainVO

router = group()

# The batches that answer event ids; how each is done is in `batches`, when it may be done in `life`.
BATCHES: dict[str, Change] = {
    "start": life.START,
    "close": life.CLOSE,
    "reboot": life.REBOOT,
    "suspend": life.SUSPEND,
    "resume": life.RESUME,
    "sleep": life.SLEEP,
    "wakeup": life.WAKE_UP,
}


def _batch(change: Change) -> Callable[[DomainBatchTaskDto, Platform], Awaitable[Answer]]:
    async def run(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
        forced = change is life.CLOSE and body.isForce == 1
        return answers.envelope(await platform.batches.run(life.FORCE_CLOSE if forced else change, body))

    return run


for _name, _change in BATCHES.items():
    router.add_api_route(
        f"/domain/{_name}", _batch(_change), methods=["POST"], name=f"{_name}_vms", **answering(DomainBatchTaskVO)
    )


# -- restore points


@router.post("/domain/freeze", **answering(list[str]))
async def freeze_vms(body: DomainBatchFreezeReq, platform: ThePlatform) -> Answer:
    """Make what their disks hold now the restore point; answers the ids of those that had one already (and keep it)."""
    if Freeze(body.freezeType) is Freeze.NEVER:
        raise Refusal("还原点类型不能为 0 (0 is no restore point: use restore to give one up)")
    had = [id for id in dict.fromkeys(body.idList) if platform.batches.row(id).freeze]

    async def work(view: VmView) -> None:
        if await platform.machines.ask(view.row, "count its snapshots", libvirt_calls.count_snapshots):
            raise Refusal(f"虚机有快照: {view.row.name} (it has snapshots: delete them before it gets a restore point)")
        if view.row.kind == "blank":
            raise Refusal(f"虚机没有系统盘: {view.row.name} (its disks are volumes: they have no restore point)")
        directory = platform.machines.directory(view.row)
        await platform.machines.files(f"The restore point of VM '{view.row.name}'", files.freeze, directory)
        platform.store.change_vms([view.row.id], freeze=body.freezeType, frozen=time.time())

    await platform.batches.at_once(life.FREEZE, [id for id in body.idList if id not in had], work)
    return answers.envelope(had)


@router.post("/domain/restore", **answering())
async def restore_vms(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
    """Give up their restore points. What their disks hold now stays."""

    async def work(view: VmView) -> None:
        if not view.row.freeze:
            raise Refusal(f"虚机没有还原点: {view.row.name} (it has no restore point)")
        directory = platform.machines.directory(view.row)
        await platform.machines.files(f"The restore point of VM '{view.row.name}'", files.thaw, directory)
        platform.store.change_vms([view.row.id], freeze=0, frozen=0.0)

    await platform.batches.at_once(life.RESTORE, body.idList, work)
    return done()


@router.post("/domain/rebase", **answering())
async def rebase_vms(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
    """Put their disks back to what their model is now; what they had written is gone."""

    async def work(view: VmView) -> None:
        await platform.pools.rebase(view, platform.models.get(view.row.model))

    await platform.batches.at_once(life.REBASE, body.idList, work)
    return done()


# -- users


@router.post("/domain/bind-user", **answering(DomainBindUserVO))
async def bind_user(body: DomainBindUserDto, platform: ThePlatform) -> Answer:
    """Give VMs to a user, who sees them at login; answers the ids of those that are another's, or unknown."""
    if platform.store.records.get("user", body.userId) is None:
        raise Refusal(f"用户不存在: {body.userId} (no such user)")
    rows = platform.store.vms_by_id(body.domainIdList)
    fit = [id for id, row in rows.items() if row.user in ("", body.userId) and not row.recycled]
    platform.store.change_vms(fit, user=body.userId)
    return answers.envelope({"notBindDomainIdList": [id for id in dict.fromkeys(body.domainIdList) if id not in fit]})


@router.post("/domain/unbind-user", **answering())
async def unbind_users(body: DomainUnbindUserParam, platform: ThePlatform) -> Answer:
    rows = [platform.batches.row(id) for id in body.domainIdList]
    platform.store.change_vms([row.id for row in rows], user="")
    return done()


# -- what they are


@router.patch("/domain/mem-cpu", **answering())
async def resize_vms(body: DomainUpdateMemCpuDto, platform: ThePlatform) -> Answer:
    """Processors and memory (MiB) of VMs that are off."""
    if body.cpu is None and body.memory is None:
        raise Refusal("必须给出 cpu 或 memory (say how many processors or how much memory)")

    async def work(view: VmView) -> None:
        await _resize(platform, view, body.cpu, body.memory)

    await platform.batches.at_once(life.CHANGE, body.listId, work)
    return done()


@router.patch("/domain", **answering())
async def update_vms(body: DomainBatchUpdateDto, platform: ThePlatform) -> Answer:
    """Settings of the vendor's hypervisor. The lab keeps and shows them; they have no effect."""
    told = body.model_dump(exclude_none=True, exclude={"idList"})
    for row in [platform.batches.row(id) for id in body.idList]:
        platform.store.change_vms([row.id], told=json.dumps(json.loads(row.told) | told))
    return done()


@router.patch("/domain/{id}", **answering())
async def update_vm(id: str, body: DomainUpdateDto, platform: ThePlatform) -> Answer:
    """Name, size and remark of a VM; a new name or size needs it off. Everything else is kept and shown, without an effect."""
    row = platform.batches.row(id)
    if body.name != row.name:
        platform.clones.check_free([body.name])
    if body.name != row.name or body.cpu is not None or body.memory is not None:

        async def work(view: VmView) -> None:
            if body.name != row.name:
                await platform.machines.change(row, "be renamed", lambda domain: domain.rename(body.name))
                platform.store.change_vms([id], name=body.name)
            await _resize(platform, view, body.cpu, body.memory)

        await platform.batches.at_once(life.CHANGE, [id], work)
    told = body.model_dump(
        exclude_none=True, exclude={"name", "cpu", "cores", "threads", "memory", "remark", "mouseMode"}
    )
    if body.mouseMode is not None:
        told["mouseMode"] = str(body.mouseMode)  # a number when it is set, a string when it is shown: the vendor's own
    platform.store.change_vms([id], told=json.dumps(json.loads(row.told) | told))
    if body.remark is not None:
        platform.store.change_vms([id], remark=body.remark)
    return done()


@router.post("/domain/{id}/sync-status", **answering())
async def sync_vm(id: str, body: DomainSyncStatusDto, platform: ThePlatform) -> Answer:
    """The lab asks libvirt at every question: there is nothing to bring up to date."""
    await platform.batches.view(id)
    return done()


# -- their end


@router.post("/domain/delete", **answering())
async def delete_vms(body: BatchDelDomainReq, platform: ThePlatform) -> Answer:
    if body.isRecycle:
        await platform.batches.recycle(body.domainIdList)
    elif any(platform.models.find(id) for id in body.domainIdList):
        raise Refusal("模板不能这样删除 (a model must become a VM again before it can be deleted)")
    else:
        await platform.batches.delete(body.domainIdList)
    return done()


@router.get("/recycle", **answering(PageResult[RecycleDomainVO]))
async def list_recycled(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    rows, now = platform.batches.rows(recycled=True), time.time()
    shown = [
        {
            **vm,
            "cleanTime": int((row.recycled + RECYCLE_SECONDS) * 1000),
            "countDown": max(0, int(row.recycled + RECYCLE_SECONDS - now)),
            "duringTime": int(RECYCLE_SECONDS),
        }
        for row, vm in zip(rows, await platform.vms(rows), strict=True)
    ]
    return paged(shown, number, size)


@router.post("/recycle/delete", **answering())
async def delete_recycled(body: BatchIdListDto, platform: ThePlatform) -> Answer:
    await platform.batches.delete(body.idList, recycled=True)
    return done()


@router.post("/recycle/restore", **answering())
async def restore_recycled(body: BatchIdListDto, platform: ThePlatform) -> Answer:
    rows = platform.store.vms_by_id(body.idList)
    if missing := [id for id in body.idList if id not in rows or not rows[id].recycled]:
        raise Refusal(f"虚机不在回收站中: {', '.join(missing)} (not in the recycle bin; nothing was restored)")
    platform.store.change_vms(list(rows), recycled=0.0)
    return done()


async def _resize(platform: Platform, view: VmView, processors: int | None, memory_mib: int | None) -> None:
    if processors is None and memory_mib is None:
        return
    await platform.machines.change(view.row, "change its size", libvirt_calls.set_size, processors, memory_mib)
    values = {"cpu": processors, "memory_mib": memory_mib}
    platform.store.change_vms([view.row.id], **{name: value for name, value in values.items() if value is not None})
