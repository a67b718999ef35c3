"""VMs, which the vendor calls domains: what there is. The other `domain_...` files hold what is done to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.errors import VmNotFoundError
from ATPLibrary.vdi.codes import VmStatus
from ATPLibrary.vdi.groups.domain_consoles import DomainConsoles
from ATPLibrary.vdi.groups.domain_devices import DomainDevices
from ATPLibrary.vdi.groups.domain_disks import DomainDisks
from ATPLibrary.vdi.groups.domain_making import DomainMaking
from ATPLibrary.vdi.groups.domain_power import DomainPower
from ATPLibrary.vdi.groups.domain_recycling import DomainRecycling
from ATPLibrary.vdi.operations import Done, Download, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.storage import StoragePool
from ATPLibrary.vdi.shapes.vm_orders import SyncStatusRequest
from ATPLibrary.vdi.shapes.vms import ActiveUserFilter, PossibleHost, StoragePoolsQuery, UserCounts, Vm, VmFilter

LIST = get("list VMs", "/domain", Page[Vm], query=VmFilter)
DETAIL = get("show a VM", "/domain/{id}", Vm)
CHILDREN = get("list a VM's children", "/domain/{id}/child", list[Vm])
ACTIVE = get("list the VMs in use", "/domain/active-user", Page[Vm], query=ActiveUserFilter)
USER_COUNTS = get("count the users", "/domain/user-stat", UserCounts)
AGENT_VERSIONS = get("list the guest agents' versions", "/domain/agent-version", list[str])
COMMON_POOLS = get(
    "list VMs' common storage pools", "/domain/common-storage-pool", list[StoragePool], query=StoragePoolsQuery
)
DORMANT = get("list dormant VMs", "/domain/dormant/xls", Download)
POSSIBLE_HOSTS = get("list the hosts for a VM", "/domain/{id}/ip-all", list[PossibleHost])
SYNC_STATUS = post(
    "bring a VM's status up to date", "/domain/{id}/sync-status", Done, SyncStatusRequest, idempotent=True
)


class Domains(DomainPower, DomainRecycling, DomainMaking, DomainDisks, DomainDevices, DomainConsoles):
    """VMs. What is switched, bound or deleted is a batch of ids; what is changed is one VM."""

    def list(
        self,
        keyword: str | None = None,
        *,
        host_id: str | None = None,
        model_id: str | None = None,
        pool_id: str | None = None,
        status: VmStatus | None = None,
        is_bound: bool | None = None,
        is_connected: bool | None = None,
        os_type: str | None = None,
        agent_version: str | None = None,
        restore_point: str | None = None,
        timeout: float | None = None,
    ) -> Pages[Vm]:
        """The VMs; `keyword` filters by part of the name. `is_bound`: has a user; `is_connected`: somebody is looking at it."""
        query = VmFilter(
            keyword=keyword,
            host_id=host_id,
            model_id=model_id,
            pool_id=pool_id,
            status=None if status is None else str(int(status)),
            is_bound=None if is_bound is None else int(is_bound),
            is_connected=None if is_connected is None else int(is_connected),
            os_type=os_type,
            agent_version=agent_version,
            restore_point=restore_point,
        )
        return self._pages(LIST, query=query, timeout=timeout)

    async def detail(self, vm_id: str, *, timeout: float | None = None) -> Vm:
        """One VM."""
        return await self._call(DETAIL, vm_id, timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Vm:
        """The VM of that id or exact name: `VmNotFoundError` where there is none, or more than one of that name."""
        vms = await self.list(timeout=timeout).collect()
        return self._chosen(vms, name_or_id, "VM", VmNotFoundError)

    async def has(self, name_or_id: str, *, timeout: float | None = None) -> bool:
        """Whether there is a VM of that id or exact name."""
        return any(name_or_id in (vm.id, vm.name) for vm in await self.list(timeout=timeout).collect())

    async def find_all(self, names_or_ids: Iterable[str], *, timeout: float | None = None) -> Sequence[Vm]:
        """The VMs of these ids or exact names, in this order, each once. `VmNotFoundError` says it of each that isn't there."""
        vms = await self.list(timeout=timeout).collect()
        return self._all_chosen(vms, names_or_ids, "VM", VmNotFoundError)

    async def children(self, vm_id: str, *, timeout: float | None = None) -> Sequence[Vm]:
        """The VMs that were cloned from it."""
        return await self._call(CHILDREN, vm_id, timeout=timeout)

    def in_use(
        self,
        user_id: str | None = None,
        *,
        from_inside: bool | None = None,
        by_phone: bool | None = None,
        sort_order: str | None = None,
        timeout: float | None = None,
    ) -> Pages[Vm]:
        """The VMs that somebody is looking at, with the users. `sort_order`: "userId:asc", "connectTime:desc"."""
        query = ActiveUserFilter(
            user_id=user_id,
            is_inner=None if from_inside is None else int(from_inside),
            is_mobile=None if by_phone is None else int(by_phone),
            sort_order=sort_order,
        )
        return self._pages(ACTIVE, query=query, timeout=timeout)

    async def user_counts(self, *, timeout: float | None = None) -> UserCounts:
        """How many users are on line, and how many aren't."""
        return await self._call(USER_COUNTS, timeout=timeout)

    async def agent_versions(self, *, timeout: float | None = None) -> Sequence[str]:
        """The versions of the platform's agent in the guests."""
        return await self._call(AGENT_VERSIONS, timeout=timeout)

    async def common_storage_pools(
        self, vm_ids: Sequence[str], *, timeout: float | None = None
    ) -> Sequence[StoragePool]:
        """The storage pools that all these VMs can reach."""
        return await self._call(COMMON_POOLS, query=StoragePoolsQuery(vm_ids=[*vm_ids]), timeout=timeout)

    async def dormant_as_sheet(self, *, timeout: float | None = None) -> bytes:
        """The VMs that nobody has used for long, as a spreadsheet."""
        return await self._call(DORMANT, timeout=timeout)

    async def possible_hosts(self, vm_id: str, *, timeout: float | None = None) -> Sequence[PossibleHost]:
        """Where it could be started."""
        return await self._call(POSSIBLE_HOSTS, vm_id, timeout=timeout)

    async def sync_status(self, vm_id: str, *, timeout: float | None = None) -> None:
        """Make the platform look at it again."""
        await self._call(SYNC_STATUS, vm_id, body=SyncStatusRequest(), timeout=timeout)
