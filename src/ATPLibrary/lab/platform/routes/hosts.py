"""Hosts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query

from ATPLibrary.lab.platform import answers, libvirt_calls
from ATPLibrary.lab.platform.codes import HostStatus, Operate, Refusal
from ATPLibrary.lab.platform.hosts import DATA_CENTRE, HostView
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.requests.hosts import (
    HostAddToPoolDto,
    HostSetDomainLimitDto,
    HostSetExtranetIpDto,
    HostSetStatusDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    Codes,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    numbers,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.hosts import (
    HostDetailVO,
    HostHardwareVO,
    HostUptimeVO,
    HostVersionVO,
    HostVO,
    VersionVO,
    VmcVO,
)

router = group()


@router.get("/host", **answering(PageResult[HostVO]))
async def list_hosts(
    platform: ThePlatform,
    *,
    name: str | None = None,
    arch: str | None = None,
    pool_id: Annotated[str | None, Query(alias="poolId")] = None,
    status: Codes = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    return paged(await _hosts(platform, name, arch, pool_id, status), number, size)


@router.get("/host/all", **answering(list[HostVO]))
async def all_hosts(
    platform: ThePlatform,
    *,
    name: str | None = None,
    arch: str | None = None,
    pool_id: Annotated[str | None, Query(alias="poolId")] = None,
    without_pool: Annotated[int | None, Query(alias="notBindPool")] = None,
    centre: Annotated[str | None, Query(alias="vmcId")] = None,
    status: Codes = None,
) -> Answer:
    hosts = await _hosts(platform, name, arch, pool_id, status)
    return answers.envelope(
        [host for host in hosts if not (without_pool == 1 and host["poolId"]) and centre in (None, "", DATA_CENTRE)]
    )


@router.get("/host/{id}", **answering(HostDetailVO))
async def show_host(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(answers.host_detail(await _view(platform, id), len(platform.machines.hosts)))


@router.delete("/host/{id}", **answering())
async def delete_host(id: str, platform: ThePlatform) -> Answer:
    platform.hosts.get(id)
    raise Refusal("实验平台的主机是固定的 (the lab has its two hosts as long as it is up)")


@router.post("/host/{id}/close", **answering())
async def close_host(id: str, platform: ThePlatform) -> Answer:
    """Cut the power of its VMs, and start none on it until its status is set again. The machine itself stays on."""
    host = platform.hosts.get(id)
    rows = [row for row in platform.batches.rows() if row.host_id == id]
    busy = [view.row.name for view in await platform.batches.views(rows) if state_of(view) is State.BUSY]
    if busy:
        raise Refusal(f"虚机正在操作中: {', '.join(busy)} (operations are under way on these VMs)")
    platform.hosts.change(id, status=int(HostStatus.CLOSED))

    async def work() -> None:
        running = [view for view in await platform.batches.views(rows) if view.status in (1, 2)]
        for view in running:
            await (await platform.machines.domain(view.row)).destroy(10.0)

    await platform.operations.record(Operate.CLOSE_HOST, f"关闭主机 {host.name}", work())
    return done()


@router.patch("/host/{id}/domain-limit", **answering())
async def limit_host(id: str, body: HostSetDomainLimitDto, platform: ThePlatform) -> Answer:
    """How many VMs may run on it at a time."""
    platform.hosts.change(id, limit=body.limit)
    return done()


@router.patch("/host/{id}/extranet-ip", **answering())
async def set_extranet_address(id: str, body: HostSetExtranetIpDto, platform: ThePlatform) -> Answer:
    """Kept and shown; it has no effect."""
    platform.hosts.change(id, ip=body.ip or "", ip6=body.ipV6 or "")
    return done()


@router.get("/host/{id}/hardware", **answering(HostHardwareVO))
async def show_hardware(id: str, platform: ThePlatform) -> Answer:
    hardware = (await _view(platform, id)).hardware
    if hardware is None:
        raise Refusal("主机没有应答 (the host doesn't answer)")
    return answers.envelope(
        {
            "arch": hardware.arch,
            "cpu": hardware.cpu,
            "sockets": hardware.sockets,
            "cores": hardware.cores,
            "threads": hardware.threads,
            "virtualization": _can_virtualize(),
        }
    )


@router.get("/host/{id}/ip-info", **answering(dict[str, str]))
async def show_addresses(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope({"ip": platform.hosts.get(id).ip})


@router.post("/host/{id}/ip-info", **answering())
async def set_addresses(id: str, body: dict[str, Any], platform: ThePlatform) -> Answer:
    platform.hosts.get(id)
    raise Refusal("实验平台主机的地址是固定的 (a lab host's address is its loopback address)")


@router.post("/host/{id}/pool-join", **answering())
async def join_pool(id: str, body: HostAddToPoolDto, platform: ThePlatform) -> Answer:
    if platform.store.records.get("pool", body.poolId) is None:
        raise Refusal(f"资源池不存在: {body.poolId} (no such resource pool)")
    if platform.hosts.settings(platform.hosts.get(id).id).get("pool"):
        raise Refusal("主机已在资源池中 (the host is in a resource pool: remove it from that first)")
    platform.hosts.change(id, pool=body.poolId)
    return done()


@router.post("/host/{id}/pool-remove", **answering())
async def leave_pool(id: str, platform: ThePlatform) -> Answer:
    if not platform.hosts.settings(platform.hosts.get(id).id).get("pool"):
        raise Refusal("主机不在资源池中 (the host is in no resource pool)")
    platform.hosts.change(id, pool="")
    return done()


@router.patch("/host/{id}/status", **answering())
async def set_status(id: str, body: HostSetStatusDto, platform: ThePlatform) -> Answer:
    """0 for maintenance, in which no VM is started on it; 1 to enable it, also one that was closed."""
    platform.hosts.change(id, status=body.status)
    return done()


@router.post("/host/{id}/sync-status", **answering())
async def sync_host(id: str, platform: ThePlatform) -> Answer:
    """The lab asks libvirt at every question: there is nothing to bring up to date."""
    platform.hosts.get(id)
    return done()


@router.get("/host/{id}/uptime", **answering(HostUptimeVO))
async def show_uptime(id: str, platform: ThePlatform) -> Answer:
    """How long its machine has been up, in seconds."""
    platform.hosts.get(id)
    return answers.envelope({"uptime": time.clock_gettime(time.CLOCK_BOOTTIME)})


@router.get("/host/{id}/version", **answering(HostVersionVO))
async def show_version(id: str, platform: ThePlatform) -> Answer:
    """Its libvirt is what the vendor's agent would be; nothing tells the version of its SPICE server."""
    host = platform.hosts.get(id)
    number = await platform.machines.ask_host(host.id, "tell its version", libvirt_calls.version)
    version = f"libvirt {number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    return answers.envelope({"agentVersion": version})


