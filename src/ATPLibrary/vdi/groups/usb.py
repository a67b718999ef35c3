"""USB devices of the hosts."""

from __future__ import annotations

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.codes import UsbRedirection
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.usb import PassThrough, Redirect, UsbDevice

LIST = get("list USB devices", "/usb", Page[UsbDevice])
PASS = post("pass a USB device through", "/usb/pass-through", Done, PassThrough)
TAKE_BACK = post("take a USB device back", "/usb/pass-through/delete", Done, PassThrough, idempotent=True)
REDIRECT = post("redirect a USB device", "/usb/redirect", Done, Redirect)


class Usb(Group):
    def list(self, *, timeout: float | None = None) -> Pages[UsbDevice]:
        """The devices in the hosts' sockets, and which VM has each."""
        return self._pages(LIST, timeout=timeout)

    async def find(self, name_or_id: str, *, host_id: str | None = None, timeout: float | None = None) -> UsbDevice:
        """The device of that name, where several hosts have one on that host. Its id is `HOST_ID/NAME`."""
        devices = await self.list(timeout=timeout).collect()
        there = [device for device in devices if host_id in (None, device.host_id)]
        choices = [Choice(f"{each.host_id}/{each.usb_name}", each.usb_name or "", each) for each in there]
        return self._chosen(choices, name_or_id, "USB device", PlatformError).item

    async def pass_through(self, host_id: str, usb_name: str, vm: str, *, timeout: float | None = None) -> None:
        """Give the device itself to a VM on the same host."""
        body = PassThrough(host_id=host_id, usb_name=usb_name, owner=vm)
        await self._call(PASS, body=body, about=f"'{usb_name}'", timeout=timeout)

    async def take_back(
        self, host_id: str, usb_name: str, vm: str | None = None, *, timeout: float | None = None
    ) -> None:
        """Take the device from the VM that has it."""
        body = PassThrough(host_id=host_id, usb_name=usb_name, owner=vm)
        await self._call(TAKE_BACK, body=body, about=f"'{usb_name}'", timeout=timeout)

    async def redirect(
        self,
        device_name: str,
        vm_id: str,
        *,
        host_id: str,
        host_ip: str,
        operation: UsbRedirection = UsbRedirection.REDIRECT,
        timeout: float | None = None,
    ) -> None:
        """Give the device of a host to a VM on any host over the network, or release it."""
        body = Redirect(host_id=host_id, host_ip=host_ip, device_name=device_name, vm_id=vm_id, operation=operation)
        await self._call(REDIRECT, body=body, about=f"'{device_name}'", timeout=timeout)
