"""Where a VM's SPICE server is, and the ticket (password) that it asks for. SPICE goes by TCP of its own, not through libvirt."""

from __future__ import annotations

import enum
import ipaddress
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ATPLibrary.errors import ChannelError, VmStateError
from ATPLibrary.secrets import Secret, as_secret

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.description import Graphics
    from ATPLibrary.transport.domain import Domain

# What a platform says of a running VM's display ports: ("spice", 5901), ("vnc", 5902).
PortSource = Callable[["Domain", float], Awaitable[Iterable[tuple[str, int]]]]
# The ticket of a VM, from whoever knows it; None where there is none.
TicketSource = Callable[["Domain", float], Awaitable[Secret | None]]

_LOOPBACK = "127.0.0.1"


class SpiceChannelType(enum.IntEnum):
    """The channels of a SPICE session, by their numbers in the link message. Source: spice-protocol, `spice/enums.h`."""

    MAIN = 1
    DISPLAY = 2
    INPUTS = 3
    CURSOR = 4
    PLAYBACK = 5
    RECORD = 6
    SMARTCARD = 8
    USBREDIR = 9
    PORT = 10
    WEBDAV = 11


@dataclass(frozen=True, slots=True)
class SpiceEndpoint:
    """A VM's SPICE server as this machine reaches it. At least one of `port` (plain) and `tls_port` is there."""

    vm: str
    host: str
    port: int | None
    tls_port: int | None = None

    @property
    def address(self) -> str:
        """As viewers take it: "spice://10.0.0.5:5901?tls-port=5902"."""
        plain = f":{self.port}" if self.port is not None else ""
        tls = f"?tls-port={self.tls_port}" if self.tls_port is not None else ""
        return f"spice://{_in_uri(self.host)}{plain}{tls}"

    def __str__(self) -> str:
        host = _in_uri(self.host)
        ports = [str(self.port)] if self.port is not None else []
        ports += [f"{self.tls_port} (TLS)"] if self.tls_port is not None else []
        return f"{host}:{' and '.join(ports)}"


def _in_uri(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def find_endpoint(
    domain: Domain, timeout: float, *, host_ip: str | None = None, ports: PortSource | None = None
) -> SpiceEndpoint:
    """Where the VM's SPICE server listens: as its live XML says, else on the port that the platform says (`ports`).

    `host_ip` is the address of the VM's host as the configuration has it: it stands for a server that listens everywhere.
    `VmStateError` while the VM is off, `ChannelError` when it has no SPICE server, or one that can't be reached from here.
    """
    graphics = [each for each in (await domain.description(timeout, refresh=True)).graphics if each.type == "spice"]
    subject = f"VM '{domain.name}'"
    if not graphics:
        raise ChannelError.about(
            subject, wanted="have a SPICE display", got="has none", next_step="Add <graphics type='spice'> to its XML"
        )
    display = graphics[0]
    port, tls_port = display.port, display.tls_port
    if port is None and tls_port is None and ports is not None:
        port = next((value for kind, value in await ports(domain, timeout) if kind == "spice" and value > 0), None)
    if port is None and tls_port is None:
        raise await _no_port(domain, display, timeout)
    return SpiceEndpoint(domain.name, _reachable(domain, display.host, host_ip), port, tls_port)


async def find_ticket(domain: Domain, timeout: float) -> Secret | None:
    """The ticket that libvirt keeps in the VM's XML, or None where it keeps none. Needs a connection that may see secrets."""

    def read(handle: libvirt.virDomain) -> str | None:
        import libvirt

        root = ET.fromstring(handle.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))
        return next(
            (found for each in root.iterfind("./devices/graphics[@type='spice']") if (found := each.get("passwd"))),
            None,
        )

    ticket = await domain.call("tell its SPICE ticket", read, timeout=timeout)
    return as_secret(ticket) if ticket is not None else None


async def _no_port(domain: Domain, display: Graphics, timeout: float) -> ChannelError | VmStateError:
    subject = f"The SPICE server of VM '{domain.name}'"
    state = await domain.state(timeout)
    if not state.state.is_active:
        return VmStateError.about(
            f"VM '{domain.name}'", wanted="be running to have a SPICE server", got=f"is {state}",
            next_step="Start it with 'Start VM'",
        )  # fmt: skip
    where = f"on the socket {display.socket} only" if display.socket is not None else "nowhere"
    return ChannelError.about(
        subject, wanted="listen on a TCP port", got=f"listens {where}",
        next_step="Give its <graphics> a <listen type='address'> and autoport='yes'",
    )  # fmt: skip


def _reachable(domain: Domain, listens_on: str, host_ip: str | None) -> str:
    """The address that leads to the server from this machine."""
    host = host_ip or urlsplit(domain.host.uri).hostname or _LOOPBACK
    try:
        address = ipaddress.ip_address(listens_on)
    except ValueError:
        return listens_on or host  # a name, or nothing said
    if address.is_unspecified:
        return host
    if address.is_loopback and not domain.host.is_local:
        raise ChannelError.about(
            f"The SPICE server of VM '{domain.name}'", wanted="be reachable from this machine",
            got=f"listens on {listens_on} of host '{domain.host.name}' only",
            next_step="Let it listen on the host's address (spice_listen in qemu.conf, or <listen address='0.0.0.0'/>)",
        )  # fmt: skip
    return listens_on
