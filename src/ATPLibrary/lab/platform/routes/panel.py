"""The panel's numbers, counted when they are asked for."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.routes.common import Answer, Platform, ThePlatform, group
from ATPLibrary.lab.platform.shapes.base import answering
from ATPLibrary.lab.platform.shapes.hosts import (
    HostPerformanceVO,
    PanelAlarmNumberVO,
    PanelPoolDomainNumberVO,
    PanelPoolHostNumberVO,
    PanelPoolNumberVO,
    PanelStoragePoolNumberVO,
    PanelStoragePoolSpaceVO,
    PanelTerminalNumberVO,
    RunningHostPerformanceVO,
)
from ATPLibrary.lab.platform.storage import RUNNING

router = group("/ocloud/v1/panel")

Begin = Annotated[str, Query(alias="beginTime")]
End = Annotated[str, Query(alias="endTime")]


@router.get("/alarm-number", **answering(PanelAlarmNumberVO))
async def count_alarms(platform: ThePlatform) -> Answer:
    return answers.envelope({"number": len(platform.alarms.all())})


@router.get("/domain-number", **answering(PanelPoolDomainNumberVO))
async def count_vms(platform: ThePlatform) -> Answer:
    """VMs that libvirt doesn't know, or whose host doesn't answer, are in none of the numbers."""
    states = Counter(state_of(view) for view in await platform.batches.views(platform.batches.rows()))
    numbers = {
        "running": states[State.RUNNING],
        "close": states[State.OFF],
        "suspend": states[State.SUSPENDED],
        "dormancy": states[State.ASLEEP],
        "doing": states[State.BUSY],
    }
    return answers.envelope(numbers)


@router.get("/host-number", **answering(PanelPoolHostNumberVO))
async def count_hosts(platform: ThePlatform) -> Answer:
    statuses = Counter(view.status.name for view in await platform.hosts.views([]))
    names = {"running": "ENABLED", "maintain": "MAINTENANCE", "close": "CLOSED", "offline": "OFFLINE"}
    return answers.envelope({field: statuses[name] for field, name in names.items()})


@router.get("/pool-number", **answering(PanelPoolNumberVO))
async def count_pools(platform: ThePlatform) -> Answer:
    statuses = Counter(pool["status"] for pool in platform.store.records.all("pool"))
    return answers.envelope({"running": statuses[1], "maintain": statuses[0]})


@router.get("/storage-pool-number", **answering(PanelStoragePoolNumberVO))
async def count_storage_pools(platform: ThePlatform) -> Answer:
    statuses = Counter(platform.storage.shown(pool)["status"] for pool in platform.storage.all())
    return answers.envelope({"running": statuses[RUNNING], "close": statuses.total() - statuses[RUNNING]})


@router.get("/storage-pool/usage", **answering(PanelStoragePoolSpaceVO))
async def show_usage(platform: ThePlatform) -> Answer:
    """In bytes. All the lab's storage pools are in one file system: the first one's space is theirs."""
    pool = platform.storage.all()[0]
    return answers.envelope({"storagePoolName": pool["name"], **platform.storage.space(pool)})


@router.get("/terminal-number", **answering(PanelTerminalNumberVO))
async def count_terminals(platform: ThePlatform) -> Answer:
    """The lab has no terminals."""
    return answers.envelope({"total": 0, "online": 0, "offline": 0})


@router.get("/host/performance", **answering(list[HostPerformanceVO]))
async def show_past_of_hosts(platform: ThePlatform, begin: Begin, end: End) -> Answer:
    """The present only: the lab keeps no history."""
    return answers.envelope([_performance(platform, host.id) for host in platform.machines.hosts])


@router.get("/host/running/performance", **answering(RunningHostPerformanceVO))
async def show_performance(platform: ThePlatform) -> Answer:
    """Of the machine that both hosts are on: memory in KiB, processor time since its start in ticks of 10 ms."""
    return answers.envelope(_machine())


@router.get("/host/{id}/performance", **answering(list[HostPerformanceVO]))
async def show_past_of_host(id: str, platform: ThePlatform, begin: Begin, end: End) -> Answer:
    return answers.envelope([_performance(platform, platform.hosts.get(id).id)])


def _performance(platform: Platform, host_id: str) -> HostPerformanceVO:
    now: HostPerformanceVO = {"hostName": platform.machines.host(host_id).name, "uuid": host_id}
    now["createTime"] = answers.iso(time.time())
    now |= _machine()  # type: ignore[typeddict-item]  # all its fields are among these
    return now


def _machine() -> RunningHostPerformanceVO:
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    kib = {name: int(value.split()[0]) for name, value in memory.items()}
    user, nice, system, idle, waiting, *_ = map(int, Path("/proc/stat").read_text().split()[1:8])
    return {
        "total": kib["MemTotal"],
        "free": kib["MemFree"],
        "buffers": kib["Buffers"],
        "cached": kib["Cached"],
        "user": user + nice,
        "kernel": system,
        "idle": idle,
        "iowait": waiting,
    }
