"""The platform's operations, one class per group, each method one of the vendor's operations (or a look-up made of one).

Every method takes `timeout` in seconds (the client's own where it is left out) and raises `PlatformError` where the platform
refuses or answers nonsense, `DeadlineError` where it doesn't answer in time.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import TypeAdapter

from ATPLibrary.errors import PlatformError, VmNotFoundError
from ATPLibrary.vdi import operations
from ATPLibrary.vdi.codes import DeskPoolType, HostStatus, VmStatus
from ATPLibrary.vdi.models import (
    BatchAnswer,
    BatchRequest,
    DeleteRequest,
    DeskPool,
    DeskPoolRequest,
    EventTicket,
    Host,
    Model,
    Page,
    Port,
    Vm,
)
from ATPLibrary.vdi.operations import Operation
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.session import PlatformSession

Named = TypeVar("Named", Host, Model, DeskPool, Vm)

_HOST = TypeAdapter(Host)
_HOSTS = TypeAdapter(Page[Host])
_MODELS = TypeAdapter(Page[Model])
_DESK_POOLS = TypeAdapter(Page[DeskPool])
_VM = TypeAdapter(Vm)
_VMS = TypeAdapter(Page[Vm])
_ALL_VMS = TypeAdapter(list[Vm])
_PORTS = TypeAdapter(list[Port])
_TICKET = TypeAdapter(EventTicket)
_BATCH = TypeAdapter(BatchAnswer)


class Group:
    def __init__(self, session: PlatformSession) -> None:
        self._session = session

    def _chosen(self, items: Sequence[Named], wanted: str, kind: str, error: Callable[[str], Exception]) -> Named:
        """The item whose id, else whose name is `wanted`. The error names the near ones."""
        for item in items:
            if item.id == wanted:
                return item
        same_name = [item for item in items if item.name == wanted]
        if len(same_name) == 1:
            return same_name[0]
        subject = f"Platform '{self._session.name}'"
        if same_name:
            ids = ", ".join(item.id for item in same_name)
            raise error(f"{subject} has {len(same_name)} {kind}s named '{wanted}'. Say which by its id: {ids}.")
        names = sorted(item.name for item in items)
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) or names[:5]
        there = f"It has {', '.join(repr(name) for name in near)}" if near else f"It has no {kind} at all"
        more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
        raise error(f"{subject} has no {kind} '{wanted}'. {there}{more}.")


class Hosts(Group):
    def list(
        self, name: str | None = None, status: HostStatus | None = None, *, timeout: float | None = None
    ) -> Pages[Host]:
        """The hosts; `name` and `status` are filters of the platform."""
        query = {"name": name, "status": None if status is None else int(status)}
        return Pages(self._session, operations.LIST_HOSTS, _HOSTS, query, timeout)

    async def detail(self, host_id: str, *, timeout: float | None = None) -> Host:
        return await self._session.call(
            operations.GET_HOST, _HOST, path={"id": host_id}, about=f"'{host_id}'", timeout=timeout
        )

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Host:
        """The host of that id or exact name."""
        hosts = await self.list(timeout=timeout).collect()
        return self._chosen(hosts, name_or_id, "host", PlatformError)


class Models(Group):
    def list(self, keyword: str | None = None, *, timeout: float | None = None) -> Pages[Model]:
        """The models that VMs can be cloned from; `keyword` filters by part of the name."""
        return Pages(self._session, operations.LIST_MODELS, _MODELS, {"keyword": keyword}, timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Model:
        """The model of that id or exact name."""
        models = await self.list(timeout=timeout).collect()
        return self._chosen(models, name_or_id, "model", PlatformError)


class DeskPools(Group):
    def list(
        self, keyword: str | None = None, type: DeskPoolType | None = None, *, timeout: float | None = None
    ) -> Pages[DeskPool]:
        """The desk pools; `keyword` filters by part of the name."""
        query = {"keyword": keyword, "type": None if type is None else int(type)}
        return Pages(self._session, operations.LIST_DESK_POOLS, _DESK_POOLS, query, timeout)

    async def detail(self, name_or_id: str, *, timeout: float | None = None) -> DeskPool:
        """The desk pool of that id or exact name, picked from the list: the vendor has no detail operation for it."""
        pools = await self.list(timeout=timeout).collect()
        return self._chosen(pools, name_or_id, "desk pool", PlatformError)

    async def create(
        self,
        name: str,
        *,
        model_id: str,
        amount: int,
        type: DeskPoolType = DeskPoolType.NOT_SHARED,
        vm_prefix: str | None = None,
        remark: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Order a desk pool of `amount` linked clones of the model. Returns the event id: `events.finish` waits for the VMs."""
        body = DeskPoolRequest(
            name=name, amount=amount, type=type, model_id=model_id, vm_prefix=vm_prefix, remark=remark
        )
        ticket = await self._session.call(
            operations.CREATE_DESK_POOL, _TICKET, body=body, about=f"'{name}'", timeout=timeout
        )
        return ticket.event_id

    async def enable(self, pool_id: str, *, timeout: float | None = None) -> None:
        await self._command(operations.ENABLE_DESK_POOL, pool_id, timeout)

    async def disable(self, pool_id: str, *, timeout: float | None = None) -> None:
        await self._command(operations.DISABLE_DESK_POOL, pool_id, timeout)

    async def delete(self, pool_id: str, *, timeout: float | None = None) -> None:
        """Delete the pool with its VMs. The platform answers without an event id: success means that it has taken the order."""
        await self._command(operations.DELETE_DESK_POOL, pool_id, timeout)

    async def vms(self, pool_id: str, *, timeout: float | None = None) -> Sequence[Vm]:
        """All VMs of the pool."""
        return await self._session.call(
            operations.LIST_DESK_POOL_VMS, _ALL_VMS, path={"id": pool_id}, about=f"of '{pool_id}'", timeout=timeout
        )

    async def _command(self, operation: Operation, pool_id: str, timeout: float | None) -> None:
        await self._session.command(operation, path={"id": pool_id}, about=f"'{pool_id}'", timeout=timeout)


