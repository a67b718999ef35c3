"""`suites/stress` in a lab of its own, timed by its phases: many desktops created, started, typed into, deleted.

Beside them stand what bare libvirt and qemu-img need for as many domains, and what the guests themselves take: their CPU seconds,
and the way of a key into them. That lab has a directory of its own: one that the tester has up isn't touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from robot.api import ExecutionResult

from ATPLibrary.lab.lab import CONFIG_FILE, Lab
from ATPLibrary.lab.machine import MachineSpec, create_overlay, domain_xml, remove_files
from ATPLibrary.lab.settings import LabSettings

from .rows import Row
from .world import Progress

ROOT = Path(__file__).parents[2]
DESKTOPS, QUICK_DESKTOPS = 50, 10
SECONDS = 1800.0
AT_ONCE = 8  # as many calls as the platform makes of libvirt at a time: four a host


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    """Rows `stress.*`. Where a test of the suites fails, its message is printed and there is no row."""
    desktops = QUICK_DESKTOPS if quick else DESKTOPS
    with tempfile.TemporaryDirectory(prefix="atp-stress-") as temporary:
        lab = Lab(Path(temporary) / "lab")
        progress(f"stress: a lab of its own in {lab.directory}")
        try:
            settings = lab.up(progress)
            phases, figures = _run(lab.directory, Path(temporary) / "results", desktops, progress)
            bare = _bare(settings, desktops, progress) if phases else {}
        finally:
            lab.down(progress)
    return _rows(phases, figures, bare, desktops) if phases else []


def _run(lab: Path, results: Path, desktops: int, progress: Progress) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds of each test by its name, and what the suite has noted; nothing where one failed."""
    progress(
        f"stress: {desktops} desktops: created, started, typed into, deleted; then a platform that is killed among them"
    )
    environ = {**os.environ, "ATP_LAB_DIR": str(lab), "ATP_CONFIG": str(lab / CONFIG_FILE)}
    command = [sys.executable, "-m", "robot", "--outputdir", str(results), "--variable", f"DESKTOPS:{desktops}"]
    ran = subprocess.run(
        [*command, "suites/stress"], cwd=ROOT, env=environ, stdout=sys.stderr, timeout=SECONDS, check=False
    )
    tests = list(ExecutionResult(results / "output.xml").suite.all_tests)
    for test in tests:
        if not test.passed:
            progress(f"stress: FAILED: {test.full_name}: {test.message}")
    if ran.returncode or not tests:
        progress(f"stress: NOT MEASURED: robot ended with {ran.returncode}")
        return {}, {}
    return {test.name: test.elapsed_time.total_seconds() for test in tests}, json.loads(
        (results / "stress.json").read_text()
    )


def _bare(settings: LabSettings, desktops: int, progress: Progress) -> dict[str, float]:
    """Seconds that as many domains take with qemu-img and libvirt alone, on the same hosts, as many at once."""
    import libvirt

    progress(f"stress: the same {desktops} domains with bare libvirt")
    connections = [libvirt.open(host.uri) for host in settings.hosts]
    specs = [
        MachineSpec(
            name=f"bare-{number:03}", uuid=str(uuid.uuid4()), image=settings.image, accelerator=settings.accelerator,
            directory=settings.hosts[number % 2].directory, listen=settings.hosts[number % 2].ip,
        )
        for number in range(desktops)
    ]  # fmt: skip

    def create(number: int) -> None:
        create_overlay(specs[number])
        connections[number % 2].defineXML(domain_xml(specs[number]))

    def start(number: int) -> None:
        # Paused: what the guests themselves take is the other limit.
        domain = connections[number % 2].lookupByUUIDString(specs[number].uuid)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)

    def delete(number: int) -> None:
        domain = connections[number % 2].lookupByUUIDString(specs[number].uuid)
        if domain.isActive():
            domain.destroy()
        domain.undefine()
        remove_files(specs[number])

    found: dict[str, float] = {}
    try:
        for name, step in (("create", create), ("start", start), ("delete", delete)):
            found[name] = _at_once(step, range(desktops))
    finally:
        for connection in connections:
            connection.close()
    return found


def _at_once(step: Callable[[int], None], numbers: Iterable[int]) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in [threads.submit(step, number) for number in numbers]:
            done.result()
    return time.perf_counter() - started


def _rows(phases: dict[str, float], figures: dict[str, Any], bare: dict[str, float], desktops: int) -> list[Row]:
    guests = figures["guest_cpu_s"] / figures["processors"]
    peers = (
        ("created", "Desktops Are Created", "bare qemu-img and define", bare["create"]),
        ("started", "Desktops Are Started", "bare start, and the guests' CPU s a processor", bare["start"] + guests),
        ("typed", "A Keystroke Arrives In Each Desktop", "the keys' own latencies", figures["keys_s"]),
        ("deleted", "Desktops Are Deleted", "bare destroy, undefine, remove", bare["delete"]),
    )
    more = {"desktops": desktops, "guest_cpu_s": figures["guest_cpu_s"]}
    return [
        Row(f"stress.{name}", phases[test], f"s, {desktops} desktops", peer, seconds, more=more)
        for name, test, peer, seconds in peers
    ]
