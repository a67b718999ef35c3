"""VMs' network cards and serial ports."""

from __future__ import annotations

from collections.abc import Sequence

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi.groups.base import Choice, Group
from ATPLibrary.vdi.operations import Done, delete, get, patch, post, put
from ATPLibrary.vdi.shapes.vm_devices import (
    AddNic,
    ChangeNic,
    Nic,
    NicAddress,
    NicLimit,
    SerialPort,
    SerialPortRequest,
    ServerPorts,
)

NICS = get("list a VM's network cards", "/domain/{id}/nic", list[Nic])
ADD_NIC = post("add a network card to a VM", "/domain/{id}/nic", Done, AddNic)
CHANGE_NIC = patch("change a VM's network card", "/domain/{domainId}/nic", Done, ChangeNic)
DELETE_NIC = delete("delete a VM's network card", "/domain/{domainId}/nic/{mac}", Done)
SET_NIC_ADDRESS = patch("set a network card's address", "/nic/{id}/ip", Done, NicAddress)
LIMIT_NIC = patch("limit a network card", "/nic/{id}/speed-limit", Done, NicLimit)
SERIAL_PORTS = get("list a VM's serial ports", "/domain/{id}/serial", list[SerialPort])
FREE_SERIAL_PORTS = get("list free serial ports", "/domain/{id}/server-serial", list[ServerPorts])
ADD_SERIAL_PORT = post("add a serial port to a VM", "/domain/{id}/serial", Done, SerialPortRequest)
CHANGE_SERIAL_PORT = put("change a VM's serial port", "/domain/{domainId}/serial/{serialId}", Done, SerialPortRequest)
DELETE_SERIAL_PORT = delete("delete a VM's serial port", "/domain/{domainId}/serial/{serialId}", Done)


class DomainDevices(Group):
    async def nics(self, vm_id: str, *, timeout: float | None = None) -> Sequence[Nic]:
        """Its network cards, with their addresses."""
        return await self._call(NICS, vm_id, timeout=timeout)

    async def find_nic(self, vm_id: str, name_or_id: str, *, vm_name: str = "", timeout: float | None = None) -> Nic:
        """Its card of that MAC address or id, in any case. `vm_name` is for the error's sentence."""
        nics = await self.nics(vm_id, timeout=timeout)
        choices = [Choice((nic.mac or "").lower(), nic.id or "", nic) for nic in nics]
        kind = f"network card of VM '{vm_name or vm_id}'"
        return self._chosen(choices, name_or_id.lower(), kind, PlatformError).item

    async def add_nic(self, vm_id: str, vlan_id: str, *, timeout: float | None = None) -> None:
        """Give it a card on the port group `vlan_id`."""
        await self._call(ADD_NIC, vm_id, body=AddNic(vlan_id=vlan_id), timeout=timeout)

    async def change_nic(
        self, vm_id: str, mac: str, vlan_id: str, *, ovs_id: str | None = None, timeout: float | None = None
    ) -> None:
        """Move the card of that MAC address to another port group."""
        body = ChangeNic(mac=mac, vlan_id=vlan_id, ovs_id=ovs_id)
        await self._call(CHANGE_NIC, vm_id, body=body, timeout=timeout)

    async def delete_nic(self, vm_id: str, mac: str, *, timeout: float | None = None) -> None:
        """Take the card of that MAC address out."""
        await self._call(DELETE_NIC, vm_id, mac, timeout=timeout)

    async def set_nic_address(self, nic_id: str, address: NicAddress, *, timeout: float | None = None) -> None:
        """Say which address the card gets."""
        await self._call(SET_NIC_ADDRESS, nic_id, body=address, timeout=timeout)

    async def limit_nic(self, nic_id: str, limit: NicLimit, *, timeout: float | None = None) -> None:
        """Bound the card's traffic."""
        await self._call(LIMIT_NIC, nic_id, body=limit, timeout=timeout)

    async def serial_ports(self, vm_id: str, *, timeout: float | None = None) -> Sequence[SerialPort]:
        """Its serial ports."""
        return await self._call(SERIAL_PORTS, vm_id, timeout=timeout)

    async def free_serial_ports(self, vm_id: str, *, timeout: float | None = None) -> Sequence[ServerPorts]:
        """The ports of other VMs that its own could be joined to."""
        return await self._call(FREE_SERIAL_PORTS, vm_id, timeout=timeout)

    async def add_serial_port(self, vm_id: str, port: SerialPortRequest, *, timeout: float | None = None) -> None:
        """Give it a serial port."""
        await self._call(ADD_SERIAL_PORT, vm_id, body=port, timeout=timeout)

    async def change_serial_port(
        self, vm_id: str, port_id: int, port: SerialPortRequest, *, timeout: float | None = None
    ) -> None:
        """Make the serial port another."""
        await self._call(CHANGE_SERIAL_PORT, vm_id, port_id, body=port, timeout=timeout)

    async def delete_serial_port(self, vm_id: str, port_id: int, *, timeout: float | None = None) -> None:
        """Take the serial port away."""
        await self._call(DELETE_SERIAL_PORT, vm_id, port_id, timeout=timeout)
