"""SPICE as the configuration and the platform know it: a host's address, a ticket, the port that the platform's port API says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ATPLibrary.errors import VmNotFoundError
from ATPLibrary.transport.spice import PortSource, SpiceEndpoint, find_endpoint
from ATPLibrary.transport.spice_connection import Link, SpiceConnectionManager

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain


async def spice_endpoint(workspace: Workspace, machine: Machine, timeout: float) -> SpiceEndpoint:
    """Where the VM's SPICE server is, as this machine reaches it. Errors are those of `transport.spice.find_endpoint`."""
    settings = workspace.config.hosts.get(machine.host)
    host_ip = settings.ip if settings is not None else None
    return await find_endpoint(machine.domain, timeout, host_ip=host_ip, ports=platform_ports(workspace))


def spice_connections(workspace: Workspace, link: Link | None = None) -> SpiceConnectionManager:
    """The SPICE sessions of a workspace, none of them open yet; `link` is what makes a connected channel a SPICE channel."""
    ticket = workspace.config.spice.ticket
    return SpiceConnectionManager(workspace.bus, link=link, ticket=ticket, ports=platform_ports(workspace))


def platform_ports(workspace: Workspace) -> PortSource:
    """Asks the platform that is logged in to; without one there is nobody to ask."""

    async def ports(domain: Domain, timeout: float) -> Iterable[tuple[str, int]]:
        client = workspace.platforms.current
        if client is None:
            return []
        try:
            vm = await client.domains.find(domain.uuid, timeout=timeout)
        except VmNotFoundError:
            vm = await client.domains.find(domain.name, timeout=timeout)
        return [(port.type, port.value) for port in await client.domains.ports(vm.id, timeout=timeout)]

    return ports
