"""Desk pools: all of the vendor's operations."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import PoolStatus, Refusal
from ATPLibrary.lab.platform.requests.pools import (
    DeskPoolBindGroupDto,
    DeskPoolCreateDto,
    DeskPoolRemoveDomainDto,
    DeskPoolUpdateDto,
    DeskPoolVGpuPassThroughDto,
    ModeSwitchReq,
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
from ATPLibrary.lab.platform.shapes.base import EventIdVO, PageResult, answering
from ATPLibrary.lab.platform.shapes.pools import DeskPoolVgpuCountVO, DesktopPoolVO, ModelVO
from ATPLibrary.lab.platform.shapes.vms import DomainVO
from ATPLibrary.lab.platform.tables import PoolRow

router = group("/ocloud/v1/desk-pool")


@router.get("", **answering(PageResult[DesktopPoolVO]))
async def list_desk_pools(
    platform: ThePlatform,
    *,
    keyword: str = "",
    type: int | None = None,
    types: Annotated[list[int] | None, Query(alias="typeList")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    vms = platform.store.vms()
    names = {model.id: model.name for model in platform.models.all()}
    pools = [
        answers.pool(pool, [vm for vm in vms if vm.pool_id == pool.id and not vm.recycled], names)
        for pool in platform.store.pools()
        if has(keyword, pool.name) and type in (None, pool.type) and (not types or pool.type in types)
    ]
    return paged(pools, number, size)


@router.post("", **answering(EventIdVO))
async def create_desk_pool(body: DeskPoolCreateDto, platform: ThePlatform) -> Answer:
    return answers.envelope({"eventId": platform.pools.create(body)})


@router.get("/class/model", **answering(list[ModelVO]))
async def list_models_of_a_class(class_no: str, platform: ThePlatform) -> Answer:
    """The models of a teaching pool, by its class number; without a token."""
    pool = _of_class(platform, class_no)
    models = [platform.models.find(id) for id in (pool.models or pool.model).split(",")]
    return answers.envelope(
        [
            {
                "id": model.id,
                "name": model.name,
                "active": int(model.id == pool.model),
                "cpu": model.cpu,
                "cores": model.cpu,
                "sockets": 1,
                "threads": 1,
                "memory": model.memory_mib,
                "osType": "linux",
                "osName": "Debian",
                "remark": model.remark,
            }
            for model in models
            if model is not None
        ]
    )


@router.post("/class/switch-model", **answering(EventIdVO))
async def switch_model_of_a_class(body: ModeSwitchReq, platform: ThePlatform) -> Answer:
    """The same as `switch-model` for classrooms, without a token: only for the pool of that class number."""
    pool = _of_class(platform, body.classNo or "")
    if pool.id != body.deskPoolId:
        raise Refusal("频道号与桌面池不符 (the class number is another desk pool's)")
    return answers.envelope({"eventId": await platform.pools.switch(body.deskPoolId, body.modelId)})


@router.post("/switch-model", **answering(EventIdVO))
async def switch_model(body: ModeSwitchReq, platform: ThePlatform) -> Answer:
    return answers.envelope({"eventId": await platform.pools.switch(body.deskPoolId, body.modelId)})


@router.post("/domain", **answering(list[str]))
async def add_vms(body: DeskPoolRemoveDomainDto, platform: ThePlatform) -> Answer:
    """Take VMs that are in no desk pool into this one; answers the ids of those that it couldn't take."""
    pool = platform.pools.ready(body.id)
    rows = platform.store.vms_by_id(body.domainIdList)
    fit = [id for id, row in rows.items() if not row.pool_id and not row.recycled and row.kind != "upgrade"]
    platform.store.change_vms(fit, pool_id=pool.id)
    _count(platform, pool)
    return answers.envelope([id for id in dict.fromkeys(body.domainIdList) if id not in fit])


@router.delete("/domain", **answering())
async def remove_vms(body: DeskPoolRemoveDomainDto, platform: ThePlatform) -> Answer:
    """VMs leave the desk pool and live on without it."""
    pool = platform.pools.ready(body.id)
    rows = platform.store.vms_by_id(body.domainIdList)
    if strange := [id for id in body.domainIdList if id not in rows or rows[id].pool_id != pool.id]:
        raise Refusal(f"虚机不属于该桌面池: {', '.join(strange)} (not of this desk pool; nothing was removed)")
    platform.store.change_vms(list(rows), pool_id="")
    _count(platform, pool)
    return done()


