"""Keywords about a desktop's serial ports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_devices import SerialPort, SerialPortRequest

SERIAL_PORT = "serial port"


class DesktopSerialPortKeywords(PlatformComponent):
    @keyword(tags=["Desktop", "Serial Port"])
    def add_serial_port_to_desktop(
        self,
        desktop: str,
        joined_to: str | None = None,
        port: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Gives a desktop a serial port, and returns what the guest calls it, such as ``COM2``.

        It is taken away at the closing level.

        - ``desktop``: the desktop's name or id.
        - ``joined_to``: the name or id of another desktop, whose free port is to be the other end; without it nothing is.
        - ``port``: which of that desktop's free ports, as `Get Free Serial Ports` shows it; by default its first.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Add Serial Port To Desktop    sales-1
        | ${port} =    Add Serial Port To Desktop    sales-2    joined_to=sales-1
        """

        async def add(client: VdiClient, seconds: float) -> str:
            vm = await client.domains.find(desktop, timeout=seconds)
            order = await _ordered(client, vm, joined_to, port, seconds)
            before = {each.id for each in await client.domains.serial_ports(vm.id, timeout=seconds)}

            async def remove(client: VdiClient, seconds: float) -> None:
                if not await client.domains.has(vm.id, timeout=seconds):
                    return
                for each in await client.domains.serial_ports(vm.id, timeout=seconds):
                    if made.id == _remembered(vm, each) or (made.id is None and each.id not in before):
                        await client.domains.delete_serial_port(vm.id, each.id, timeout=seconds)

            with self.making(SERIAL_PORT, f"of {vm.name}", remove, closing) as made:
                await client.domains.add_serial_port(vm.id, order, timeout=seconds)
            # The platform numbers it and doesn't answer the number.
            now = await client.domains.serial_ports(vm.id, timeout=seconds)
            new = [each for each in now if each.id not in before]
            if len(new) != 1:
                raise PlatformError.about(
                    f"Desktop '{vm.name}'", wanted="have one serial port more", got=f"has {len(new)} more"
                )
            made.id = _remembered(vm, new[0])
            return _name(new[0])

        name = self.ask(f"Adding a serial port to desktop '{desktop}'", add, timeout)
        logger.info(f"Desktop '{desktop}' has a new serial port, {name}.")
        return name

    @keyword(tags=["Desktop", "Serial Port"])
    def change_serial_port_of_desktop(
        self,
        desktop: str,
        serial_port: str,
        joined_to: str | None = None,
        port: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Joins a serial port of a desktop to another desktop's, or to nothing.

        - ``desktop``: the desktop's name or id.
        - ``serial_port``: what the guest calls it, such as ``COM2``.
        - ``joined_to``: the name or id of another desktop, whose free port is to be the other end; without it nothing is.
        - ``port``: which of that desktop's free ports, as `Get Free Serial Ports` shows it; by default its first.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${port} =    Add Serial Port To Desktop    sales-1
        | Change Serial Port Of Desktop    sales-1    ${port}    joined_to=sales-2
        """

        async def change(client: VdiClient, seconds: float) -> None:
            vm, found = await _port(client, desktop, serial_port, seconds)
            order = await _ordered(client, vm, joined_to, port, seconds)
            await client.domains.change_serial_port(vm.id, found.id, order, timeout=seconds)

        self.ask(f"Changing serial port {serial_port} of desktop '{desktop}'", change, timeout)
        logger.info(f"Serial port {serial_port} of desktop '{desktop}' is joined to {joined_to or 'nothing'}.")

    @keyword(tags=["Desktop", "Serial Port"])
    def remove_serial_port_from_desktop(self, desktop: str, serial_port: str, timeout: timedelta | None = None) -> None:
        """Takes a serial port away from a desktop.

        - ``desktop``: the desktop's name or id.
        - ``serial_port``: what the guest calls it, such as ``COM2``.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${port} =    Add Serial Port To Desktop    sales-1
        | Remove Serial Port From Desktop    sales-1    ${port}
        """

        async def remove(client: VdiClient, seconds: float) -> None:
            vm, found = await _port(client, desktop, serial_port, seconds)
            await client.domains.delete_serial_port(vm.id, found.id, timeout=seconds)
            self.forget(SERIAL_PORT, _remembered(vm, found))

        self.ask(f"Taking serial port {serial_port} from desktop '{desktop}'", remove, timeout)
        logger.info(f"Desktop '{desktop}' has no serial port {serial_port} any more.")

    @keyword(tags=["Desktop", "Serial Port", "Getter"])
    def get_serial_ports_of_desktop(self, desktop: str, timeout: timedelta | None = None) -> Sequence[Any]:
        """Returns the serial ports of a desktop.

        Each has ``com_number`` (what the guest calls it), ``id``, ``kind`` (0 joined to another desktop's, 1 to a port of the
        server, 2 to nothing), ``source_port``, ``target_port``, ``target_server``, ``is_usable``.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{ports} =    Get Serial Ports Of Desktop    sales-1
        | FOR    ${port}    IN    @{ports}
        |     Log    ${port.com_number} ends at ${port.target_server}
        | END
        """

        async def read(client: VdiClient, seconds: float) -> Sequence[SerialPort]:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.serial_ports(vm.id, timeout=seconds)

        found = self.ask(f"Listing the serial ports of desktop '{desktop}'", read, timeout)
        logger.info(f"Desktop '{desktop}' has {len(found)} serial ports: {', '.join(map(_name, found)) or 'none'}.")
        return found

    @keyword(tags=["Desktop", "Serial Port", "Getter"])
    def get_free_serial_ports(self, desktop: str, timeout: timedelta | None = None) -> dict[str, list[str]]:
        """Returns the serial ports of other desktops that one of this desktop's could be joined to: a list for each name.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${free} =    Get Free Serial Ports    sales-1
        | Log    ${free}
        """

        async def read(client: VdiClient, seconds: float) -> dict[str, list[str]]:
            vm = await client.domains.find(desktop, timeout=seconds)
            listed = await client.domains.free_serial_ports(vm.id, timeout=seconds)
            return {
                each.vm_name or each.vm_id or "": [
                    port.shown_port or port.source_port or "" for port in each.ports or []
                ]
                for each in listed
            }

        free = self.ask(f"Listing the free serial ports for desktop '{desktop}'", read, timeout)
        logger.info("; ".join(f"'{name}' has {', '.join(ports)}" for name, ports in free.items()) or "There are none.")
        return free


def _name(port: SerialPort) -> str:
    return port.com_number or str(port.id)


async def _port(client: VdiClient, desktop: str, name: str, seconds: float) -> tuple[Vm, SerialPort]:
    vm = await client.domains.find(desktop, timeout=seconds)
    ports = await client.domains.serial_ports(vm.id, timeout=seconds)
    for port in ports:
        if name.lower() in (_name(port).lower(), str(port.id)):
            return vm, port
    raise InputError.about(
        f"Desktop '{vm.name}'",
        wanted=f"have a serial port {name}",
        got=f"has {', '.join(map(_name, ports)) or 'none that the platform gave it'}",
    )


def _remembered(vm: Vm, port: SerialPort) -> str:
    """Its id among all desktops' ports: the platform numbers those of each from the start."""
    return f"{vm.id}/{port.id}"


async def _ordered(
    client: VdiClient, vm: Vm, joined_to: str | None, port: str | None, seconds: float
) -> SerialPortRequest:
    """The port that is wanted: at another VM's free port, or at nothing."""
    from ATPLibrary.vdi.codes import SerialKind
    from ATPLibrary.vdi.shapes.vm_devices import SerialPortRequest

    if joined_to is None:
        return SerialPortRequest(kind=SerialKind.NOTHING)
    other = await client.domains.find(joined_to, timeout=seconds)
    listed = await client.domains.free_serial_ports(vm.id, timeout=seconds)
    free = [each for server in listed if server.vm_id == other.id for each in server.ports or []]
    fit = [each for each in free if port is None or port in (each.shown_port, each.source_port)]
    if not fit:
        raise InputError.about(
            f"Desktop '{other.name}'",
            wanted=f"have a free serial port{'' if port is None else ' ' + port}",
            got=f"has {', '.join(each.shown_port or each.source_port or '' for each in free) or 'none'}",
            next_step="Give it one with 'Add Serial Port To Desktop'",
        )
    return SerialPortRequest(kind=SerialKind.ANOTHER_VM, target_server=other.id, target_port=fit[0].source_port)
