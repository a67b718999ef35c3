"""Floor 2: libvirt. Hosts, their VMs and the streams of bytes to them, with a deadline on every call.

`Transport` knows hosts, `HostConnection` is one of them, `Domain` one VM on it, `ByteChannel` one port of a VM.
libvirt itself is imported when the first host is connected.
Of the rest, too, nothing is imported before use: keywords need only the words for states when they are made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ATPLibrary.transport.byte_channel import ByteChannel as ByteChannel
    from ATPLibrary.transport.byte_channel import socket_channel as socket_channel
    from ATPLibrary.transport.credentials import Credentials as Credentials
    from ATPLibrary.transport.description import ChannelDescription as ChannelDescription
    from ATPLibrary.transport.description import DomainDescription as DomainDescription
    from ATPLibrary.transport.description import Graphics as Graphics
    from ATPLibrary.transport.domain import Domain as Domain
    from ATPLibrary.transport.domain_state import DomainState as DomainState
    from ATPLibrary.transport.domain_state import VmState as VmState
    from ATPLibrary.transport.host import HostConnection as HostConnection
    from ATPLibrary.transport.host_state import HostState as HostState
    from ATPLibrary.transport.selection import Strategy as Strategy
    from ATPLibrary.transport.statistics import HostStatistics as HostStatistics
    from ATPLibrary.transport.statistics import OperationStatistics as OperationStatistics
    from ATPLibrary.transport.transport import Transport as Transport

_HOMES = {
    **dict.fromkeys(("ByteChannel", "socket_channel"), "byte_channel"),
    "Credentials": "credentials",
    **dict.fromkeys(("ChannelDescription", "DomainDescription", "Graphics"), "description"),
    "Domain": "domain",
    **dict.fromkeys(("DomainState", "VmState"), "domain_state"),
    "HostConnection": "host",
    "HostState": "host_state",
    "Strategy": "selection",
    **dict.fromkeys(("HostStatistics", "OperationStatistics"), "statistics"),
    "Transport": "transport",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
