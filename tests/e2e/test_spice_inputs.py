"""Keyboard, mouse and pointer by SPICE into a real guest: proved as by QMP, and nothing stays down, whatever breaks."""

from __future__ import annotations

import asyncio
import string
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from resources.console_keymaps import console_keymap
from tests.conftest import LabVm
from tests.spice.qemu import qemu

from ATPLibrary.config import Config
from ATPLibrary.errors import ChannelError, VmStateError
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.protocol.qga import GuestFiles
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.protocol.spice.inputs import SpiceInputs
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.verifier import Layout
from ATPLibrary.verifier.drag_paths import strays
from ATPLibrary.verifier.watching import InputWatch, drag_path

from .test_layouts import read_back

pytestmark = pytest.mark.e2e

SECONDS = 60.0
PRINTABLE = "".join(character for character in string.printable if character.isprintable())
GERMAN = "Grüße, Köln! ÄÖÜ ß € @ µ {[]}\\ | ~ ^ é ô"
LONG = "#" + "the quick brown fox jumps over the lazy dog " * 100


@pytest_asyncio.fixture
async def workspace(lab_host: Any) -> AsyncIterator[Workspace]:
    hosts = {"here": {"uri": lab_host.uri, "ip": lab_host.ip}}
    workspace = Workspace(Config.model_validate({"hosts": hosts}))
    yield workspace
    await workspace.close()


@pytest_asyncio.fixture
async def machine(workspace: Workspace, ps2_vm: LabVm) -> Machine:
    """A desk with no key down, whose shell has nothing on its line."""
    machine = await workspace.machine(ps2_vm.uuid, timeout=SECONDS)
    (await (await machine.typing(SECONDS)).press("ctrl+c")).raise_if_bad(must_be_verified=True)
    return machine


async def nothing_is_down(machine: Machine) -> None:
    """Soon: what the keyboard has queued comes first, then the releases."""
    async with asyncio.timeout(10):
        while await machine.held_keys(10):  # noqa: ASYNC110 - what the kernel holds is asked for
            await asyncio.sleep(0.05)


async def test_every_printable_character_arrives_once_and_in_order(machine: Machine) -> None:
    engine = await machine.typing(SECONDS, via="spice")
    report = await engine.type_text(f"#{PRINTABLE * 3}")
    report.raise_if_bad(must_be_verified=True)
    assert (report.lost, report.duplicated, report.reordered) == (0, 0, 0)
    assert (report.via, report.device) == ("spice", "i8042")
    for combination in ("ctrl+c", "up", "home", "delete", "alt+f1", "meta_l", "kp_enter"):
        (await engine.press(combination)).raise_if_bad(must_be_verified=True)
    (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)
    held = await engine.hold("a", 0.6)
    held.raise_if_bad(must_be_verified=True)
    assert await machine.held_keys(10) == []


async def test_a_program_in_a_german_guest_reads_what_was_typed(machine: Machine) -> None:
    qga = await machine.qga(SECONDS)
    assert (await qga.exec("dumpkmap </dev/tty1 >/tmp/before.bmap", timeout=30)).exit_code == 0
    await GuestFiles(qga).write("/tmp/layout.bmap", console_keymap("de"), timeout=30)
    assert (await qga.exec("loadkmap </tmp/layout.bmap", timeout=30)).exit_code == 0
    try:
        vm: Any = SimpleNamespace(
            domain=machine.domain,
            session=await machine.agent(SECONDS),
            typing=await machine.typing(SECONDS, via="spice"),
        )
        got, report = await read_back(vm, GERMAN, Layout("de"))
        report.raise_if_bad(must_be_verified=True)
        assert (got, report.lost) == (GERMAN, 0)
    finally:
        await qga.exec("loadkmap </tmp/before.bmap; rm /tmp/*.bmap", timeout=30)


async def test_the_mouse_goes_its_way_by_positions_and_by_counts(machine: Machine) -> None:
    pointer = await machine.pointer(SECONDS, via="spice")
    session = await machine.agent(SECONDS)
    await session.ensure_watching(10)
    for report in (
        await pointer.move(0.5, 0.5),
        await pointer.move(0.5, 0.5),
        await pointer.move(0, 0),
        await pointer.move(1, 1),
        await pointer.click(),
        await pointer.double_click("right"),
        await pointer.click("middle"),
        await pointer.scroll(3),
        await pointer.scroll(-2),
        await pointer.click("side"),
        await pointer.move_by(250, -40),
        await pointer.move(0.2, 0.2),
    ):
        report.raise_if_bad(must_be_verified=True)
        assert report.via == "spice"
    watch = InputWatch(session)
    places = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.7)]
    report = await pointer.drag(0.8, 0.7, start=(0.2, 0.2), through=[(0.8, 0.2)])
    report.raise_if_bad(must_be_verified=True)
    path = drag_path(watch.seen, session.devices, "left")
    watch.close()
    assert strays(path, places, 0.005) == ""
    assert await machine.held_keys(10) == []


