"""The lab's desktop guest: its SPICE agent (`suites/spice_agent.robot`), what its X server draws with the commands of its qxl, the
pointer that it sets, and what the guest takes. One boot for all of it.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from PIL import Image
from robot.api import ExecutionResult
from tests.conftest import LabVm, start_vm, stop_vm
from tests.spice.qemu import Picture
from tests.spice.screens import display_in, shows_what_qemu_shows

from ATPLibrary.config import Config
from ATPLibrary.lab.desktop_vm import NAME
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import DESKTOP_MEMORY_MIB, DESKTOP_MODEL
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.protocol.qga import GuestFiles
from ATPLibrary.protocol.spice.channels import CursorConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.cursor_shapes import CursorType
from ATPLibrary.protocol.spice.enums import ImageCompression
from ATPLibrary.protocol.spice.messages import display as display_messages
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
PAINTER = ROOT / "tests/spice/guests/x_painter.py"
SECONDS = 60.0
IN_SESSION = "DISPLAY=:0 PATH=/usr/bin:/usr/sbin"
PYTHON = "/usr/bin/python3.11 -I -S -E"
# Each step of drawing, and how many of what must have come for it at least: the server leaves away what is drawn over at once.
STEPS = (
    ("fills", f"{PYTHON} /tmp/x_painter.py fills", {"DRAW_FILL": 20}),
    ("pixmaps", f"{PYTHON} /tmp/x_painter.py pixmaps", {"SURFACE_CREATE": 1, "DRAW_COPY": 4}),
    ("scrolls", f"{PYTHON} /tmp/x_painter.py scrolls", {"COPY_BITS": 6}),
    ("pixels", f"{PYTHON} /tmp/x_painter.py pixels", {"DRAW_COPY": 6}),
    ("shapes", f"{PYTHON} /tmp/x_painter.py shapes", {"DRAW_COPY": 4}),
    ("patterns", f"{PYTHON} /tmp/x_painter.py patterns", {"DRAW_COPY": 4}),
    ("a window's way", f"{PYTHON} /tmp/x_painter.py moves", {"COPY_BITS": 4}),
    ("a terminal's scrolling", "seq 1 60 >/dev/pts/0", {"COPY_BITS": 1}),
    ("a background of one colour", f"{IN_SESSION} xsetroot -solid '#205080'", {"DRAW_FILL": 1}),
    ("a background of tiles", f"{IN_SESSION} xsetroot -mod 7 5 -fg red -bg yellow", {}),
)


@pytest.fixture(scope="module")
def desktop(lab_host: LabHost, desktop_image: Any, accelerator: Any) -> Iterator[LabVm]:
    """As `atp lab up --desktop` defines it; it runs."""
    vm = start_vm(lab_host, desktop_image, accelerator, DESKTOP_MODEL, name=NAME, memory_mib=DESKTOP_MEMORY_MIB)
    try:
        yield vm
    finally:
        stop_vm(vm)


def test_the_suite_of_the_spice_agent_passes(
    desktop: LabVm, desktop_image: Any, tmp_path: Path, record_property: Any
) -> None:
    config = tmp_path / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": desktop.uri, "ip": desktop.host.ip}}}))
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path), "suites/spice_agent.robot"],
        cwd=ROOT, env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(ran.stdout[-20_000:], ran.stderr[-5000:])
    tests = list(ExecutionResult(tmp_path / "output.xml").suite.all_tests)
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 15
    assert ran.returncode == 0
    figures = {
        "seconds_of_the_suite": round(time.monotonic() - started, 1), "memory_mib": DESKTOP_MEMORY_MIB,
        "disk_bytes": desktop_image.disk.stat().st_size,
    }  # fmt: skip
    record_property("desktop_guest", figures)
    print(f"desktop guest: {figures}")


@pytest_asyncio.fixture
async def workspace(desktop: LabVm) -> AsyncIterator[Workspace]:
    workspace = Workspace(Config.model_validate({"hosts": {"lab-t": {"uri": desktop.uri, "ip": desktop.host.ip}}}))
    yield workspace
    await workspace.close()


@pytest_asyncio.fixture
async def machine(workspace: Workspace, desktop: LabVm) -> Machine:
    """With a session, and nothing but its main channel."""
    machine = await workspace.machine(desktop.uuid, timeout=SECONDS)
    await workspace.spice_sessions.connect(machine, SECONDS)
    return machine


async def run(machine: Machine, command: str) -> None:
    ran = await (await machine.qga(SECONDS)).exec(command, timeout=SECONDS)
    assert ran.exit_code == 0, (command, ran)


async def screendump(machine: Machine) -> Picture:
    with Image.open(io.BytesIO(await (await machine.qmp(SECONDS)).screenshot(SECONDS))) as image:
        return image.width, image.height, image.convert("RGB").tobytes()


async def test_what_its_x_server_draws_with_qxl_s_commands_is_shown_as_qemu_shows_it(
    workspace: Workspace, machine: Machine
) -> None:
    channel, screen = await display_in(workspace.spice_sessions.of(machine), 0)

    async def until_it_is_the_same() -> Picture:
        return await shows_what_qemu_shows(channel, screen, lambda: screendump(machine))

    counted = screen.wire.statistics.by_name
    await GuestFiles(await machine.qga(SECONDS)).write("/tmp/x_painter.py", PAINTER.read_bytes(), timeout=30)
    seen = [await until_it_is_the_same()]
    compressions = (ImageCompression.OFF, ImageCompression.LZ4, ImageCompression.GLZ, ImageCompression.LZ)
    for number, (what, command, wanted) in enumerate(STEPS):
        await channel.send(display_messages.PreferredCompression(compressions[number % len(compressions)]), 5)
        before = Counter(counted)
        await run(machine, command)
        seen.append(await until_it_is_the_same())
        sent = counted - before
        assert {name: min(sent[name], least) for name, least in wanted.items()} == wanted, (what, sent)
    print(f"{dict(counted)}, images {dict(screen.wire.statistics.images)}")
    assert len(set(seen)) == len(seen), "a picture that stands still proves nothing of drawing"
    assert {"BITMAP", "LZ4", "GLZ_RGB", "LZ_RGB", "SURFACE", "FROM_CACHE"} <= set(screen.wire.statistics.images)
    assert (screen.wire.statistics.unhandled, screen.wire.statistics.unknown) == ({}, {})
    assert screen.painter.is_exact


async def test_a_pointer_that_a_program_sets_has_its_shape_here(workspace: Workspace, machine: Machine) -> None:
    width, height, hot = 24, 20, (3, 5)
    pixels = b"".join(
        bytes((x * 5, y * 6, 90, 255)) if (x + y) % 3 else bytes(4) for y in range(height) for x in range(width)
    )
    image = struct.pack("<9I", 36, 0xFFFD0002, 24, 1, width, height, *hot, 0) + pixels
    cursor_file = b"Xcur" + struct.pack("<6I", 16, 0x10000, 1, 0xFFFD0002, 24, 28) + image
    await GuestFiles(await machine.qga(SECONDS)).write("/tmp/pointer", cursor_file, timeout=30)
    channel = speaking(await workspace.spice_sessions.of(machine).open_channel(Type.CURSOR, timeout=10))
    cursor = channel.conversation
    assert isinstance(cursor, CursorConversation)
    (await (await machine.pointer(SECONDS)).move(0.97, 0.97)).raise_if_bad(must_be_verified=True)
    await run(machine, f"{IN_SESSION} xsetroot -xcf /tmp/pointer 24")
    await channel.wait_until(lambda: cursor.shape is not None and cursor.shape.data == pixels, 10, "have that shape")
    assert cursor.shape is not None
    assert (cursor.shape.type, cursor.shape.width, cursor.shape.height) == (CursorType.ALPHA, width, height)
    assert (cursor.shape.hot_spot, cursor.visible) == (hot, True)
