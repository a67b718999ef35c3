"""QMP on a socket with a real QEMU that has nothing to boot: no guest, a second in all."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from ATPLibrary.errors import ChannelError, CommandError, DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qmp.direct import DirectQmp
from ATPLibrary.protocol.qmp.edges import BUTTONS, QCODES, key_event
from ATPLibrary.transport import Domain, HostConnection

pytestmark = pytest.mark.integration

UUID = str(uuid.uuid4())


@pytest.fixture
def qemu() -> Iterator[tuple[int, Path]]:
    """A QEMU with a screen and a PS/2 keyboard that waits before its first instruction: its pid and its monitor."""
    directory = Path(tempfile.mkdtemp(prefix="atp-qemu-"))
    path = directory / "qmp"
    command = [
        "qemu-system-x86_64",
        "-S",
        "-accel",
        "tcg",
        "-m",
        "16",
        "-nodefaults",
        "-vga",
        "std",
        "-display",
        "none",
    ]
    command += [
        "-uuid",
        UUID,
        "-qmp",
        f"unix:{path},server=on,wait=off",
        "-daemonize",
        "-pidfile",
        str(directory / "pid"),
    ]
    subprocess.run(command, check=True, timeout=30)  # -daemonize: returns when the monitor listens
    pid = int((directory / "pid").read_text())
    yield pid, path
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(directory)


@pytest_asyncio.fixture
async def qmp(qemu: tuple[int, Path]) -> AsyncIterator[DirectQmp]:
    """An open channel to it."""
    qmp = DirectQmp(Domain(HostConnection("lab", "qemu:///session", EventBus()), "empty", UUID), qemu[1])
    await qmp.open(10)
    yield qmp
    await qmp.close()


async def test_our_key_and_button_names_are_those_of_the_qemu_at_hand(qmp: DirectQmp) -> None:
    enums = [set(each["values"]) for each in await qmp.execute("query-qmp-schema") if each["meta-type"] == "enum"]
    assert QCODES | {"unmapped"} in enums
    assert set(BUTTONS) <= next(values for values in enums if "wheel-up" in values)


async def test_a_vm_that_does_not_run_refuses_input(qmp: DirectQmp) -> None:
    assert await qmp.query_status() == "prelaunch"
    with pytest.raises(CommandError, match="not running"):
        await qmp.execute("input-send-event", {"events": [key_event("a", True)]})


async def test_the_screen_is_written_into_shared_memory_and_nothing_stays_open(qmp: DirectQmp) -> None:
    gc.collect()  # what earlier tests left open isn't to be closed meanwhile
    before = set(os.listdir("/proc/self/fd"))
    await qmp.execute("cont")  # while a VM is paused QEMU only marks descriptors as removed
    for _ in range(3):
        # Not screenshot(): its way out through libvirt would hide that this one is broken.
        with Image.open(io.BytesIO(await qmp._screendump(10))) as image:
            assert image.format == "PNG"
            assert image.width >= 640
    assert all(not each["fds"] for each in await qmp.execute("query-fdsets"))
    assert set(os.listdir("/proc/self/fd")) <= before


async def test_a_stopped_qemu_costs_the_deadline_and_its_late_reply_is_thrown_away(
    qmp: DirectQmp, qemu: tuple[int, Path]
) -> None:
    os.kill(qemu[0], signal.SIGSTOP)
    with pytest.raises(DeadlineError, match=r"should answer 'query-status' within 0\.1 s"):
        await qmp.query_status(0.1)
    with pytest.raises(DeadlineError, match="100 commands"):
        await qmp.execute_many([("query-status", None)] * 100, timeout=0.1)
    os.kill(qemu[0], signal.SIGCONT)
    assert (await qmp.execute("query-uuid", timeout=10))["UUID"] == UUID
    async with asyncio.timeout(5):
        await qmp.close()


async def test_a_killed_qemu_ends_who_waits(qmp: DirectQmp, qemu: tuple[int, Path]) -> None:
    os.kill(qemu[0], signal.SIGSTOP)
    waiting = asyncio.ensure_future(qmp.query_status(20))
    await asyncio.sleep(0.01)
    os.kill(qemu[0], signal.SIGKILL)
    with pytest.raises(ChannelError, match=r"QEMU closed it|reset"):
        await asyncio.wait_for(waiting, 5)


async def test_a_second_client_is_told_that_the_monitor_is_taken(qmp: DirectQmp, qemu: tuple[int, Path]) -> None:
    second = DirectQmp(qmp.domain, qemu[1])
    with pytest.raises(DeadlineError, match="Another client may have it open"):
        await second.open(0.2)
    assert await qmp.query_status() == "prelaunch"