async def test_lock_keys_are_told_both_ways(workspace: Workspace, machine: Machine) -> None:
    session = await machine.agent(SECONDS)
    sending = await machine.engines.spice_inputs(SECONDS)
    before = dict(await session.lock_keys(10))
    assert sending.lights == before
    for is_on in (True, False):
        assert await sending.set_locks({"caps": is_on, "num": not before["num"]}, 10) == (
            ["caps", "num"] if is_on else ["caps"]
        )
        assert (await session.lock_keys(10))["caps"] is is_on
        assert await machine.held_keys(10) == []
    await (await machine.typing(SECONDS)).press("caps_lock")  # by QMP: the guest's light is SPICE's news
    await sending.until_locks({"caps": True}, 10)
    assert set(await sending.set_locks({**before}, 10)) == {"caps", "num"}
    assert dict(await session.lock_keys(10)) == before


async def test_a_channel_that_drops_while_typing_leaves_nothing_down(workspace: Workspace, machine: Machine) -> None:
    engine = await machine.typing(SECONDS, via="spice")
    session = await machine.agent(SECONDS)
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    with session.observations.subscribe() as stream:
        typing = asyncio.create_task(engine.type_text(LONG, timeout=SECONDS))
        seen = 0
        async with asyncio.timeout(20):
            while seen < 40:
                seen += len(await stream.next_batch(None))
    began = time.monotonic()
    workspace.spice_sessions.speaking(machine, Type.INPUTS, 0).drop("the test dropped it")
    with pytest.raises(
        ChannelError, match=r"should be sent but was not, to its end: of \d+ edges .*\(the test dropped it\)"
    ):
        await typing
    await nothing_is_down(machine)
    assert not machine.holds_keys
    assert time.monotonic() - began < 15, "it is let go of, not given up after a deadline"
    with pytest.raises(ChannelError, match="'Open SPICE Channel    inputs'"):
        await machine.typing(SECONDS, via="spice")
    await workspace.spice_sessions.of(machine).open_channel(Type.INPUTS, timeout=10)
    engine = await machine.typing(SECONDS, via="spice")
    (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)


async def test_what_is_kept_down_is_let_go_of_when_the_channel_is_closed(
    workspace: Workspace, machine: Machine
) -> None:
    (await (await machine.typing(SECONDS, via="spice")).key_down("ctrl")).raise_if_bad(must_be_verified=True)
    (await (await machine.pointer(SECONDS, via="spice")).button_down()).raise_if_bad(must_be_verified=True)
    assert len(await machine.held_keys(10)) == 2
    await workspace.spice_sessions.of(machine).close_channel(Type.INPUTS)
    await nothing_is_down(machine)
    # QEMU remembers the session's buttons: the next press of that one must be seen all the same.
    (await (await machine.pointer(SECONDS, via="spice")).click()).raise_if_bad(must_be_verified=True)


async def test_a_vm_that_stands_still_takes_no_input_and_says_so(machine: Machine) -> None:
    engine = await machine.typing(SECONDS, via="spice")
    await machine.domain.suspend(10)
    try:
        with pytest.raises(VmStateError, match="is paused, and nothing was sent"):
            await engine.type_text("hello")
    finally:
        await machine.domain.resume(10)
    (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)


async def test_a_client_that_was_kicked_says_who_has_the_session(
    workspace: Workspace, machine: Machine, lab_host: Any
) -> None:
    engine = await machine.typing(SECONDS, via="spice")
    other = Workspace(Config.model_validate({"hosts": {"here": {"uri": lab_host.uri, "ip": lab_host.ip}}}))
    try:
        await other.spice_sessions.connect(await other.machine(machine.uuid, timeout=SECONDS), SECONDS)
        main = workspace.spice_sessions.channel(machine, Type.MAIN, 0)
        async with asyncio.timeout(10):
            while main.state.is_open:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        with pytest.raises(ChannelError, match="another client has taken the session"):
            await machine.typing(SECONDS, via="spice")
        with pytest.raises(ChannelError, match="another client has taken the session"):
            await engine.press("a")
    finally:
        await other.close()


async def test_qemu_reads_every_scan_code_as_the_key_that_it_is_named_after(tmp_path: Path) -> None:
    log = tmp_path / "keys"
    with qemu("-D", str(log), "-trace", "input_event_key_qcode", paused=False) as running:
        connection = running.connection()
        await connection.connect_main_channel(10)
        sending = SpiceInputs(connection)
        await sending.open(10)
        for qcode in sorted(EVDEV_OF_QCODE):
            await sending.send([[key_event(qcode, True)], [key_event(qcode, False)]], 10)
        wanted = [f"{qcode} {int(down)}" for qcode in sorted(EVDEV_OF_QCODE) for down in (True, False)]

        def read() -> list[str]:
            words = [line.replace(",", " ").split() for line in log.read_text().splitlines() if "key qcode" in line]
            return [f"{each[each.index('qcode') + 1]} {each[-1]}" for each in words]

        async with asyncio.timeout(20):
            while len(read()) < len(wanted):  # noqa: ASYNC110 - QEMU's log has no event
                await asyncio.sleep(0.05)
        same = {"asterisk": "kp_multiply", "sysrq": "print"}  # one key of a keyboard each
        assert read() == [f"{same.get(each.split()[0], each.split()[0])} {each.split()[1]}" for each in wanted]
        await connection.close()
