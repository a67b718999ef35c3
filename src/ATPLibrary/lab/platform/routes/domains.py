"""VMs, asked about. What is done to them is in `domain_life` and its neighbours."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers, libvirt_calls
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Codes,
    PageNumber,
    PageSize,
    ThePlatform,
    group,
    has,
    numbers,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.storage import StoragePoolVO
from ATPLibrary.lab.platform.shapes.vms import (
    DomainGetAllIpVO,
    DomainGetVncPasswordVO,
    DomainPortVO,
    DomainTaskVO,
    DomainUserStatVO,
    DomainVO,
    SpiceKeyVO,
)
from ATPLibrary.lab.platform.tables import VmRow
from ATPLibrary.lab.platform.tasks import tasks

router = group()

Flag = Annotated[int | None, Query(ge=0, le=1)]


@router.get("/domain", **answering(PageResult[DomainVO]))
async def list_vms(
    platform: ThePlatform,
    *,
    keyword: str = "",
    host_id: Annotated[str | None, Query(alias="hostId")] = None,
    model_id: Annotated[str | None, Query(alias="motherId")] = None,
    pool_id: Annotated[str | None, Query(alias="poolId")] = None,
    status: Codes = None,
    freeze: Codes = None,
    bound: Annotated[int | None, Query(alias="isBindUser", ge=0, le=1)] = None,
    connected: Annotated[int | None, Query(alias="isConnected", ge=0, le=1)] = None,
    system: Annotated[str | None, Query(alias="osType")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    def fits(row: VmRow) -> bool:
        return (
            has(keyword, row.name)
            and host_id in (None, row.host_id)
            and model_id in (None, row.model)
            and pool_id in (None, platform.hosts.settings(row.host_id).get("pool"))
            and (freeze is None or row.freeze in numbers(freeze))
            and bound in (None, int(bool(row.user)))
            and connected in (None, 0)  # the lab has no client that would tell
            and (not system or "linux" in system.lower().split(","))
        )

    answers.check_page(number, size)
    rows = [row for row in platform.batches.rows() if fits(row)]
    if status is None:  # libvirt is asked about this page's VMs only
        page = answers.page(rows, number, size)
        page["list"] = await platform.vms(page["list"])
        return answers.envelope(page)
    wanted = numbers(status)
    views = [view for view in await platform.batches.views(rows) if view.status in wanted]
    return paged(platform.shown(views), number, size)


@router.get("/domain/active-user", **answering(PageResult[DomainVO]))
async def list_active_users(
    platform: ThePlatform,
    *,
    inside: Annotated[int | None, Query(alias="isInner", ge=0, le=1)] = None,
    mobile: Annotated[int | None, Query(alias="isMobile", ge=0, le=1)] = None,
    order: Annotated[str | None, Query(alias="sortOrder")] = None,
    user: Annotated[str | None, Query(alias="userId")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    """Users at their desktops: the lab has no clients that would tell, so nobody is."""
    return paged([], number, size)


@router.get("/domain/agent-version", **answering(list[str]))
async def list_agent_versions(platform: ThePlatform) -> Answer:
    """The vendor's agent is in none of the lab's guests."""
    return answers.envelope([])


@router.get("/domain/common-storage-pool", **answering(list[StoragePoolVO]))
async def list_common_storage_pools(
    platform: ThePlatform, ids: Annotated[list[str] | None, Query(alias="idList")] = None
) -> Answer:
    """The storage pools that all these VMs can have disks in: those of their host, if it is one."""
    hosts = {platform.batches.row(id).host_id for id in ids or []}
    found = [pool for pool in platform.storage.all() if not pool["iso"] and hosts == {pool["host"]}]
    return answers.envelope([platform.storage.shown(pool) for pool in found])


@router.get("/domain/user-stat", **answering(DomainUserStatVO))
async def count_users(platform: ThePlatform) -> Answer:
    return answers.envelope({"in": 0, "out": 0, "offline": len(platform.store.records.all("user"))})


@router.get("/domain/{id}", **answering(DomainVO))
async def show_vm(id: str, platform: ThePlatform) -> Answer:
    view = await platform.batches.view(id)
    (shown,) = platform.shown([view])
    if state_of(view) not in (State.MISSING, State.UNKNOWN, State.BUSY):
        count = await platform.machines.ask(view.row, "count its snapshots", libvirt_calls.count_snapshots)
        shown["hasSnapshot"] = int(bool(count))
    return answers.envelope(shown)


@router.get("/domain/{id}/child", **answering(list[DomainVO]))
async def list_children(id: str, platform: ThePlatform) -> Answer:
    """The clones of a model."""
    if platform.models.find(id) is None:
        platform.batches.row(id)
    return answers.envelope(await platform.vms([row for row in platform.batches.rows() if row.model == id]))


@router.get("/domain/{id}/ip-all", **answering(list[DomainGetAllIpVO]))
async def list_hosts_of_vm(id: str, platform: ThePlatform) -> Answer:
    """The hosts that it can be started on: the one with its disk."""
    host = platform.machines.host(platform.batches.row(id).host_id)
    return answers.envelope([{"id": host.id, "ip": host.ip}])


@router.get("/domain/{id}/port", **answering(list[DomainPortVO]))
async def list_vm_ports(id: str, platform: ThePlatform) -> Answer:
    ports = await platform.machines.ports(await platform.batches.view(id))
    return answers.envelope([{"type": type, "value": port} for type, port in ports])


@router.get("/domain/{id}/spice-key", **answering(SpiceKeyVO))
async def show_spice_key(id: str, platform: ThePlatform) -> Answer:
    """Where its SPICE display is, and its password; "" where it has none."""
    view = await platform.batches.view(id)
    port = next((port for type, port in await platform.machines.ports(view) if type == "spice"), None)
    if port is None:
        raise Refusal(f"虚机未运行: {view.row.name} (the VM isn't running: it has no SPICE display)")
    key = await platform.machines.ask(view.row, "tell its SPICE key", libvirt_calls.graphics_password, "spice")
    where = {"hostId": view.host.id, "ip": view.host.ip, "port": str(port)}
    return answers.envelope({"domainId": id, "name": view.row.name, "key": key, **where})


@router.get("/domain/{id}/vnc-password", **answering(DomainGetVncPasswordVO))
async def show_vnc_password(
    id: str, platform: ThePlatform, share: Annotated[str | None, Query(alias="sharePassword")] = None
) -> Answer:
    """Its VNC display's password; "" where it has none. `sharePassword` has no effect."""
    row = platform.batches.row(id)
    password = await platform.machines.ask(row, "tell its VNC password", libvirt_calls.graphics_password, "vnc")
    return answers.envelope({"password": password})


