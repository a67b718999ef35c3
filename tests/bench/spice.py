"""The SPICE client beside another one, with QEMU's own server: time to the first picture, and what idle sessions cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.spice.qemu import EVERY_CHANNEL, PASSWORD, qemu

from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.spice.link import HEADER, LinkRequest
from ATPLibrary.transport.spice import SpiceChannelType as Type

from . import spice_session
from .rows import Row
from .world import Progress

PEER = "spicy-screenshot"
IDLE_VMS = 50
CPU_AIM, MEMORY_AIM, LINKS_AIM = 5.0, 1024.0, 1.5
# With more channels than the other client links, the server's keys alone take longer than that one does.
NEAR_LIMIT = 1.25
# How long a firmware writes its text on the screen, after which it waits for a disk that never comes.
_FIRMWARE_SECONDS = 4.0
_PROCESS_SECONDS = 20.0


def measure(progress: Progress, *, quick: bool) -> list[Row]:
    if shutil.which(PEER) is None:
        progress(f"spice.first-frame is left out: there is no {PEER} here (scripts/setup installs it)")
        return idle_sessions(progress, 10 if quick else IDLE_VMS, quick)
    turns = 5 if quick else 30
    usual = first_frames(progress, "spice.first-frame", [], turns)
    ten = first_frames(progress, "spice.first-frame.ten-channels", EVERY_CHANNEL, turns)
    return [*usual, *ten, *idle_sessions(progress, 10 if quick else IDLE_VMS, quick)]


def first_frames(progress: Progress, name: str, devices: list[str], turns: int) -> list[Row]:
    """Rows NAME, NAME.picture, NAME.process (of its own) and NAME.links, in turns with the peers, on one VM with these devices.

    The server makes an RSA key of its own for each link, one after the other: that is most of the time, and grows with the
    channels. The other client links two of them. So NAME.links sets the time beside that of as many bare links up to the server's
    reply, which is the limit; NAME.picture is when the picture is there, with as many linked as the other client links.
    """
    ours, pictures, ours_process, peer, bare = (Histogram() for _ in range(5))
    with qemu(*devices, paused=False) as running, tempfile.TemporaryDirectory(prefix="atp-bench-") as directory:
        time.sleep(_FIRMWARE_SECONDS)
        running.execute("stop")
        file = Path(directory) / "peer.ppm"
        program = [sys.executable, "-m", "tests.bench.spice_session", "frame", str(running.port)]
        other = [PEER, "-h", "127.0.0.1", "-p", str(running.port), "-w", PASSWORD, f"--out-file={file}"]
        picture, channels = asyncio.run(_timed(running.port, Histogram(), Histogram()))
        size = f"{picture.width}x{picture.height}"
        progress(f"{name}: {channels} channels and the first {size} picture, {turns} turns")
        for _ in range(turns):
            picture, _ = asyncio.run(_timed(running.port, ours, pictures))
            _run(other, peer)
            _run(program, ours_process)
            _bare_links(running.port, channels, bare)
        assert file.read_bytes().endswith(picture.pixels), "the two have drawn different pictures"
    words = f"{PEER}: its whole process"
    more = {"turns": turns, "picture": size, "channels": channels}
    tails = {"p95": round(ours.percentile(95), 1), "peer_p95": round(peer.percentile(95), 1)}
    value, first, theirs, links = (each.percentile(50) for each in (ours, pictures, peer, bare))
    limit = max(theirs, NEAR_LIMIT * links)
    return [
        Row(
            name, value, "ms (p50)", words, theirs,
            f"at most its time, or {NEAR_LIMIT:g} times that of its links alone", value <= limit, {**more, **tails},
        ),
        Row(f"{name}.picture", first, "ms (p50)", words, theirs, "at most its time", first <= theirs, more),
        Row(f"{name}.process", ours_process.percentile(50), "ms (p50)", words, theirs, more=more),
        Row(
            f"{name}.links", value, "ms (p50)", f"{channels} bare links", links,
            f"at most {LINKS_AIM:g} times", value <= LINKS_AIM * links, more,
        ),
    ]  # fmt: skip


def _bare_links(port: int, count: int, into: Histogram) -> None:
    """Ask for a main channel so many times, and go once the server has replied: nothing is begun, so nobody is disturbed."""
    request = LinkRequest(Type.MAIN, 0).packed()
    started = time.perf_counter()
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port), _PROCESS_SECONDS) as link:
            link.sendall(request)
            if not link.recv(HEADER.size, socket.MSG_WAITALL):
                raise RuntimeError("QEMU closed a link before it replied")
    into.record((time.perf_counter() - started) * 1000)


async def _timed(port: int, into: Histogram, pictures: Histogram) -> tuple[spice_session.Picture, int]:
    """The picture, and how many channels were linked."""
    session = spice_session.connection(port)
    started = time.perf_counter()
    picture = await spice_session.first_frame(session, lambda: pictures.record((time.perf_counter() - started) * 1000))
    into.record((time.perf_counter() - started) * 1000)
    channels = len(session.channels)
    await session.close()
    return picture, channels


def _run(command: list[str], into: Histogram) -> None:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=_PROCESS_SECONDS)
    into.record((time.perf_counter() - started) * 1000)


def idle_sessions(progress: Progress, vms: int, quick: bool) -> list[Row]:
    """Rows `spice.idle.cpu` and `spice.idle.memory`, of a process of its own that is connected to so many paused QEMUs."""
    seconds = 5.0 if quick else 30.0
    with contextlib.ExitStack() as stack:
        progress(f"SPICE: {vms} QEMUs")
        ports = [stack.enter_context(qemu("-m", "16")).port for _ in range(vms)]
        progress(f"SPICE: {vms} idle sessions for {seconds:g} s")
        command = [sys.executable, "-m", "tests.bench.spice_session", "idle", str(seconds), *map(str, ports)]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120 + 3 * seconds)
    found = json.loads(ran.stdout)
    assert found["channels"] == 4 * vms, f"only {found['channels']} channels lived to the end"
    more = {key: found[key] for key in ("sessions", "channels", "pings")}
    cpu, memory = found["cpu"], found["kib_each"]
    return [
        Row(
            "spice.idle.cpu", cpu, "% of a core", "the same process with nothing connected", found["cpu_alone"],
            f"under {CPU_AIM:g} %", cpu < CPU_AIM, more,
        ),
        Row(
            "spice.idle.memory", memory, "KiB a VM beyond its framebuffer", "its framebuffer", found["framebuffer_kib"],
            f"at most {MEMORY_AIM:g} KiB", memory <= MEMORY_AIM, more,
        ),
    ]  # fmt: skip
