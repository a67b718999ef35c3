"""The dashboard: counts by state, and how busy hosts and storage are."""

from __future__ import annotations

from collections.abc import Sequence

from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import get
from ATPLibrary.vdi.shapes.panel import (
    AlarmCount,
    Carbon,
    HostCounts,
    HostPerformance,
    Performance,
    Period,
    PoolCounts,
    StoragePoolCounts,
    StorageUsage,
    TerminalCounts,
    VmCounts,
)

ALARMS = get("count alarms", "/panel/alarm-number", AlarmCount)
VMS = get("count VMs", "/panel/domain-number", VmCounts)
HOSTS = get("count hosts", "/panel/host-number", HostCounts)
POOLS = get("count resource pools", "/panel/pool-number", PoolCounts)
STORAGE_POOLS = get("count storage pools", "/panel/storage-pool-number", StoragePoolCounts)
TERMINALS = get("count terminals", "/panel/terminal-number", TerminalCounts)
STORAGE_USAGE = get("show the storage's space", "/panel/storage-pool/usage", StorageUsage)
CARBON = get("show the carbon saved", "/panel/carbon", Carbon)
PERFORMANCE = get("show the hosts' performance", "/panel/host/running/performance", Performance)
ALL_PERFORMANCE = get("show all hosts' performance", "/panel/host/performance", list[HostPerformance], query=Period)
HOST_PERFORMANCE = get("show a host's performance", "/panel/host/{id}/performance", list[HostPerformance], query=Period)


class Panel(Group):
    async def alarms(self, *, timeout: float | None = None) -> int | None:
        """How many alarms there are."""
        return (await self._call(ALARMS, timeout=timeout)).number

    async def vms(self, *, timeout: float | None = None) -> VmCounts:
        """How many VMs do what."""
        return await self._call(VMS, timeout=timeout)

    async def hosts(self, *, timeout: float | None = None) -> HostCounts:
        """How many hosts are in which state."""
        return await self._call(HOSTS, timeout=timeout)

    async def pools(self, *, timeout: float | None = None) -> PoolCounts:
        """How many resource pools are in which state."""
        return await self._call(POOLS, timeout=timeout)

    async def storage_pools(self, *, timeout: float | None = None) -> StoragePoolCounts:
        """How many storage pools are in which state."""
        return await self._call(STORAGE_POOLS, timeout=timeout)

    async def terminals(self, *, timeout: float | None = None) -> TerminalCounts:
        """How many terminals are on line."""
        return await self._call(TERMINALS, timeout=timeout)

    async def storage_usage(self, *, timeout: float | None = None) -> StorageUsage:
        """What of the storage is taken."""
        return await self._call(STORAGE_USAGE, timeout=timeout)

    async def carbon(self, *, timeout: float | None = None) -> Carbon:
        """What the VMs have saved against machines."""
        return await self._call(CARBON, timeout=timeout)

    async def performance(self, *, timeout: float | None = None) -> Performance:
        """How busy the running hosts are now, all together."""
        return await self._call(PERFORMANCE, timeout=timeout)

    async def all_hosts_performance(
        self, begin_time: str, end_time: str, *, timeout: float | None = None
    ) -> Sequence[HostPerformance]:
        """How busy each host was; the times are the platform's, "2024-01-31 08:00:00"."""
        query = Period(begin_time=begin_time, end_time=end_time)
        return await self._call(ALL_PERFORMANCE, query=query, timeout=timeout)

    async def host_performance(
        self, host_id: str, begin_time: str, end_time: str, *, timeout: float | None = None
    ) -> Sequence[HostPerformance]:
        """How busy one host was."""
        query = Period(begin_time=begin_time, end_time=end_time)
        return await self._call(HOST_PERFORMANCE, host_id, query=query, timeout=timeout)
