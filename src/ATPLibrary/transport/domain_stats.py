"""What a VM uses: processor, memory, disks and network, as `virConnectGetAllDomainStats` counts them (libvirt-domain.h)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import VmStateError

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain

_MIB = 1024  # libvirt counts memory in KiB


@dataclass(frozen=True, slots=True)
class DomainStats:
    """Counters count from the VM's start. `cpu_percent` is of one processor: a guest with 2 busy ones shows 200.

    `memory_mib` is what the guest was given, `resident_mib` what QEMU takes of the host. Disks and networks are summed;
    `devices` has libvirt's own numbers, by libvirt's names ("block.0.rd.bytes").
    """

    cpu_percent: float
    cpu_seconds: float
    processors: int
    memory_mib: float
    resident_mib: float
    disk_read_bytes: int
    disk_written_bytes: int
    disk_reads: int
    disk_writes: int
    net_received_bytes: int
    net_sent_bytes: int
    net_received_packets: int
    net_sent_packets: int
    devices: Mapping[str, int | float | str]


async def domain_stats(domain: Domain, timeout: float, over: float = 1.0) -> DomainStats:
    """Measure the VM's use of its processors for `over` seconds and read its counters at the end. `VmStateError` when it is off."""
    first, started = await _read(domain, timeout)
    await asyncio.sleep(over)  # not a wait for something to happen: it is what is measured
    last, ended = await _read(domain, timeout)
    return _stats(first, last, ended - started)


async def _read(domain: Domain, timeout: float) -> tuple[dict[str, Any], float]:
    values, taken = await domain.call("tell its statistics", _ask, timeout=timeout, idempotent=True)
    if "cpu.time" not in values:
        state = await domain.state(timeout)
        subject = f"VM '{domain.name}' on host '{domain.host.name}'"
        if not state.state.is_active:
            raise VmStateError.about(subject, wanted="be on so that it uses anything", got=f"was {state}")
        raise VmStateError.about(subject, wanted="be measured", got=f"the libvirt at {domain.host.uri} counts nothing")
    return values, taken


def _ask(handle: libvirt.virDomain) -> tuple[dict[str, Any], float]:
    ((_, values),) = handle.connect().domainListGetStats([handle])
    return dict(values), time.monotonic()


def _stats(first: Mapping[str, Any], last: Mapping[str, Any], seconds: float) -> DomainStats:
    used = (int(last["cpu.time"]) - int(first["cpu.time"])) / 1e9

    def total(group: str, name: str) -> int:
        return sum(int(last.get(f"{group}.{n}.{name}", 0)) for n in range(int(last.get(f"{group}.count", 0))))

    return DomainStats(
        cpu_percent=round(100 * max(used, 0.0) / seconds, 1) if seconds > 0 else 0.0,
        cpu_seconds=int(last["cpu.time"]) / 1e9,
        processors=int(last.get("vcpu.current", 0)),
        memory_mib=int(last.get("balloon.current", 0)) / _MIB,
        resident_mib=int(last.get("balloon.rss", 0)) / _MIB,
        disk_read_bytes=total("block", "rd.bytes"),
        disk_written_bytes=total("block", "wr.bytes"),
        disk_reads=total("block", "rd.reqs"),
        disk_writes=total("block", "wr.reqs"),
        net_received_bytes=total("net", "rx.bytes"),
        net_sent_bytes=total("net", "tx.bytes"),
        net_received_packets=total("net", "rx.pkts"),
        net_sent_packets=total("net", "tx.pkts"),
        devices={k: v for k, v in last.items() if k.startswith(("block.", "net.", "vcpu."))},
    )
