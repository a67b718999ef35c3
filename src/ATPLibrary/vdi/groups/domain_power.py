"""Switching VMs on and off, stopping and waking them, and their users."""

from __future__ import annotations

from collections.abc import Iterable

from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.long import Batch
from ATPLibrary.vdi.operations import Done, post
from ATPLibrary.vdi.shapes.base import BatchAnswer
from ATPLibrary.vdi.shapes.vm_orders import BatchRequest, BindUserRequest, NotBound, UnbindUserRequest

START = post("start VMs", "/domain/start", BatchAnswer, BatchRequest)
CLOSE = post("close VMs", "/domain/close", BatchAnswer, BatchRequest)
REBOOT = post("reboot VMs", "/domain/reboot", BatchAnswer, BatchRequest)
SUSPEND = post("suspend VMs", "/domain/suspend", BatchAnswer, BatchRequest)
RESUME = post("resume VMs", "/domain/resume", BatchAnswer, BatchRequest)
SLEEP = post("put VMs to sleep", "/domain/sleep", BatchAnswer, BatchRequest)
WAKE_UP = post("wake VMs up", "/domain/wakeup", BatchAnswer, BatchRequest)
BIND_USER = post("bind a user to VMs", "/domain/bind-user", NotBound, BindUserRequest, idempotent=True)
UNBIND_USER = post("unbind VMs' users", "/domain/unbind-user", Done, UnbindUserRequest, idempotent=True)


class DomainPower(Group):
    async def start(self, vm_ids: Iterable[str], *, host_id: str | None = None, timeout: float | None = None) -> Batch:
        """Begin to start the VMs, on host `host_id` where one is given. The batch has ended when they have started."""
        return await self._batch(START, BatchRequest(ids=[*vm_ids], host_id=host_id), timeout)

    async def close(self, vm_ids: Iterable[str], *, force: bool = False, timeout: float | None = None) -> Batch:
        """Begin to shut the VMs down: the guest is asked to; with `force` the power is cut."""
        return await self._batch(CLOSE, BatchRequest(ids=[*vm_ids], is_force=int(force)), timeout)

    async def reboot(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> Batch:
        """Ask the guests to restart."""
        return await self._batch(REBOOT, BatchRequest(ids=[*vm_ids]), timeout)

    async def suspend(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> Batch:
        """Begin to stop the VMs' processors; the VMs stay in memory until `resume`."""
        return await self._batch(SUSPEND, BatchRequest(ids=[*vm_ids]), timeout)

    async def resume(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> Batch:
        """Begin to let suspended VMs go on."""
        return await self._batch(RESUME, BatchRequest(ids=[*vm_ids]), timeout)

    async def sleep(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> Batch:
        """Begin to put the guests to sleep, until `wake_up`."""
        return await self._batch(SLEEP, BatchRequest(ids=[*vm_ids]), timeout)

    async def wake_up(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> Batch:
        """Begin to wake sleeping guests up."""
        return await self._batch(WAKE_UP, BatchRequest(ids=[*vm_ids]), timeout)

    async def bind_user(self, user_id: str, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Make the VMs the user's own. `PlatformError` names those that the platform didn't bind."""
        body = BindUserRequest(user_id=user_id, vm_ids=[*vm_ids])
        answer = await self._call(BIND_USER, body=body, about=f"'{user_id}'", timeout=timeout)
        if answer.vm_ids:
            raise self._not_done(BIND_USER, await self._vm_names(answer.vm_ids, timeout), len(body.vm_ids))

    async def unbind_user(self, vm_ids: Iterable[str], *, timeout: float | None = None) -> None:
        """Take the VMs from whoever has them."""
        await self._call(UNBIND_USER, body=UnbindUserRequest(vm_ids=[*vm_ids]), timeout=timeout)
