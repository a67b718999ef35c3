"""Looking into VMs: display ports and their keys, libvirt's XML, the guest's processes, being watched."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from ATPLibrary.secrets import MASK, Secret, as_secret
from ATPLibrary.vdi.codes import MonitorState
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import get, post
from ATPLibrary.vdi.shapes.vm_orders import MonitorRequest
from ATPLibrary.vdi.shapes.vms import GuestTask, MonitorAnswer, Port, SharePasswordQuery, SpiceKey, VncPassword

PORTS = get("show a VM's display ports", "/domain/{id}/port", list[Port])
SPICE_KEY = get("show a VM's SPICE key", "/domain/{id}/spice-key", SpiceKey)
VNC_PASSWORD = get("show a VM's VNC password", "/domain/{id}/vnc-password", VncPassword, query=SharePasswordQuery)
XML = get("show a VM's XML", "/domain/{id}/xml", str)
TASKS = get("list a guest's processes", "/domain/{id}/task-manager", list[GuestTask])
MONITOR = post("ask a VM's user to be watched", "/domain/{domainId}/monitor", MonitorAnswer, MonitorRequest)
MONITOR_STATE = get("show what a VM's user says", "/domain/{domainId}/monitor/{requestId}", MonitorAnswer)

_PASSWORD = re.compile(r"""(\bpasswd\s*=\s*)(["']).*?\2""", re.DOTALL)


class DomainConsoles(Group):
    async def ports(self, vm_id: str, *, timeout: float | None = None) -> Sequence[Port]:
        """The VM's SPICE and VNC ports; none where it isn't running."""
        return await self._call(PORTS, vm_id, timeout=timeout)

    async def spice_key(self, vm_id: str, *, timeout: float | None = None) -> SpiceKey:
        """Where its SPICE server is, and the key that opens it."""
        return await self._call(SPICE_KEY, vm_id, timeout=timeout)

    async def vnc_password(
        self, vm_id: str, *, share_password: object | None = None, timeout: float | None = None
    ) -> Secret:
        """What opens its VNC server. `share_password` (text or a secret) is that of the link by which the VM is shared."""
        secret = None if share_password is None else as_secret(share_password)
        query = SharePasswordQuery(share_password=secret)
        return (await self._call(VNC_PASSWORD, vm_id, query=query, timeout=timeout)).password

    async def xml(self, vm_id: str, *, timeout: float | None = None) -> str:
        """libvirt's description of it, the passwords of its displays as asterisks: see `vnc_password`."""
        text = await self._call(XML, vm_id, timeout=timeout)
        return _PASSWORD.sub(lambda match: f"{match[1]}{match[2]}{MASK}{match[2]}", text)

    async def tasks(self, vm_id: str, *, timeout: float | None = None) -> Sequence[GuestTask]:
        """The processes in its guest, as the platform's agent there lists them."""
        return await self._call(TASKS, vm_id, timeout=timeout)

    async def ask_to_watch(self, vm_id: str, *, request_id: str | None = None, timeout: float | None = None) -> str:
        """Ask its user to let an administrator watch. Returns the request's id, which `watch_state` takes."""
        request = MonitorRequest(request_id=request_id or str(uuid.uuid4()))
        await self._call(MONITOR, vm_id, body=request, timeout=timeout)
        return request.request_id

    async def watch_state(
        self, vm_id: str, request_id: str, *, timeout: float | None = None
    ) -> MonitorState | int | None:
        """What the user says to it."""
        return (await self._call(MONITOR_STATE, vm_id, request_id, timeout=timeout)).status
