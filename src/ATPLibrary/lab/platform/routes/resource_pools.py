"""Resource pools: which hosts and storage belong together. One in maintenance starts no VM on its hosts."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.hosts import DATA_CENTRE
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.hosts import PoolAddDto, PoolUpdateDto
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
from ATPLibrary.lab.platform.shapes.hosts import PoolVO
from ATPLibrary.lab.platform.storage import BUSES

router = group("/ocloud/v1/pool")

Centre = Annotated[str | None, Query(alias="vmcId")]


@router.get("", **answering(PageResult[PoolVO]))
async def list_pools(
    platform: ThePlatform,
    *,
    name: str | None = None,
    archs: Annotated[list[str] | None, Query(alias="archList")] = None,
    statuses: Annotated[list[int] | None, Query(alias="statusList")] = None,
    centre: Centre = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    pools = [
        pool
        for pool in _pools(platform, name, centre)
        if (not archs or pool["arch"] in archs) and (not statuses or pool["status"] in statuses)
    ]
    return paged(pools, number, size)


@router.post("", **answering())
async def create_pool(body: PoolAddDto, platform: ThePlatform) -> Answer:
    _check_name(platform, body.name)
    values = {"name": body.name, "arch": body.arch, "status": 1, "cpuOver": 1, "memoryOver": 1}
    platform.store.records.add("pool", str(uuid.uuid4()), **values)
    return done()


@router.get("/all", **answering(list[PoolVO]))
async def all_pools(platform: ThePlatform, name: str | None = None, centre: Centre = None) -> Answer:
    return answers.envelope(_pools(platform, name, centre))


@router.get("/{id}", **answering(PoolVO))
async def show_pool(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(_shown(_get(platform, id)))


@router.delete("/{id}", **answering())
async def delete_pool(id: str, platform: ThePlatform) -> Answer:
    """Only one in maintenance that has neither host nor storage pool."""
    pool = _get(platform, id)
    if pool["status"] != 0:
        raise Refusal(f"资源池未处于维护状态: {pool['name']} (put it in maintenance first)")
    hosts = [host.name for host in platform.machines.hosts if platform.hosts.settings(host.id).get("pool") == id]
    storage = [each["name"] for each in platform.storage.all() if each["pool"] == id]
    if hosts or storage:
        raise Refusal(f"资源池不为空: {', '.join([*hosts, *storage])} (it has hosts or storage pools)")
    platform.store.records.remove("pool", id)
    return done()


@router.patch("/{id}", **answering())
async def update_pool(id: str, body: PoolUpdateDto, platform: ThePlatform) -> Answer:
    """Name and status; the ratios of overbooking are kept and shown, without an effect."""
    pool = _get(platform, id)
    if body.name is not None and body.name != pool["name"]:
        _check_name(platform, body.name)
    platform.store.records.change("pool", id, **body.model_dump(exclude_none=True))
    return done()


@router.get("/{id}/disk-bus-types", **answering(list[str]))
async def list_buses(id: str, platform: ThePlatform) -> Answer:
    _get(platform, id)
    return answers.envelope(list(BUSES))


def _get(platform: Platform, id: str) -> Record:
    pool = platform.store.records.get("pool", id)
    if pool is None:
        raise Refusal(f"资源池不存在: {id} (no such resource pool)")
    return pool


def _check_name(platform: Platform, name: str) -> None:
    if any(pool["name"] == name for pool in platform.store.records.all("pool")):
        raise Refusal(f"资源池名称已存在: {name} (a resource pool of this name exists)")


def _pools(platform: Platform, name: str | None, centre: str | None) -> list[PoolVO]:
    known = [pool for pool in platform.store.records.all("pool") if has(name, pool["name"])]
    return [_shown(pool) for pool in known if centre in (None, "", DATA_CENTRE)]


def _shown(pool: Record) -> PoolVO:
    return {
        "id": pool["id"],
        "name": pool["name"],
        "arch": pool["arch"],
        "status": pool["status"],
        "cpuOver": pool["cpuOver"],
        "memoryOver": pool["memoryOver"],
        "vmcId": DATA_CENTRE,
        "createTime": answers.iso(pool["created"]),
    }
