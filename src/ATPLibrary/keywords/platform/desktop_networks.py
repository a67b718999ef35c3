"""Keywords about a desktop's network cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.orchestrator.creations import ClosingLevel

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient, Vm
    from ATPLibrary.vdi.shapes.vm_devices import Nic

NETWORK_CARD = "network card"


class DesktopNetworkKeywords(PlatformComponent):
    @keyword(tags=["Desktop", "Network"])
    def add_network_card_to_desktop(
        self,
        desktop: str,
        network: str | None = None,
        *,
        closing: ClosingLevel | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Gives a desktop a network card, and returns its MAC address. A desktop that runs sees it at once.

        It is taken out at the closing level.

        - ``desktop``: the desktop's name or id.
        - ``network``: the name or id of the port group that it is on; by default the only one that the platform has.
        - ``closing``: when it is removed again: ``test``, ``suite``, ``manual``, ``keep``; by default the library import's level.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${mac} =    Add Network Card To Desktop    sales-1    network=office
        | Remove Network Card From Desktop    sales-1    ${mac}
        """

        async def add(client: VdiClient, seconds: float) -> str:
            vm = await client.domains.find(desktop, timeout=seconds)
            network_id = await port_group(client, network, seconds)
            before = {nic.mac for nic in await client.domains.nics(vm.id, timeout=seconds)}

            async def remove(client: VdiClient, seconds: float) -> None:
                if not await client.domains.has(vm.id, timeout=seconds):
                    return
                for mac in [nic.mac for nic in await client.domains.nics(vm.id, timeout=seconds)]:
                    if mac and (mac == made.id or (made.id is None and mac not in before)):
                        await client.domains.delete_nic(vm.id, mac, timeout=seconds)

            with self.making(NETWORK_CARD, f"of {vm.name}", remove, closing) as made:
                await client.domains.add_nic(vm.id, network_id, timeout=seconds)
            # The platform makes the address and doesn't answer it.
            new = [nic.mac for nic in await client.domains.nics(vm.id, timeout=seconds) if nic.mac not in before]
            if len(new) != 1 or new[0] is None:
                raise PlatformError.about(
                    f"Desktop '{vm.name}'", wanted="have one network card more", got=f"has {len(new)} more"
                )
            made.id = new[0]
            return new[0]

        mac = self.ask(f"Adding a network card to desktop '{desktop}'", add, timeout)
        logger.info(f"Desktop '{desktop}' has a new network card, {mac}.")
        return mac

    @keyword(tags=["Desktop", "Network"])
    def move_network_card_of_desktop(
        self, desktop: str, card: str, network: str, timeout: timedelta | None = None
    ) -> None:
        """Puts a network card of a desktop on another network.

        - ``desktop``: the desktop's name or id.
        - ``card``: the card's MAC address.
        - ``network``: the name or id of the port group.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Move Network Card Of Desktop    sales-1    52:54:00:12:34:56    network=office
        | Get Network Card Of Desktop    sales-1    52:54:00:12:34:56    vlan_name    ==    office
        """

        async def move(client: VdiClient, seconds: float) -> None:
            vm, nic = await _card(client, desktop, card, seconds)
            network_id = await port_group(client, network, seconds)
            await client.domains.change_nic(vm.id, nic.mac or card, network_id, ovs_id=nic.ovs_id, timeout=seconds)

        self.ask(f"Moving network card {card} of desktop '{desktop}'", move, timeout)
        logger.info(f"Network card {card} of desktop '{desktop}' is on network '{network}'.")

    @keyword(tags=["Desktop", "Network"])
    def remove_network_card_from_desktop(self, desktop: str, card: str, timeout: timedelta | None = None) -> None:
        """Takes a network card out of a desktop, and waits until the platform shows it no more.

        The guest of a desktop that runs has to let it go.

        - ``desktop``: the desktop's name or id.
        - ``card``: the card's MAC address.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${mac} =    Add Network Card To Desktop    sales-1
        | Remove Network Card From Desktop    sales-1    ${mac}
        """

        from ATPLibrary.orchestrator.desktops import wait_until_gone

        async def remove(client: VdiClient, seconds: float) -> None:
            vm, nic = await _card(client, desktop, card, seconds)
            await client.domains.delete_nic(vm.id, nic.mac or card, timeout=seconds)

            async def left() -> list[str]:
                return [
                    each.mac or "" for each in await client.domains.nics(vm.id, timeout=seconds) if each.mac == nic.mac
                ]

            self.forget(NETWORK_CARD, nic.mac or card)
            await wait_until_gone(f"Network card {card} of desktop '{vm.name}'", left, seconds)

        self.ask(f"Taking network card {card} out of desktop '{desktop}'", remove, timeout)
        logger.info(f"Desktop '{desktop}' has no network card {card} any more.")

    @keyword(tags=["Desktop", "Network"])
    def set_network_card_address(
        self,
        desktop: str,
        card: str,
        ip: str,
        *,
        mask: str | None = None,
        gateway: str | None = None,
        dns1: str | None = None,
        dns2: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Says which IP address a network card of a desktop gets.

        - ``desktop``: the desktop's name or id.
        - ``card``: the card's MAC address.
        - ``ip``, ``mask``, ``gateway``, ``dns1``, ``dns2``: the address, and what the guest is told beside it.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Set Network Card Address    sales-1    52:54:00:12:34:56    10.0.0.7    mask=255.255.255.0
        | Get Network Card Of Desktop    sales-1    52:54:00:12:34:56    assigned_ip    ==    10.0.0.7
        """
        from ATPLibrary.vdi.shapes.vm_devices import NicAddress

        address = NicAddress(ip=ip, mask=mask, gateway=gateway, dns1=dns1, dns2=dns2)

        async def change(client: VdiClient, seconds: float) -> None:
            _, nic = await _card(client, desktop, card, seconds)
            await client.domains.set_nic_address(nic.id or card, address, timeout=seconds)

        self.ask(f"Setting the address of network card {card} of desktop '{desktop}'", change, timeout)
        logger.info(f"Network card {card} of desktop '{desktop}' gets {ip}.")

    @keyword(tags=["Desktop", "Network"])
    def limit_network_card(
        self,
        desktop: str,
        card: str,
        *,
        in_average: int | None = None,
        in_peak: int | None = None,
        in_floor: int | None = None,
        in_burst: int | None = None,
        out_average: int | None = None,
        out_peak: int | None = None,
        out_burst: int | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Bounds what goes through a network card of a desktop. What isn't named stays.

        - ``desktop``: the desktop's name or id.
        - ``card``: the card's MAC address.
        - ``in_average``, ``in_peak``, ``in_floor``: to the desktop, KiB a second. ``in_burst``: KiB at once.
        - ``out_average``, ``out_peak``: from the desktop, KiB a second. ``out_burst``: KiB at once.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | Limit Network Card    sales-1    52:54:00:12:34:56    in_average=1000    out_average=500
        """
        from ATPLibrary.vdi.shapes.vm_devices import NicLimit

        told = {
            "in_average": in_average,
            "in_peak": in_peak,
            "in_floor": in_floor,
            "in_burst": in_burst,
            "out_average": out_average,
            "out_peak": out_peak,
            "out_burst": out_burst,
        }
        limits = {name: str(value) for name, value in told.items() if value is not None}
        if not limits:
            raise InputError(f"'Limit Network Card' of '{desktop}' names no limit: in_average=1000 is one.")

        async def change(client: VdiClient, seconds: float) -> None:
            _, nic = await _card(client, desktop, card, seconds)
            await client.domains.limit_nic(nic.id or card, NicLimit(**limits), timeout=seconds)

        self.ask(f"Limiting network card {card} of desktop '{desktop}'", change, timeout)
        logger.info(f"Limits of the card: {', '.join(f'{name} {value}' for name, value in limits.items())}.")

    @keyword(tags=["Desktop", "Network", "Getter"])
    def get_network_card_of_desktop(
        self,
        desktop: str,
        card: str,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what the platform says about a network card of a desktop, or one field of it.

        The fields: ``mac``, ``actual_ip`` (as the guest reported it), ``assigned_ip``, ``dhcp``, ``vlan_name``, ``ovs_name``,
        ``gateway``, ``in_average``, ...

        - ``desktop``: the desktop's name or id.
        - ``card``: the card's MAC address.
        - ``field``: the field that is wanted; without it all of them are returned.
        - ``operator`` and ``expected``: an assertion about the field, such as ``==  10.0.0.7``.
        - ``timeout``: how long to wait until the assertion holds; without it it is checked once.

        Example:
        | Log In To Platform
        | Get Network Card Of Desktop    sales-1    52:54:00:12:34:56    vlan_name    ==    office
        """

        async def look(client: VdiClient, seconds: float) -> Nic:
            return (await _card(client, desktop, card, seconds))[1]

        return self.looked_at(
            f"Network card {card} of desktop '{desktop}'",
            look,
            field,
            operator=operator,
            expected=expected,
            timeout=timeout,
        )

    @keyword(tags=["Desktop", "Network", "Getter"])
    def get_network_cards_of_desktop(self, desktop: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the MAC addresses of a desktop's network cards.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{cards} =    Get Network Cards Of Desktop    sales-1
        | Get Network Card Of Desktop    sales-1    ${cards}[0]    dhcp    ==    yes
        """

        async def read(client: VdiClient, seconds: float) -> Sequence[str]:
            vm = await client.domains.find(desktop, timeout=seconds)
            return [nic.mac or "" for nic in await client.domains.nics(vm.id, timeout=seconds)]

        found = [*self.ask(f"Listing the network cards of desktop '{desktop}'", read, timeout)]
        logger.info(f"Desktop '{desktop}' has {len(found)} network cards: {', '.join(found) or 'none'}.")
        return found


async def _card(client: VdiClient, desktop: str, card: str, seconds: float) -> tuple[Vm, Nic]:
    vm = await client.domains.find(desktop, timeout=seconds)
    return vm, await client.domains.find_nic(vm.id, card, vm_name=vm.name, timeout=seconds)


async def port_group(client: VdiClient, name: str | None, seconds: float) -> str:
    """The id of the port group of that name or id; without one, the only one. They are none of the client's groups."""
    listed = await client.call("GET /ocloud/v1/vlan/all", timeout=seconds)
    groups = {str(each["id"]): str(each.get("name")) for each in listed or []}
    fit = [id_ for id_, known in groups.items() if name is None or name in (id_, known)]
    if len(fit) == 1:
        return fit[0]
    raise InputError.about(
        f"Platform '{client.name}'",
        wanted="have one network" if name is None else f"have one network '{name}'",
        got=f"has {', '.join(repr(known) for known in groups.values()) or 'none'}",
        next_step="Say which with network=",
    )
