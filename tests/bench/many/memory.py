"""Memory of an idle VM session beyond libvirt's own, measured in processes of their own."""

from __future__ import annotations

from pathlib import Path

from ..rows import Row
from ..world import Progress
from .rates import ask, child, peers

VMS = 1000
QUICK_VMS = 300
MOST_KIB = 64.0


def measure(directory: Path, progress: Progress, *, quick: bool) -> list[Row]:
    vms = QUICK_VMS if quick else VMS
    progress(f"many: memory of {vms:,} idle sessions")
    found = {}
    for how in ("rss", "traced"):
        place = directory / how
        place.mkdir()
        module = ("tests.bench.many.idle_sessions", how, str(place), str(vms))
        with peers(place, vms), child(*module) as process:
            found[how] = ask(process)
    rss, traced = found["rss"], found["traced"]
    more = {"vms": vms, "tasks": rss["tasks"], "descriptors": rss["descriptors"]}
    return [
        Row(
            f"many.memory.{what}",
            rss[f"{what}_kib"],
            f"KiB resident a session, {words}",
            "libvirt's handle of a domain",
            rss["libvirt_kib"],
            f"under {MOST_KIB:g} KiB beyond libvirt's own",
            rss[f"{what}_kib"] < MOST_KIB,
            more | {"python_kib": traced[f"{what}_kib"]},
        )
        for what, words in (("idle", "idle"), ("typed", "idle after typing"))
    ]
