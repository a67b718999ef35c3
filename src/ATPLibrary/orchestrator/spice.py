"""SPICE as the configuration and the platform know it: a host's address, the port that the platform's port API says, a ticket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ATPLibrary.errors import PlatformError, VmNotFoundError
from ATPLibrary.events import Event
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import PortSource, SpiceEndpoint, TicketSource, find_endpoint
from ATPLibrary.transport.spice_connection import Link, SpiceConnectionManager
from ATPLibrary.transport.spice_tls import SpiceTls

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.secrets import Secret
    from ATPLibrary.transport import Domain
    from ATPLibrary.vdi import VdiClient, Vm


async def spice_endpoint(workspace: Workspace, machine: Machine, timeout: float) -> SpiceEndpoint:
    """Where the VM's SPICE server is, as this machine reaches it. Errors are those of `transport.spice.find_endpoint`."""
    settings = workspace.config.hosts.get(machine.host)
    host_ip = settings.ip if settings is not None else None
    return await find_endpoint(machine.domain, timeout, host_ip=host_ip, ports=platform_ports(workspace))


def spice_connections(workspace: Workspace, link: Link | None = None) -> SpiceConnectionManager:
    """The SPICE sessions of a workspace, none of them open yet; `link` is what makes a connected channel a SPICE channel, by
    default the client in `protocol.spice`.

    A VM's ticket is the configured one, else the one that the platform tells, else the one that libvirt keeps.
    """
    settings = workspace.config.spice
    link = link or SpiceLink(SpiceOptions(user=settings.user))
    tls = SpiceTls(settings.ca_file, settings.subject) if settings.ca_file is not None else None
    return SpiceConnectionManager(
        workspace.bus, link=link, ticket=settings.ticket, tickets=platform_tickets(workspace),
        ports=platform_ports(workspace), tls=tls,
    )  # fmt: skip


def platform_ports(workspace: Workspace) -> PortSource:
    """Asks the platform that is logged in to; without one there is nobody to ask."""

    async def ports(domain: Domain, timeout: float) -> Iterable[tuple[str, int]]:
        client = workspace.platforms.current
        if client is None:
            return []
        vm = await _vm(client, domain, timeout)
        return [(port.type, port.value) for port in await client.domains.ports(vm.id, timeout=timeout)]

    return ports


def platform_tickets(workspace: Workspace) -> TicketSource:
    """Asks the platform that is logged in to for a VM's ticket ("SPICE key").

    None where there is no platform, or it doesn't know the VM, or doesn't tell: of that the bus hears as `spice.ticket-not-told`.
    """

    async def ticket(domain: Domain, timeout: float) -> Secret | None:
        client = workspace.platforms.current
        if client is None:
            return None
        try:
            vm = await _vm(client, domain, timeout)
            key = (await client.domains.spice_key(vm.id, timeout=timeout)).key
        except VmNotFoundError:
            return None
        except PlatformError as error:
            event = Event(f"vm:{domain.name}", "spice.ticket-not-told", {"uuid": domain.uuid, "reason": str(error)})
            workspace.bus.publish(event)
            return None
        return key if key is not None and key.reveal() else None

    return ticket


async def _vm(client: VdiClient, domain: Domain, timeout: float) -> Vm:
    """The VM as the platform has it: by libvirt's UUID, else by name."""
    try:
        return await client.domains.find(domain.uuid, timeout=timeout)
    except VmNotFoundError:
        return await client.domains.find(domain.name, timeout=timeout)