@router.get("/config/version", **answering(list[VersionVO]))
async def show_platform_version(platform: ThePlatform) -> Answer:
    from importlib.metadata import version

    return answers.envelope([{"module": "ATPLibrary lab platform", "version": version("robotframework-atp")}])


@router.get("/vmc/active", **answering(VmcVO))
async def show_data_centre(platform: ThePlatform) -> Answer:
    return answers.envelope({"id": DATA_CENTRE, "name": "lab", "status": 1, "createTime": answers.iso(time.time())})


def _can_virtualize() -> int:
    return int(Path("/dev/kvm").exists())


async def _view(platform: Platform, id: str) -> HostView:
    platform.hosts.get(id)
    views = await platform.hosts.views(await platform.batches.views(platform.batches.rows()))
    return next(view for view in views if view.host.id == id)


async def _hosts(
    platform: Platform, name: str | None, arch: str | None, pool_id: str | None, status: str | None
) -> list[HostVO]:
    pools = {pool["id"]: pool["name"] for pool in platform.store.records.all("pool")}
    views = await platform.hosts.views(await platform.batches.views(platform.batches.rows()))
    hosts = [answers.host(view, pools.get(view.set.get("pool", ""), "")) for view in views]
    return [
        host
        for host in hosts
        if has(name, host["name"])
        and (not arch or host.get("arch") in arch.split(","))
        and pool_id in (None, "", host["poolId"])
        and (status is None or host["status"] in numbers(status))
    ]
