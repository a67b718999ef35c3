"""How the product bears many VMs at once: operations a second, whether an operation's cost stays flat, and memory a session."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..rows import Row
from ..world import Progress
from . import memory, rates, real_vms
from .limits import raise_descriptor_limit

DESCRIPTORS = 8192  # the peers' process listens on two sockets a VM, and serves two


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """Rows `many.*`. With a hard limit of open files that is too low it says so and measures nothing."""
    limit = raise_descriptor_limit()
    if limit < DESCRIPTORS:
        progress(f"many: NOT MEASURED: 1,000 VMs take {DESCRIPTORS:,} open files, and `ulimit -Hn` is {limit:,} here")
        return []
    with tempfile.TemporaryDirectory(prefix="atp-m-") as temporary:
        directory = Path(temporary)
        return [part for each in (real_vms, memory, rates) for part in each.measure(directory, progress, quick=quick)]
