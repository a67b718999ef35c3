"""QMP to a VM behind SSH: on its own socket beside libvirt's way, both over the same sshd, which is near or 5 ms away."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from tests.faults.proxy import FaultProxy

from ATPLibrary import events
from ATPLibrary.lab.sshd import LabSshd, is_installed
from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import Qmp, open_qmp
from ATPLibrary.transport import Domain, HostConnection

from .rows import Row
from .world import CALL_SECONDS, BenchVm, Progress, World

BLOCKS = 5
FAR_SECONDS = 0.005  # one way
BURST = 20  # commands that don't wait for each other, as typing sends them


async def measure(here: World, vm: BenchVm, commands: int, progress: Progress) -> list[Row]:
    """The rows `qmp.ssh` and `qmp.ssh-far` (medians in ms). Ours and libvirt's in turns, so that noise hits both."""
    if not is_installed():
        progress("no QMP over SSH: sshd, ssh or nc is not installed")
        return []
    with tempfile.TemporaryDirectory(prefix="atp-bench-ssh-") as directory:
        sshd = LabSshd(Path(directory) / "sshd")
        sshd.start()
        try:
            progress(f"QMP round trips over SSH: {commands} of each kind")
            async with _behind(sshd.uri(here.host), vm) as domain:
                near = await _in_turns(domain, commands, lambda qmp: qmp.query_status())
            bursts = max(commands // 25, BLOCKS)
            progress(
                f"bursts of {BURST} QMP commands over an SSH that is {FAR_SECONDS * 1000:g} ms away: {bursts} of each kind"
            )
            async with FaultProxy(("127.0.0.1", sshd.port)) as proxy:
                proxy.delay(FAR_SECONDS)
                assert isinstance(proxy.address, tuple)
                uri = sshd.uri(here.host).replace(f":{sshd.port}/", f":{proxy.address[1]}/")
                known = sshd.known_hosts.read_text()
                sshd.known_hosts.write_text(known + known.replace(f":{sshd.port} ", f":{proxy.address[1]} "))
                async with _behind(uri, vm) as domain:
                    far = await _in_turns(
                        domain, bursts, lambda qmp: qmp.execute_many([("query-status", None)] * BURST)
                    )
        finally:
            sshd.stop()
    return [
        _row("qmp.ssh", "ms a round trip (p50)", *near),
        _row("qmp.ssh-far", f"ms for {BURST} commands (p50)", *far),
    ]


@contextlib.asynccontextmanager
async def _behind(uri: str, vm: BenchVm) -> AsyncIterator[Domain]:
    """The VM, as a host at `uri` has it."""
    host = HostConnection("bench-ssh", uri, events.bus())
    try:
        await host.connect(CALL_SECONDS)
        yield await host.lookup(vm.domain.uuid, CALL_SECONDS)
    finally:
        await host.close(CALL_SECONDS)


async def _in_turns(
    domain: Domain, count: int, operation: Callable[[Qmp], Awaitable[object]]
) -> tuple[Histogram, Histogram]:
    ours, peer = Histogram(), Histogram()
    for _ in range(BLOCKS):
        for direct, times in ((True, ours), (False, peer)):
            # QEMU serves one client of a socket at a time: each in its turn.
            qmp = await open_qmp(domain, "direct" if direct else "libvirt", CALL_SECONDS)
            try:
                for _ in range(max(count // BLOCKS, 1)):
                    started = time.perf_counter()
                    await operation(qmp)
                    times.record((time.perf_counter() - started) * 1000)
            finally:
                await qmp.close()
    return ours, peer


def _row(name: str, unit: str, ours: Histogram, peer: Histogram) -> Row:
    value, other = ours.percentile(50), peer.percentile(50)
    more = {"p99": round(ours.percentile(99), 3), "peer_p99": round(peer.percentile(99), 3), "times": ours.count}
    return Row(name, value, unit, "libvirt over the same SSH", other, "shorter", value < other, more)
