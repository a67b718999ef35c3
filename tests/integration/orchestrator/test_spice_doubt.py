"""What a SPICE server told last proves nothing where a fault on purpose took what it told then, and nothing is proved by nothing.

The VM is of libvirt's test driver, its SPICE server in this process; the keywords run as in a suite.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.orchestrator.spice_keywords import Monitor, monitor_of
from tests.integration.orchestrator.test_spice import workspace_with
from tests.spice.server import Behaviour, SpiceServer

from ATPLibrary import runtime
from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.libraries import QMP, Spice, Transport
from ATPLibrary.orchestrator import Workspace, spice_life
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.integration
SOON = timedelta(seconds=5)
# The server's messages by number.
MONITORS_CONFIG, KEY_MODIFIERS, PORT_EVENT, CURSOR_HIDE = 317, 102, 202, 105
OPENED, CLOSED = b"\0", b"\1"
CAPS = struct.pack("<H", 4)


def one_monitor(width: int, height: int) -> bytes:
    return struct.pack("<HHIIIIIII", 1, 1, 0, 0, width, height, 0, 0, 0)


@dataclass
class Session:
    server: SpiceServer
    workspace: Workspace
    spice: Spice
    qmp: QMP
    monitor: Monitor

    def told(self, type: Type, number: int, body: bytes = b"") -> None:
        """The server has sent it, and it has passed, harmed or not."""

        async def tell() -> None:
            speaking = self.workspace.spice_sessions.speaking(await self.workspace.machine("win11", timeout=5), type, 0)
            seam = speaking.conversation.wire.seam
            before = seam.last_number
            (await self.server.peer(type)).send(number, body)
            await speaking.wait_until(lambda: seam.last_number > before, 5, "hear it")

        runtime.wait(tell(), 6, "telling")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    server = SpiceServer(Behaviour(ticket="let me in"))
    runtime.wait(server.start(), 5, "starting the server")
    try:
        workspace = workspace_with(tmp_path, f"port='{server.port}' listen='127.0.0.1'")
        monkeypatch.setattr(Workspace, "_current", workspace)
        monkeypatch.chdir(tmp_path)
        Transport().connect_to_vm("win11")
        spice = Spice()
        spice.connect_to_spice()
        monkeypatch.setattr(spice_life, "LIFE_SECONDS", 0.2)
        yield Session(server, workspace, spice, QMP(), monitor_of(monkeypatch))
        runtime.wait(workspace.close(5), 6, "closing the workspace")
    finally:
        runtime.wait(server.stop(), 5, "stopping the server")


def test_of_a_name_that_both_sides_have_the_one_that_is_said_is_harmed(session: Session) -> None:
    session.spice.open_spice_port("org")
    session.spice.drop_next_message("port", "DATA", sender="client")
    session.spice.write_to_spice_port("hello")
    session.spice.write_to_spice_port("again")
    peer = runtime.wait(session.server.peer(Type.PORT), 5, "its peer")
    assert runtime.wait(peer.expect(101), 5, "the port's data") == b"again"
    session.spice.get_spice_statistics("port", "faults", "==", 1)


def test_lock_keys_are_not_known_until_they_are_told_again(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    locks = session.qmp.lock_keys_should_be
    session.spice.open_spice_channel("inputs")
    locks(caps="off", via="spice", timeout=SOON)
    session.spice.drop_next_message("inputs", "KEY_MODIFIERS", sender="server")
    session.told(Type.INPUTS, KEY_MODIFIERS, CAPS)
    unknown = r"The lock keys of VM 'win11' should be caps off but can't be known: a fault on purpose has harmed the channel's"
    with pytest.raises(VerificationError, match=unknown + r".*Say 'Reconnect Channel    inputs:0' first"):
        locks(caps="off", via="spice", timeout=SOON)
    with pytest.raises(VerificationError, match=unknown):
        session.qmp.set_lock_keys(caps="off", via="spice", timeout=SOON)
    assert session.qmp.get_lock_keys(via="spice")["caps"] == "off"
    assert "The lock keys of the current VM are what was told last: a fault on purpose has harmed" in caplog.text
    session.told(Type.INPUTS, KEY_MODIFIERS, CAPS)
    locks(caps="on", via="spice", timeout=SOON)


def test_lock_keys_that_a_frozen_qemu_told_are_not_known_by_now(session: Session) -> None:
    session.spice.open_spice_channel("inputs")
    session.qmp.lock_keys_should_be(caps="off", via="spice", timeout=SOON)
    session.monitor.is_frozen = True
    with pytest.raises(
        VerificationError,
        match=r"The lock keys of VM 'win11' should be caps off but can't be known: its QEMU did not answer",
    ):
        session.qmp.lock_keys_should_be(caps="off", via="spice", timeout=SOON)
    with pytest.raises(VerificationError, match=r"should be known but can't be known: its QEMU did not answer"):
        session.qmp.get_lock_keys(via="spice", timeout=SOON)


def test_lock_keys_are_known_where_a_fault_took_what_does_not_tell_of_them(session: Session) -> None:
    session.spice.open_spice_channel("inputs")
    session.spice.drop_next_message("inputs", "KEY_DOWN")
    session.spice.send_spice_message("inputs", "KEY_DOWN", code="30")
    session.spice.get_spice_statistics("inputs", "faults", "==", 1)
    session.qmp.lock_keys_should_be(caps="off", via="spice", timeout=SOON)


def test_a_port_s_other_end_is_not_known_until_it_is_told_again(session: Session) -> None:
    session.spice.open_spice_port("org")
    session.spice.spice_port_should_be("opened", timeout=SOON)
    session.spice.drop_next_message("port", "EVENT", sender="server")
    session.told(Type.PORT, PORT_EVENT, CLOSED)
    for state in ("opened", "closed"):
        with pytest.raises(VerificationError, match=f"should be {state} by a program in the guest but can't be known"):
            session.spice.spice_port_should_be(state, timeout=SOON)
    with pytest.raises(VerificationError, match="can't be known: a fault on purpose"):
        session.spice.write_to_spice_port("hello", timeout=SOON)
    session.told(Type.PORT, PORT_EVENT, CLOSED)
    session.spice.spice_port_should_be("closed", timeout=SOON)


def test_monitors_and_streams_are_not_known_of_a_display_that_is_harmed(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    monitors, streams = session.spice.get_spice_monitors, session.spice.get_spice_streams
    session.spice.open_spice_channel("display")
    session.told(Type.DISPLAY, MONITORS_CONFIG, one_monitor(1024, 768))
    monitors("display", "==", "1024x768+0+0")
    streams("count", "==", 0)
    session.spice.drop_next_message("display", "MONITORS_CONFIG", sender="server")
    session.told(Type.DISPLAY, MONITORS_CONFIG, one_monitor(800, 600))
    with pytest.raises(VerificationError, match=r"The monitors of SPICE channel display .* can't be known: a fault on"):
        monitors("display", "==", "1024x768+0+0")
    for field, expected in (("count", 0), (None, [])):
        with pytest.raises(VerificationError, match=r"of SPICE channel display .* can't be known: a fault on purpose"):
            streams(field, "==", expected)
    assert not caplog.records
    assert monitors("display") == ["1024x768+0+0"]
    assert "this is what was told last, and may be otherwise: a fault on purpose has harmed" in caplog.text
    assert streams("count") == 0


def test_a_pointer_is_not_known_of_a_channel_that_is_harmed(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    session.spice.open_spice_channel("cursor")
    session.spice.cursor_should_be_visible(False, timeout=SOON)
    session.spice.get_cursor("visible", "==", False)
    session.spice.drop_next_message("cursor", "HIDE", sender="server")
    session.told(Type.CURSOR, CURSOR_HIDE)
    with pytest.raises(VerificationError, match=r"The mouse pointer of .* should not be visible but can't be known"):
        session.spice.cursor_should_be_visible(False, timeout=SOON)
    with pytest.raises(VerificationError, match=r"The mouse pointer of .* can't be known: a fault on purpose"):
        session.spice.get_cursor("visible", "==", False)
    assert not caplog.records
    assert session.spice.get_cursor("visible") is False
    assert "this is what was told last" in caplog.text


def test_of_no_stream_no_codec_is_asserted(session: Session) -> None:
    session.spice.open_spice_channel("display")
    assert session.spice.get_spice_streams("codecs") == []
    with pytest.raises(
        VerificationError, match=r"codecs of SPICE channel display .* of streams that there are but there is"
    ):
        session.spice.get_spice_streams("codecs", "not contains", "H265")


def test_a_recording_of_nothing_shows_nothing(session: Session) -> None:
    session.spice.start_session_recording(Path("whole.jsonl"))
    session.spice.stop_session_recording()
    assert session.spice.replay_session(Path("whole.jsonl"), "fast")["messages"] > 0
    lines = Path("whole.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("linked.jsonl").write_text("".join(lines[:2]), encoding="utf-8")
    with pytest.raises(VerificationError, match="should be of at least one message of its server but was of none"):
        session.spice.replay_session(Path("linked.jsonl"), "fast")
