"""Hosts: hypervisor machines, their hardware, cards and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.codes import HostStatus
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Done, delete, get, patch, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.hosts import (
    AllHostsFilter,
    ExtranetAddress,
    GraphicsCard,
    Hardware,
    Host,
    HostDetail,
    HostFilter,
    HostStatusRequest,
    HostVersion,
    PoolReference,
    Uptime,
    VmLimit,
    WholeHost,
)

LIST = get("list hosts", "/host", Page[Host], query=HostFilter)
LIST_ALL = get("list all hosts", "/host/all", list[Host], query=AllHostsFilter)
DETAIL = get("show a host", "/host/{id}", HostDetail)
HARDWARE = get("show a host's hardware", "/host/{id}/hardware", Hardware)
UPTIME = get("show a host's uptime", "/host/{id}/uptime", Uptime)
VERSION = get("show a host's versions", "/host/{id}/version", HostVersion)
ADDRESSES = get("show a host's addresses", "/host/{id}/ip-info", dict[str, str])
SET_ADDRESSES = post("change a host's addresses", "/host/{id}/ip-info", Done, dict[str, str], idempotent=True)
NICS = get("list a host's network cards", "/host/{id}/nic/all", list[str])
GRAPHICS_CARDS = get("list a host's graphics cards", "/host/{id}/gpu/pass-through/all", list[GraphicsCard])
VIRTUAL_CARDS = get("list a host's virtual graphics cards", "/host/{id}/vgpu/pass-through", Page[GraphicsCard])
SET_STATUS = patch("change a host's status", "/host/{id}/status", Done, HostStatusRequest)
SYNC_STATUS = post("bring a host's status up to date", "/host/{id}/sync-status", Done, idempotent=True)
LIMIT = patch("limit a host's VMs", "/host/{id}/domain-limit", Done, VmLimit)
SET_EXTRANET = patch("change a host's outer address", "/host/{id}/extranet-ip", Done, ExtranetAddress)
JOIN_POOL = post("put a host into a resource pool", "/host/{id}/pool-join", Done, PoolReference, idempotent=True)
LEAVE_POOL = post("take a host out of its resource pool", "/host/{id}/pool-remove", Done, idempotent=True)
CLOSE = post("close a host", "/host/{id}/close", Done)
CLOSE_CLASS = post("close a class room's hosts", "/ocloud/host/class/close", Done)
DELETE = delete("delete a host", "/host/{id}", Done)


class Hosts(Group):
    def list(
        self,
        name: str | None = None,
        status: HostStatus | None = None,
        *,
        arch: str | None = None,
        pool_id: str | None = None,
        timeout: float | None = None,
    ) -> Pages[Host]:
        """The hosts; the arguments are filters of the platform."""
        query = HostFilter(name=name, status=_code(status), arch=arch, pool_id=pool_id)
        return self._pages(LIST, query=query, timeout=timeout)

    async def all(
        self,
        name: str | None = None,
        status: HostStatus | None = None,
        *,
        arch: str | None = None,
        pool_id: str | None = None,
        outside_pools: bool = False,
        vmc_id: str | None = None,
        timeout: float | None = None,
    ) -> Sequence[Host]:
        """The hosts in one answer. `outside_pools`: only those of no resource pool."""
        query = AllHostsFilter(
            name=name,
            status=_code(status),
            arch=arch,
            pool_id=pool_id,
            not_bound=1 if outside_pools else None,
            vmc_id=vmc_id,
        )
        return await self._call(LIST_ALL, query=query, timeout=timeout)

    async def detail(self, host_id: str, *, timeout: float | None = None) -> HostDetail:
        """One host."""
        return await self._call(DETAIL, host_id, timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Host:
        """The host of that id or exact name."""
        hosts = await self.list(timeout=timeout).collect()
        return self._chosen(hosts, name_or_id, "host", PlatformError)

    async def whole(self, name_or_id: str, *, timeout: float | None = None) -> WholeHost:
        """The host of that id or exact name, with all that list and detail say of it."""
        listed = await self.find(name_or_id, timeout=timeout)
        detail = await self.detail(listed.id, timeout=timeout)
        return WholeHost.model_validate({**detail.model_dump(), **listed.model_dump(exclude_none=True)})

    async def hardware(self, host_id: str, *, timeout: float | None = None) -> Hardware:
        """Its processor."""
        return await self._call(HARDWARE, host_id, timeout=timeout)

    async def uptime(self, host_id: str, *, timeout: float | None = None) -> float | None:
        """How long it has been running, in the platform's unit."""
        return (await self._call(UPTIME, host_id, timeout=timeout)).uptime

    async def version(self, host_id: str, *, timeout: float | None = None) -> HostVersion:
        """The versions of its agent and of SPICE."""
        return await self._call(VERSION, host_id, timeout=timeout)

    async def addresses(self, host_id: str, *, timeout: float | None = None) -> Mapping[str, str]:
        """Its inner network's settings, by the platform's names."""
        return await self._call(ADDRESSES, host_id, timeout=timeout)

    async def set_addresses(self, host_id: str, addresses: Mapping[str, str], *, timeout: float | None = None) -> None:
        """Change its inner network's settings; the names are those of `addresses()`."""
        await self._call(SET_ADDRESSES, host_id, body=addresses, timeout=timeout)

    async def nics(self, host_id: str, *, timeout: float | None = None) -> Sequence[str]:
        """libvirt's XML of each network card that is free."""
        return await self._call(NICS, host_id, timeout=timeout)

    async def graphics_cards(self, host_id: str, *, timeout: float | None = None) -> Sequence[GraphicsCard]:
        """Its graphics cards, and which VM has each."""
        return await self._call(GRAPHICS_CARDS, host_id, timeout=timeout)

    def virtual_graphics_cards(self, host_id: str, *, timeout: float | None = None) -> Pages[GraphicsCard]:
        """Its virtual graphics cards, and which VM has each."""
        return self._pages(VIRTUAL_CARDS, host_id, timeout=timeout)

    async def set_status(self, host_id: str, status: HostStatus, *, timeout: float | None = None) -> None:
        """Put it into service (`ENABLED`) or out of it (`MAINTENANCE`)."""
        await self._call(SET_STATUS, host_id, body=HostStatusRequest(status=status), timeout=timeout)

    async def sync_status(self, host_id: str, *, timeout: float | None = None) -> None:
        """Make the platform look at it again."""
        await self._call(SYNC_STATUS, host_id, timeout=timeout)

    async def limit_vms(self, host_id: str, limit: int, *, timeout: float | None = None) -> None:
        """Let at most `limit` VMs run on it."""
        await self._call(LIMIT, host_id, body=VmLimit(limit=limit), timeout=timeout)

    async def set_extranet_address(
        self, host_id: str, ip: str | None = None, *, ip_v6: str | None = None, timeout: float | None = None
    ) -> None:
        """Say by which addresses it is reached from outside."""
        await self._call(SET_EXTRANET, host_id, body=ExtranetAddress(ip=ip, ip_v6=ip_v6), timeout=timeout)

    async def join_pool(self, host_id: str, pool_id: str, *, timeout: float | None = None) -> None:
        """Put it into a resource pool."""
        await self._call(JOIN_POOL, host_id, body=PoolReference(pool_id=pool_id), timeout=timeout)

    async def leave_pool(self, host_id: str, *, timeout: float | None = None) -> None:
        """Take it out of its resource pool."""
        await self._call(LEAVE_POOL, host_id, timeout=timeout)

    async def close(self, host_id: str, *, timeout: float | None = None) -> None:
        """Close its VMs, then switch the machine off, without asking anybody."""
        await self._call(CLOSE, host_id, timeout=timeout)

    async def close_for_class(self, *, timeout: float | None = None) -> None:
        """The same by the way that class rooms have: the platform itself knows which machines are meant."""
        await self._call(CLOSE_CLASS, timeout=timeout)

    async def delete(self, host_id: str, *, timeout: float | None = None) -> None:
        """Make the platform forget it."""
        await self._call(DELETE, host_id, timeout=timeout)


def _code(status: HostStatus | None) -> str | None:
    return None if status is None else str(int(status))