class Domains(Group):
    """VMs, which the vendor calls domains. What is done to VMs is done to a batch of ids."""

    def list(
        self,
        keyword: str | None = None,
        *,
        host_id: str | None = None,
        model_id: str | None = None,
        status: VmStatus | None = None,
        timeout: float | None = None,
    ) -> Pages[Vm]:
        """The VMs; `keyword` filters by part of the name."""
        query = {
            "keyword": keyword,
            "hostId": host_id,
            "motherId": model_id,
            "status": None if status is None else int(status),
        }
        return Pages(self._session, operations.LIST_VMS, _VMS, query, timeout)

    async def detail(self, vm_id: str, *, timeout: float | None = None) -> Vm:
        return await self._session.call(operations.GET_VM, _VM, path={"id": vm_id}, about=f"'{vm_id}'", timeout=timeout)

    async def find(self, name_or_id: str, *, timeout: float | None = None) -> Vm:
        """The VM of that id or exact name: `VmNotFoundError` where there is none, or more than one of that name."""
        vms = await self.list(timeout=timeout).collect()
        return self._chosen(vms, name_or_id, "VM", VmNotFoundError)

    async def start(
        self, vm_ids: Iterable[str], *, host_id: str | None = None, timeout: float | None = None
    ) -> BatchAnswer:
        """Start the VMs, on host `host_id` where one is given. `events.finish_all` waits until they have started."""
        return await self._batch(operations.START_VMS, BatchRequest(ids=list(vm_ids), host_id=host_id), timeout)

    async def close(self, vm_ids: Iterable[str], *, force: bool = False, timeout: float | None = None) -> BatchAnswer:
        """Shut the VMs down: the guest is asked to; with `force` the power is cut."""
        return await self._batch(operations.CLOSE_VMS, BatchRequest(ids=list(vm_ids), is_force=int(force)), timeout)

    async def reboot(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> BatchAnswer:
        """Ask the guests to restart."""
        return await self._batch(operations.REBOOT_VMS, BatchRequest(ids=list(vm_ids)), timeout)

    async def delete(self, vm_ids: Iterable[str], *, recycle: bool = False, timeout: float | None = None) -> None:
        """Delete the VMs for good, or with `recycle` into the recycle bin. The platform answers without an event id."""
        body = DeleteRequest(ids=list(vm_ids), is_recycle=int(recycle))
        await self._session.command(operations.DELETE_VMS, body=body, timeout=timeout)

    async def ports(self, vm_id: str, *, timeout: float | None = None) -> Sequence[Port]:
        """The VM's SPICE and VNC ports; none where it isn't running."""
        return await self._session.call(
            operations.LIST_VM_PORTS, _PORTS, path={"id": vm_id}, about=f"of '{vm_id}'", timeout=timeout
        )

    async def _batch(self, operation: Operation, body: BatchRequest, timeout: float | None) -> BatchAnswer:
        return await self._session.call(operation, _BATCH, body=body, timeout=timeout)
