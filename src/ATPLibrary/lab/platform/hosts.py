"""The hosts as the platform has them: what libvirt says of each, and what was set: its status, its limit, its resource pool."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.lab.platform.codes import HostStatus, Refusal, VmStatus
from ATPLibrary.lab.platform.libvirt_calls import Hardware
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.settings import LabHostSettings

# The resource pool and the data centre that a lab begins with.
DEFAULT_POOL = str(uuid.UUID("0b6b3f0e-6b63-4f0e-8d9c-3b3a4c1b7a10"))
DATA_CENTRE = str(uuid.UUID("5d1f4a86-8f6f-4b52-9c0e-0d6a6f0f2c55"))
NO_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class HostView:
    """A host as it is now. `hardware` is None as long as it has never answered."""

    host: LabHostSettings
    status: HostStatus
    hardware: Hardware | None
    running_vms: int
    set: dict[str, Any]


class Hosts:
    def __init__(self, store: Store, machines: Machines) -> None:
        self._records = store.records
        self._machines = machines

    def prepare(self) -> None:
        """What a new database has: the default resource pool with all hosts in it."""
        if self._records.get("pool", DEFAULT_POOL) is None:
            self._records.add("pool", DEFAULT_POOL, name="默认资源池", arch="x86_64", status=1, cpuOver=1, memoryOver=1)
        for host in self._machines.hosts:
            if self._records.get("host", host.id) is None:
                self._records.add(
                    "host", host.id, status=int(HostStatus.ENABLED), limit=NO_LIMIT, pool=DEFAULT_POOL, ip="", ip6=""
                )

    def get(self, host_id: str) -> LabHostSettings:
        host = next((host for host in self._machines.hosts if host.id == host_id), None)
        if host is None:
            raise Refusal(f"主机不存在: {host_id} (no such host)")
        return host

    def settings(self, host_id: str) -> dict[str, Any]:
        return self._records.get("host", host_id) or {}

    def change(self, host_id: str, **values: Any) -> None:
        self._records.change("host", self.get(host_id).id, **values)

    def enabled(self) -> list[LabHostSettings]:
        """The hosts that VMs may be made and started on."""
        return [host for host in self._machines.hosts if self._why_not(host) is None]

    async def views(self, vms: Sequence[VmView]) -> list[HostView]:
        online = await self._machines.online()
        running = Counter(view.host.id for view in vms if view.status is VmStatus.RUNNING)
        return [self._view(host, online[host.id], running[host.id]) for host in self._machines.hosts]

    def refusal_to_start(self, view: VmView, running: Counter[str]) -> str | None:
        """Why the VM may not be started on its host, on which so many run already; None when it may."""
        reason = self._why_not(view.host)
        if reason is not None:
            return reason
        limit = int(self.settings(view.host.id).get("limit", NO_LIMIT))
        if running[view.host.id] >= limit:
            return f"主机 {view.host.name} 已达到虚机数量上限 {limit} (the host's limit of running VMs is reached)"
        return None

    def _why_not(self, host: LabHostSettings) -> str | None:
        known = self.settings(host.id)
        status = HostStatus(known.get("status", HostStatus.ENABLED))
        if status is HostStatus.MAINTENANCE:
            return f"主机 {host.name} 处于维护状态 (the host is in maintenance)"
        if status is HostStatus.CLOSED:
            return f"主机 {host.name} 已关闭 (the host is closed)"
        pool = self._records.get("pool", known.get("pool", ""))
        if pool is not None and pool["status"] == 0:
            return f"资源池 {pool['name']} 处于维护状态 (the host's resource pool is in maintenance)"
        return None

    def _view(self, host: LabHostSettings, online: bool, running: int) -> HostView:
        known = self.settings(host.id)
        status = HostStatus(known.get("status", HostStatus.ENABLED))
        if status is HostStatus.ENABLED and not online:
            status = HostStatus.OFFLINE
        return HostView(host, status, self._machines.hardware(host.id), running, known)