@router.post("/group", **answering(list[str]))
async def bind_groups(body: DeskPoolBindGroupDto, platform: ThePlatform) -> Answer:
    """Let the users of these groups see the desk pool; answers the groups that there are not."""
    pool = platform.pools.ready(body.id)
    known = {group["id"] for group in platform.store.records.all("group")}
    bound = dict.fromkeys([*pool.groups.splitlines(), *(name for name in body.groupNameList if name in known)])
    platform.store.change_pool(pool.id, groups="\n".join(bound))
    return answers.envelope([name for name in dict.fromkeys(body.groupNameList) if name not in known])


@router.delete("/group", **answering())
async def unbind_groups(body: DeskPoolBindGroupDto, platform: ThePlatform) -> Answer:
    pool = platform.pools.ready(body.id)
    left = [name for name in pool.groups.splitlines() if name not in body.groupNameList]
    platform.store.change_pool(pool.id, groups="\n".join(left))
    return done()


@router.post("/pass-through-vgpu", **answering())
async def pass_vgpu_through(body: DeskPoolVGpuPassThroughDto, platform: ThePlatform) -> Answer:
    platform.pools.get(body.id)
    raise Refusal("实验平台没有显卡可透传 (the lab's hosts have no GPU to pass through)")


@router.get("/vgpu-count", **answering(list[DeskPoolVgpuCountVO]))
async def count_vgpus(platform: ThePlatform) -> Answer:
    return answers.envelope(
        [
            {"id": pool.id, "name": pool.name, "total": len(platform.store.vms(pool.id)), "vGpuCount": 0}
            for pool in platform.store.pools()
        ]
    )


@router.delete("/{id}", **answering())
async def delete_desk_pool(id: str, platform: ThePlatform) -> Answer:
    await platform.pools.delete(id)
    return done()


@router.patch("/{id}", **answering(EventIdVO))
async def update_desk_pool(id: str, body: DeskPoolUpdateDto, platform: ThePlatform) -> Answer:
    return answers.envelope({"eventId": platform.pools.update(id, body)})


@router.post("/{id}/enable", **answering())
async def enable_desk_pool(id: str, platform: ThePlatform) -> Answer:
    pool = platform.pools.get(id)
    if pool.status == PoolStatus.ARCHIVED:
        raise Refusal("桌面池已归档 (the desk pool is archived: activate it first)")
    platform.store.change_pool(pool.id, enabled=1)
    return done()


@router.post("/{id}/disable", **answering())
async def disable_desk_pool(id: str, platform: ThePlatform) -> Answer:
    platform.store.change_pool(platform.pools.get(id).id, enabled=0)
    return done()


@router.post("/{id}/file", **answering())
async def archive_desk_pool(id: str, platform: ThePlatform) -> Answer:
    """Put it away: its VMs, which must be off, can't be started until it is activated."""
    pool = platform.pools.ready(id)
    if pool.status == PoolStatus.ARCHIVED:
        raise Refusal("桌面池已归档 (the desk pool is archived already)")
    views = await platform.batches.views(platform.store.vms(pool.id))
    if running := [view.row.name for view in views if view.status != 0]:
        raise Refusal(f"虚机未关机: {', '.join(running)} (shut these VMs down first)")
    platform.store.change_pool(platform.pools.ready(id).id, status=int(PoolStatus.ARCHIVED), enabled=0)
    return done()


@router.post("/{id}/active", **answering())
async def activate_desk_pool(id: str, platform: ThePlatform) -> Answer:
    pool = platform.pools.ready(id)
    if pool.status != PoolStatus.ARCHIVED:
        raise Refusal("桌面池未归档 (the desk pool isn't archived)")
    platform.store.change_pool(pool.id, status=int(PoolStatus.IDLE))
    return done()


@router.get("/{id}/domain/list", **answering(list[DomainVO]))
async def list_desk_pool_vms(id: str, platform: ThePlatform) -> Answer:
    rows = [row for row in platform.store.vms(platform.pools.get(id).id) if not row.recycled]
    return answers.envelope(await platform.vms(rows))


def _of_class(platform: Platform, class_no: str) -> PoolRow:
    pool = next((pool for pool in platform.store.pools() if class_no and pool.class_no == class_no), None)
    if pool is None:
        raise Refusal(f"教学池不存在: {class_no} (no desk pool has this class number)")
    return pool


def _count(platform: Platform, pool: PoolRow) -> None:
    platform.store.change_pool(pool.id, amount=len(platform.store.vms(pool.id)))