@router.get("/domain/{id}/xml", **answering(str))
async def show_vm_xml(id: str, platform: ThePlatform) -> Answer:
    """The live XML, without passwords."""
    row = platform.batches.row(id)
    return answers.envelope(await platform.machines.ask(row, "tell its XML", lambda domain: str(domain.XMLDesc(0))))


@router.get("/domain/{id}/task-manager", **answering(list[DomainTaskVO]))
async def list_vm_tasks(id: str, platform: ThePlatform) -> Answer:
    """The guest's processes, through its agent."""
    view = await platform.batches.view(id)
    if state_of(view) is not State.RUNNING:
        raise Refusal(view.flag or state_of(view).value)
    return answers.envelope(await tasks(await platform.machines.reading(view.row)))


@router.get("/pool/{id}/domain-inactive", **answering(list[DomainVO]))
async def list_inactive_vms(id: str, platform: ThePlatform) -> Answer:
    """The VMs of a resource pool that are off."""
    if platform.store.records.get("pool", id) is None:
        raise Refusal(f"资源池不存在: {id} (no such resource pool)")
    rows = [row for row in platform.batches.rows() if platform.hosts.settings(row.host_id).get("pool") == id]
    views = [view for view in await platform.batches.views(rows) if state_of(view) in (State.OFF, State.ASLEEP)]
    return answers.envelope(platform.shown(views))
