"""The round trip of one QMP command to a VM behind SSH: on its own socket beside libvirt's way, both over the same sshd."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ATPLibrary import events
from ATPLibrary.lab.sshd import LabSshd, is_installed
from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.transport import HostConnection

from .rows import Row
from .world import CALL_SECONDS, BenchVm, Progress, World

BLOCKS = 5


async def measure(here: World, vm: BenchVm, commands: int, progress: Progress) -> list[Row]:
    """The row `qmp.ssh` (medians in ms). In turns, so that noise hits both."""
    if not is_installed():
        progress("no QMP over SSH: sshd, ssh or nc is not installed")
        return []
    progress(f"QMP round trips over SSH: {commands} of each kind")
    taken = {"direct": Histogram(), "libvirt": Histogram()}
    with tempfile.TemporaryDirectory(prefix="atp-bench-ssh-") as directory:
        sshd = LabSshd(Path(directory) / "sshd")
        sshd.start()
        host = HostConnection("bench-ssh", sshd.uri(here.host), events.bus())
        try:
            await host.connect(CALL_SECONDS)
            domain = await host.lookup(vm.domain.uuid, CALL_SECONDS)
            for _ in range(BLOCKS):
                for kind, times in taken.items():
                    # QEMU serves one client of a socket at a time: each in its turn.
                    qmp = await open_qmp(domain, "direct" if kind == "direct" else "libvirt", CALL_SECONDS)
                    try:
                        for _ in range(max(commands // BLOCKS, 1)):
                            started = time.perf_counter()
                            await qmp.query_status()
                            times.record((time.perf_counter() - started) * 1000)
                    finally:
                        await qmp.close()
        finally:
            await host.close(CALL_SECONDS)
            sshd.stop()
    ours, peer = taken["direct"], taken["libvirt"]
    more = {"p99": round(ours.percentile(99), 3), "peer_p99": round(peer.percentile(99), 3), "commands": ours.count}
    value, other = ours.percentile(50), peer.percentile(50)
    return [
        Row(
            "qmp.ssh",
            value,
            "ms a round trip (p50)",
            "libvirt over the same SSH",
            other,
            "shorter",
            value < other,
            more,
        )
    ]
