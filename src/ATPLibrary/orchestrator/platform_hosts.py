"""Which of our hosts a host of the platform is: by address first, by name where no address tells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.vdi import Host, Vm


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host by our name for it. Found `by` "name" only, it may be another machine of that name: UUIDs must prove it."""

    name: str
    by: Literal["ip", "uri", "name"]


def addresses(host: Host | None, vm: Vm | None = None) -> list[str]:
    """The addresses that the platform has for a host, the one that it uses itself first."""
    told: list[str | None] = []
    if host is not None:
        told += [host.ip, host.ip_v6, host.extranet_ip, host.extranet_ip_v6]
    if vm is not None:
        told.append(vm.host_ip)
    return list(dict.fromkeys(address for address in told if address))


def known_as(workspace: Workspace, known_by: Iterable[str], name: str | None) -> KnownHost | None:
    """Our host with one of the addresses `known_by`, which may be its `ip`, its name, or in its URI; else the one that is
    called `name`, as the platform calls it.
    """
    hosts, wanted = workspace.transport.hosts, set(known_by)
    for each, settings in workspace.config.hosts.items():
        if settings.ip in wanted:
            return KnownHost(each, "ip")
    for each, connection in hosts.items():
        if each in wanted or uri_host(connection.uri) in wanted:
            return KnownHost(each, "uri")
    return KnownHost(name, "name") if name is not None and name in hosts else None


def uri_host(uri: str) -> str:
    """The machine that a libvirt URI names; "" for one of this machine."""
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""
