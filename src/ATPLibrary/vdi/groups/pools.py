"""Resource pools: hosts of one architecture that share VMs and storage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.codes import PoolStatus
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Done, delete, get, patch, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.pools import AllPoolsFilter, NewPool, Pool, PoolChange, PoolFilter
from ATPLibrary.vdi.shapes.vms import Vm

LIST = get("list resource pools", "/pool", Page[Pool], query=PoolFilter)
LIST_ALL = get("list all resource pools", "/pool/all", list[Pool], query=AllPoolsFilter)
DETAIL = get("show a resource pool", "/pool/{id}", Pool)
CREATE = post("create a resource pool", "/pool", Done, NewPool)
UPDATE = patch("change a resource pool", "/pool/{id}", Done, PoolChange)
DELETE = delete("delete a resource pool", "/pool/{id}", Done)
BUS_TYPES = get("list a resource pool's disk buses", "/pool/{id}/disk-bus-types", list[str])
INACTIVE_VMS = get("list a resource pool's idle VMs", "/pool/{id}/domain-inactive", list[Vm])


class Pools(Group):
    def list(
        self,
        name: str | None = None,
        *,
        statuses: Iterable[PoolStatus] | None = None,
        archs: Iterable[str] | None = None,
        vmc_id: str | None = None,
        timeout: float | None = None,
    ) -> Pages[Pool]:
        """The resource pools; the arguments are filters of the platform."""
        query = PoolFilter(
            name=name,
            statuses=None if statuses is None else [*statuses],
            archs=None if archs is None else [*archs],
            vmc_id=vmc_id,
        )
        return self._pages(LIST, query=query, timeout=timeout)

    async def all(
        self, name: str | None = None, *, vmc_id: str | None = None, timeout: float | None = None
    ) -> Sequence[Pool]:
        """The resource pools in one answer."""
        return await self._call(LIST_ALL, query=AllPoolsFilter(name=name, vmc_id=vmc_id), timeout=timeout)

    async def detail(self, pool_id: str, *, timeout: float | None = None) -> Pool:
        """One resource pool."""
        return await self._call(DETAIL, pool_id, timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Pool:
        """The resource pool of that id or exact name."""
        pools = await self.list(timeout=timeout).collect()
        return self._chosen(pools, name_or_id, "resource pool", PlatformError)

    async def create(self, name: str, *, arch: str, vmc_id: str, timeout: float | None = None) -> None:
        """Make a pool for hosts of one architecture in one data centre."""
        body = NewPool(name=name, arch=arch, vmc_id=vmc_id)
        await self._call(CREATE, body=body, about=f"'{name}'", timeout=timeout)

    async def update(
        self,
        pool_id: str,
        *,
        name: str | None = None,
        status: PoolStatus | None = None,
        cpu_over: int | None = None,
        memory_over: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Change what is named. `cpu_over`, `memory_over`: how far they may be promised more than once."""
        body = PoolChange(name=name, status=status, cpu_over=cpu_over, memory_over=memory_over)
        await self._call(UPDATE, pool_id, body=body, timeout=timeout)

    async def delete(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Delete it. The platform does so only where it is in maintenance and has neither hosts nor storage."""
        await self._call(DELETE, pool_id, timeout=timeout)

    async def disk_bus_types(self, pool_id: str, *, timeout: float | None = None) -> Sequence[str]:
        """The buses that its hosts can give a disk."""
        return await self._call(BUS_TYPES, pool_id, timeout=timeout)

    async def inactive_vms(self, pool_id: str, *, timeout: float | None = None) -> Sequence[Vm]:
        """Its VMs that aren't running."""
        return await self._call(INACTIVE_VMS, pool_id, timeout=timeout)
