"""Keywords about the hosts' USB devices and the desktops that get them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.getting import getter, lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.vdi.codes import UsbRedirection

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.usb import UsbDevice

GETTER = ("USB", "Getter")


class UsbKeywords(Looking):
    @lister("USB devices", name="Get USB Devices", tags=GETTER)
    async def get_usb_devices(self, client: VdiClient, seconds: float, *, host: str | None = None) -> list[UsbDevice]:
        """Returns the devices in the hosts' USB sockets, and which desktop has each. Each is as `Get USB Device` has it.

        - ``host``: only those of this host, by name or id.

        Example:
        | Log In To Platform
        | @{devices} =    Get USB Devices    host=lab-a
        """
        host_id = None if host is None else (await client.hosts.find(host, timeout=seconds)).id
        return [each async for each in client.usb.list(timeout=seconds) if host_id in (None, each.host_id)]

    @getter("USB device '{device}'", name="Get USB Device", tags=GETTER, such="==    sales-1")
    async def get_usb_device(self, client: VdiClient, seconds: float, device: str, *, host: str | None = None) -> Any:
        """Returns what the platform says about a USB device, or one field of it.

        The fields: ``usb_name``, ``product``, ``product_id``, ``vendor``, ``vendor_id``, ``owner`` and ``vm_name`` (the desktop
        that has it), ``way`` (``0``: it has the device itself, ``1``: over the network), ``host_id``, ``ip``, ``pool_id``.

        - ``device``: its name.
        - ``host``: the host that it is in, by name or id; needed where several hosts have one of that name.

        Example:
        | Log In To Platform
        | Get USB Device    1-2    vm_name    ==    sales-1    host=lab-a
        """
        return await _find(client, device, host, seconds)

    @keyword(name="Pass USB Device To Desktop", tags=["USB"])
    def pass_usb_device_to_desktop(
        self,
        device: str,
        desktop: str,
        host: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Gives the device itself to a desktop on the same host. It is taken back at the closing level.

        - ``device``: its name.
        - ``desktop``: the desktop's name or id.
        - ``host``: the host that both are on, by name or id; needed where several hosts have a device of that name.
        - ``closing``: when it is taken back: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Pass USB Device To Desktop    1-2    sales-1    host=lab-a
        """

        async def give(client: VdiClient, seconds: float) -> None:
            found = await _find(client, device, host, seconds)
            host_id = found.host_id or ""
            vm = await client.domains.find(desktop, timeout=seconds)

            async def take(client: VdiClient, seconds: float) -> None:
                now = await client.usb.find(device, host_id=host_id, timeout=seconds)
                if vm.id in (now.owner, now.vm_name) or vm.name in (now.owner, now.vm_name):
                    await client.usb.take_back(host_id, device, now.owner, timeout=seconds)

            with self.making("pass-through of USB device", device, take, closing) as given:
                given.id = f"{host_id}/{device}"
                await client.usb.pass_through(host_id, device, vm.id, timeout=seconds)

        self.ask(f"Passing USB device '{device}' to desktop '{desktop}'", give, timeout)
        logger.info(f"Desktop '{desktop}' has USB device '{device}'.")

    @keyword(name="Take USB Device Back", tags=["USB"])
    def take_usb_device_back(self, device: str, host: str | None = None, timeout: timedelta | None = None) -> None:
        """Takes the device itself from the desktop that has it.

        - ``device``: its name.
        - ``host``: the host that it is in, by name or id; needed where several hosts have one of that name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Take USB Device Back    1-2    host=lab-a
        """

        async def take(client: VdiClient, seconds: float) -> None:
            found = await _find(client, device, host, seconds)
            await client.usb.take_back(found.host_id or "", device, found.owner, timeout=seconds)
            self.forget("pass-through of USB device", f"{found.host_id}/{device}")

        self.ask(f"Taking USB device '{device}' back", take, timeout)
        logger.info(f"USB device '{device}' is free.")

    @keyword(name="Redirect USB Device To Desktop", tags=["USB"])
    def redirect_usb_device_to_desktop(
        self,
        device: str,
        desktop: str,
        host: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Gives a host's device to a desktop on any host, over the network. It is released at the closing level.

        - ``device``: its name.
        - ``desktop``: the desktop's name or id.
        - ``host``: the host that the device is in, by name or id; needed where several hosts have one of that name.
        - ``closing``: when it is released: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Redirect USB Device To Desktop    1-2    sales-1    host=lab-a
        """

        async def redirect(client: VdiClient, seconds: float) -> None:
            found = await _find(client, device, host, seconds)
            vm = await client.domains.find(desktop, timeout=seconds)

            async def release(client: VdiClient, seconds: float) -> None:
                await _redirect(client, found, vm.id, UsbRedirection.RELEASE, seconds)

            with self.making("redirection of USB device", device, release, closing) as given:
                given.id = f"{found.host_id}/{device}"
                await _redirect(client, found, vm.id, UsbRedirection.REDIRECT, seconds)

        self.ask(f"Redirecting USB device '{device}' to desktop '{desktop}'", redirect, timeout)
        logger.info(f"USB device '{device}' is redirected to desktop '{desktop}'.")

    @keyword(name="Release USB Device From Desktop", tags=["USB"])
    def release_usb_device_from_desktop(
        self, device: str, desktop: str, host: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Ends a redirection of a device over the network.

        - ``device``: its name.
        - ``desktop``: the desktop's name or id.
        - ``host``: the host that the device is in, by name or id; needed where several hosts have one of that name.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Release USB Device From Desktop    1-2    sales-1    host=lab-a
        """

        async def release(client: VdiClient, seconds: float) -> None:
            found = await _find(client, device, host, seconds)
            vm = await client.domains.find(desktop, timeout=seconds)
            await _redirect(client, found, vm.id, UsbRedirection.RELEASE, seconds)
            self.forget("redirection of USB device", f"{found.host_id}/{device}")

        self.ask(f"Releasing USB device '{device}' from desktop '{desktop}'", release, timeout)
        logger.info(f"USB device '{device}' is released from desktop '{desktop}'.")


async def _redirect(
    client: VdiClient, device: UsbDevice, vm_id: str, operation: UsbRedirection, seconds: float
) -> None:
    await client.usb.redirect(
        device.usb_name or "",
        vm_id,
        host_id=device.host_id or "",
        host_ip=device.ip or "",
        operation=operation,
        timeout=seconds,
    )


async def _find(client: VdiClient, device: str, host: str | None, seconds: float) -> UsbDevice:
    host_id = None if host is None else (await client.hosts.find(host, timeout=seconds)).id
    return await client.usb.find(device, host_id=host_id, timeout=seconds)
