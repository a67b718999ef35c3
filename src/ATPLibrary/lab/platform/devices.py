"""Devices that a VM loses while it runs: its guest has to let them go, and libvirt tells when it has."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Callable

from ATPLibrary.errors import DeadlineError
from ATPLibrary.events import Event
from ATPLibrary.lab.platform import libvirt_calls
from ATPLibrary.lab.platform.codes import Refusal, VmStatus
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.runtime import deadline


async def detach(machines: Machines, view: VmView, device: str, what: str) -> None:
    """Take the device of this XML away; of a VM that runs it is gone when this returns.

    Where the guest keeps it, it stays the VM's, in its definition too: `DeadlineError`, or a refusal where the guest said no.
    `what` is it in words: "a network card".
    """
    if view.status is VmStatus.SHUT_OFF:
        await machines.change(view.row, f"lose {what}", libvirt_calls.detach, device)
        return
    with machines.bus.subscribe(_told_of(view, device)) as told:
        try:
            async with deadline(
                machines.detach_seconds,
                f"VM '{view.row.name}'",
                wanted=f"let {what} go",
                got="its guest did not",
                next_step="shut the VM down first",
            ):
                await machines.change(view.row, f"lose {what}", libvirt_calls.detach, device)
                event = await anext(told)
        except (DeadlineError, asyncio.CancelledError):
            await _keep(machines, view, device, what)
            raise
    if event.kind == "libvirt.device.kept":
        await _keep(machines, view, device, what)
        raise Refusal(f"虚机没有释放设备: {view.row.name} (the guest refused to let {what} go)")


async def _keep(machines: Machines, view: VmView, device: str, what: str) -> None:
    await machines.change(view.row, f"keep {what}", libvirt_calls.attach_to_definition, device)


def _told_of(view: VmView, device: str) -> Callable[[Event], bool]:
    alias = ET.fromstring(device).find("alias")
    name = None if alias is None else alias.get("name")

    def is_meant(event: Event) -> bool:
        return (
            event.kind in ("libvirt.device.removed", "libvirt.device.kept")
            and event.data.get("uuid") == view.row.id
            and event.data.get("device") == name
        )

    return is_meant
