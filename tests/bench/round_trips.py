"""The round trip of one QMP command, ours beside the bare way: a socket, and libvirt-python."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import open_qmp

from .rows import Row
from .world import BenchVm, Progress

BLOCKS = 5
AIM = 1.5


async def measure(vm: BenchVm, commands: int, progress: Progress) -> list[Row]:
    """Rows `qmp.direct` and `qmp.libvirt` (medians in ms). In turns, so that noise hits both."""
    progress(f"QMP round trips: {commands} of each kind")
    ours, bare = Histogram(), Histogram()
    libvirt_ours, libvirt_bare = Histogram(), Histogram()
    each = max(commands // BLOCKS, 1)
    for _ in range(BLOCKS):
        # QEMU serves one client of a socket at a time: each in its turn.
        qmp = await open_qmp(vm.domain, "direct")
        try:
            await _ours(qmp.query_status, each, ours)
        finally:
            await qmp.close()
        await asyncio.to_thread(_bare_socket, vm.qmp_socket, each, bare)
        qmp = await open_qmp(vm.domain, "libvirt")
        try:
            await _ours(qmp.query_status, each, libvirt_ours)
        finally:
            await qmp.close()
        await asyncio.to_thread(_bare_libvirt, vm.uri, vm.domain.uuid, each, libvirt_bare)
    return [
        _row("qmp.direct", ours, "bare socket", bare, each * BLOCKS),
        _row("qmp.libvirt", libvirt_ours, "bare libvirt-python", libvirt_bare, each * BLOCKS),
    ]


def _row(name: str, ours: Histogram, peer: str, bare: Histogram, count: int) -> Row:
    value, peer_value = ours.percentile(50), bare.percentile(50)
    more = {"p99": round(ours.percentile(99), 3), "peer_p99": round(bare.percentile(99), 3), "commands": count}
    return Row(
        name, value, "ms a round trip (p50)", peer, peer_value, f"at most {AIM} times", value <= AIM * peer_value, more
    )


async def _ours(query: Callable[..., object], count: int, into: Histogram) -> None:
    for _ in range(count):
        started = time.perf_counter()
        await query(timeout=10.0)  # type: ignore[misc]
        into.record((time.perf_counter() - started) * 1000)


def _bare_socket(path: Path, count: int, into: Histogram) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        stream = peer.makefile("rb")
        stream.readline()
        peer.sendall(b'{"execute":"qmp_capabilities"}')
        stream.readline()
        for number in range(count):
            started = time.perf_counter()
            peer.sendall(b'{"execute":"query-status","id":%d}' % number)
            reply = json.loads(stream.readline())
            into.record((time.perf_counter() - started) * 1000)
            assert reply["id"] == number


def _bare_libvirt(uri: str, uuid: str, count: int, into: Histogram) -> None:
    import libvirt
    import libvirt_qemu

    connection = libvirt.open(uri)
    try:
        domain = connection.lookupByUUIDString(uuid)
        for _ in range(count):
            started = time.perf_counter()
            json.loads(libvirt_qemu.qemuMonitorCommand(domain, '{"execute":"query-status"}', 0))
            into.record((time.perf_counter() - started) * 1000)
    finally:
        connection.close()
