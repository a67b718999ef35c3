"""Floor 2: libvirt. Hosts, their VMs and the streams of bytes to them, with a deadline on every call.

`Transport` knows hosts, `HostConnection` is one of them, `Domain` one VM on it, `ByteChannel` one port of a VM.
libvirt itself is imported when the first host is connected.
"""

from __future__ import annotations

from ATPLibrary.transport.byte_channel import ByteChannel, socket_channel
from ATPLibrary.transport.credentials import Credentials
from ATPLibrary.transport.description import ChannelDescription, DomainDescription, Graphics
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.domain_state import DomainState, VmState
from ATPLibrary.transport.host import HostConnection
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.selection import Strategy
from ATPLibrary.transport.statistics import HostStatistics, OperationStatistics
from ATPLibrary.transport.transport import Transport

__all__ = [
    "ByteChannel",
    "ChannelDescription",
    "Credentials",
    "Domain",
    "DomainDescription",
    "DomainState",
    "Graphics",
    "HostConnection",
    "HostState",
    "HostStatistics",
    "OperationStatistics",
    "Strategy",
    "Transport",
    "VmState",
    "socket_channel",
]
