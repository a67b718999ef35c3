"""A session recorded and played again: the same picture, the same failure, and no secret in the file."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.spice.golden import NO_CLIP, NO_MASK
from tests.spice.server import PRIMARY, SpiceServer, spice_server

from ATPLibrary.cli.spice import spice
from ATPLibrary.errors import ChannelError, DeadlineError, InputError
from ATPLibrary.protocol.spice.client import EndedBy, speaking
from ATPLibrary.protocol.spice.messages import brushes, draw, geometry, inputs, main
from ATPLibrary.protocol.spice.recorded import Recording, described
from ATPLibrary.protocol.spice.recording import SessionRecorder
from ATPLibrary.protocol.spice.replay import replay
from ATPLibrary.protocol.spice.schema import Sender
from ATPLibrary.protocol.spice.seam import Fault, Harm
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceVmConnection

pytestmark = pytest.mark.unit
RED = brushes.Brush(1, brushes.SolidBrush(0xFF0000))
EVERYWHERE = geometry.DrawBase(0, geometry.Rect(0, 0, 2, 4), NO_CLIP)


@pytest.fixture(params=["session.jsonl", "session.jsonl.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


async def recorded(server: SpiceServer, path: Path, **options: Any) -> tuple[SpiceVmConnection, SessionRecorder]:
    """A session with main, display and inputs, whose screen is red."""
    connection = server.connection()
    recorder = SessionRecorder(path, "win11", **options)
    recorder.open()
    recorder.follow(connection)
    await connection.connect_main_channel(5)
    await connection.open_channel(Type.DISPLAY, timeout=5)
    await connection.open_channel(Type.INPUTS, timeout=5)
    peer = await server.peer(Type.DISPLAY)
    peer.send(314, PRIMARY)
    peer.say(draw.DrawFill(EVERYWHERE, RED, 8, NO_MASK))
    peer.send(102)
    await speaking(connection.channels[Type.DISPLAY, 0]).expect("MARK", 5)
    return connection, recorder


def cut(path: Path) -> None:
    """As a kill leaves it."""
    path.write_bytes(path.read_bytes()[: -40 if path.suffix == ".gz" else -20])


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "at its own pace"])
async def test_a_replayed_session_ends_with_the_same_picture(server: SpiceServer, file: Path, fast: bool) -> None:
    connection, recorder = await recorded(server, file)
    await connection.close()
    recorder.close()
    recording = await asyncio.to_thread(Recording.read, file)
    assert [each.name for each in recording.openings] == ["main:0", "display:0", "inputs:0"]
    assert {each.ended_by for each in recording.openings} == {EndedBy.US}
    result = await replay(recording, 10, fast=fast)
    assert [(each.received, each.failure) for each in result.channels] == [
        (each.recorded, "") for each in result.channels
    ]
    assert sum(each.received for each in result.channels) == recording.messages >= 8
    assert result.screen is not None
    assert bytes(result.screen.data) == bytes.fromhex("0000ff00") * 8


async def test_its_own_pace_is_that_of_the_recording(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "slow.jsonl")
    pause, clock = 0.3, asyncio.get_running_loop().time
    await asyncio.sleep(pause)
    (await server.peer(Type.DISPLAY)).send(102)
    await speaking(connection.channels[Type.DISPLAY, 0]).expect("MARK", 5)
    await connection.close()
    recorder.close()
    recording = await asyncio.to_thread(Recording.read, recorder.path)
    assert recording.seconds >= pause
    began = clock()
    assert not (await replay(recording, 10)).failed
    assert clock() - began >= pause
    said = recording.openings[1].said
    said[-1] = replace(said[-1], time=said[-1].time + 60)
    with pytest.raises(DeadlineError, match=r"The replay of slow\.jsonl should end within 1 s .*display:0 3 of 4"):
        await replay(recording, 1)


async def test_what_this_client_could_not_take_fails_again_with_the_same_error(server: SpiceServer, file: Path) -> None:
    connection, recorder = await recorded(server, file)
    peer = await server.peer(Type.DISPLAY)
    peer.say(draw.DrawFill(geometry.DrawBase(9, geometry.Rect(0, 0, 2, 4), NO_CLIP), RED, 8, NO_MASK))
    screen = speaking(connection.channels[Type.DISPLAY, 0])
    with pytest.raises(ChannelError) as told:
        await screen.wait_until(lambda: False, 5, "end")
    await connection.close()
    recorder.close()
    recording = await asyncio.to_thread(Recording.read, file)
    assert recording.openings[1].ended_by is EndedBy.MESSAGE
    (failed,) = (await replay(recording, 10, fast=True)).failed
    assert "Field 'base.surface_id' of the SPICE message DRAW_FILL" in str(told.value)
    assert failed.failure.replace("of VM 'replay'", "of VM 'win11'") == str(told.value)


async def test_a_size_that_lies_is_recorded_and_fails_again(server: SpiceServer, file: Path) -> None:
    connection, recorder = await recorded(server, file)
    (await server.peer(Type.DISPLAY)).send(102, b"", size=0x7FFFFFFF)
    with pytest.raises(ChannelError, match="says 2147483647 bytes"):
        await speaking(connection.channels[Type.DISPLAY, 0]).wait_until(lambda: False, 5, "end")
    await connection.close()
    recorder.close()
    (failed,) = (await replay(await asyncio.to_thread(Recording.read, file), 10, fast=True)).failed
    assert "says 2147483647 bytes" in failed.failure


@pytest.mark.parametrize("fast", [True, False])
async def test_a_connection_that_the_server_ended_ends_again_and_is_no_failure(
    server: SpiceServer, tmp_path: Path, fast: bool
) -> None:
    connection, recorder = await recorded(server, tmp_path / "kicked.jsonl")
    for type in (Type.MAIN, Type.INPUTS):
        speaker = speaking(connection.channels[type, 0])
        (await server.peer(type)).writer.close()
        with pytest.raises(ChannelError, match="the server closed it"):
            await speaker.wait_until(lambda: False, 5, "end")
    recorder.close()
    await connection.close()
    recording = await asyncio.to_thread(Recording.read, recorder.path)
    assert [each.ended_by for each in recording.openings] == [EndedBy.CONNECTION, None, EndedBy.CONNECTION]
    assert not (await replay(recording, 10, fast=fast)).failed


async def test_a_channel_that_was_opened_twice_is_replayed_twice(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "twice.jsonl")
    await connection.reconnect_channel(Type.INPUTS, timeout=5)
    await connection.close()
    recorder.close()
    result = await replay(await asyncio.to_thread(Recording.read, recorder.path), 10, fast=True)
    assert [(each.opening.name, each.received) for each in result.channels][2:] == [("inputs:0", 1), ("inputs:0", 1)]
    assert not result.failed


async def test_no_key_no_clipboard_and_no_known_secret_is_in_the_file(tmp_path: Path) -> None:
    word = Secret("hunter2-the-secret")
    async with spice_server() as server:
        server.behaviour.ticket = word.reveal()
        plain = server.connection(word.reveal())
        recorder = SessionRecorder(tmp_path / "secret.jsonl", "hunter2-the-secret")
        recorder.open()
        recorder.follow(plain)
        await plain.connect_main_channel(5)
        keys = speaking(await plain.open_channel(Type.INPUTS, timeout=5))
        await keys.send(inputs.KeyDown(0x5A5A), 5)
        main_channel = speaking(plain.channels[Type.MAIN, 0])
        await main_channel.send(main.ClientAgentData(word.reveal().encode("utf-16-le")), 5)
        peer = await server.peer(Type.MAIN)
        peer.say(main.AgentData(word.reveal().encode()))
        peer.say(main.Name(40, word.reveal().encode() + bytes(22)))
        await main_channel.wait_until(
            lambda: main_channel.conversation.wire.statistics.by_name["NAME"] == 2, 5, "hear the name"
        )
        await plain.close()
        recorder.close()
    lines = [json.loads(line) for line in recorder.path.read_text(encoding="utf-8").splitlines()]
    bodies = b"".join(base64.b64decode(line.get("body", "")) for line in lines)
    for spelled in (word.reveal().encode(), word.reveal().encode("utf-16-le"), struct.pack("<I", 0x5A5A)):
        assert spelled not in bodies
    assert word.reveal() not in recorder.path.read_text(encoding="utf-8")
    assert b"*" * len(word.reveal()) in bodies, "the name is there, masked, and as long as before"
    told = {(line["name"], line["from"]): line for line in lines if "name" in line}
    assert told["KEY_DOWN", "client"].keys() >= {"size", "time"}
    assert "body" not in told["KEY_DOWN", "client"]
    assert "body" not in told["AGENT_DATA", "server"]


async def test_the_agent_s_data_is_there_where_it_was_asked_for(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "agent.jsonl", keeps_agent_data=True)
    (await server.peer(Type.MAIN)).say(main.AgentData(b"clipboard"))
    await speaking(connection.channels[Type.MAIN, 0]).expect("AGENT_DATA", 5)
    await connection.close()
    recorder.close()
    assert b"clipboard" in [said.body for said in Recording.read(recorder.path).openings[0].said]


async def test_a_recording_ends_at_its_limit_and_says_so(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "big.jsonl", limit=100_000)
    (await server.peer(Type.MAIN)).send(4, bytes(250_000))
    await speaking(connection.channels[Type.MAIN, 0]).expect("PING", 5)
    await connection.close()
    recorder.close()
    assert recorder.problem.endswith("ends here: it has 100000 bytes of messages")
    assert recorder.path.stat().st_size < 100_000
    assert Recording.read(recorder.path).messages >= 8


async def test_harm_that_was_done_is_in_the_recording(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "harmed.jsonl")
    faults = speaking(connection.channels[Type.MAIN, 0]).conversation.wire.seam.faults
    faults.append(Fault(Harm.TRUNCATE, Sender.SERVER, "MOUSE_MODE", keep=1))
    (await server.peer(Type.MAIN)).say(main.MouseMode(3, 2))
    with pytest.raises(ChannelError, match="MOUSE_MODE"):
        await speaking(connection.channels[Type.MAIN, 0]).wait_until(lambda: False, 5, "end")
    await connection.close()
    recorder.close()
    (failed,) = (await replay(Recording.read(recorder.path), 10, fast=True)).failed
    assert "Field 'supported' of the SPICE message MOUSE_MODE" in failed.failure
    assert any("<- MOUSE_MODE (4 bytes, truncate)" in line for line in described(recorder.path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "begins with schema None"),
        (b"{}\n", "begins with schema None, version None"),
        (b'{"schema": "atp.spice-recording", "version": 2}\n', "version 2"),
        (b'{"schema": "atp.spice-recording", "version": 1}\n', "should begin with its session's main channel"),
        (b'{"schema": "atp.spice-recording", "version": 1}\nnot json\n', "Line 2 of the recording"),
        (b'{"schema": "atp.spice-recording", "version": 1}\n[1]\n', "it is a list"),
        (b'{"schema": "atp.spice-recording", "version": 1}\n{"time": 1}\n', "Line 2 .* KeyError: 'channel'"),
        (b'{"schema": "atp.spice-recording", "version": 1}\n{"time": 1, "channel": "tv:0", "event": "linked"}\n', "KeyError"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_recording_is_said_with_its_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "none.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason):
        Recording.read(path)


async def test_a_recording_that_a_kill_has_cut_is_read_up_to_there(server: SpiceServer, file: Path) -> None:
    connection, recorder = await recorded(server, file)
    await connection.close()
    recorder.close()
    cut(file)
    recording = await asyncio.to_thread(Recording.read, file)
    assert recording.openings[0].type is Type.MAIN


async def test_a_recording_that_is_cut_anywhere_is_played_up_to_there(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "whole.jsonl")
    await connection.close()
    recorder.close()
    lines = recorder.path.read_bytes().splitlines(keepends=True)
    notes: dict[str, int] = {}
    for count in range(2, len(lines) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(b"".join(lines[:count]))
        result = await replay(await asyncio.to_thread(Recording.read, path), 5, fast=True)
        assert [(each.received, each.failure) for each in result.channels] == [
            (each.recorded, "") for each in result.channels
        ], f"{count} lines"
        for each in result.channels:
            notes[each.note] = notes.get(each.note, 0) + 1
    awaited = {note.removeprefix("the recording ends there, while ") for note in notes if note}
    assert awaited == {"INIT was awaited", "CHANNELS_LIST was awaited"}


async def test_the_command_says_where_a_recording_ends(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "whole.jsonl")
    await connection.close()
    recorder.close()
    path, lines = tmp_path / "cut.jsonl", recorder.path.read_bytes().splitlines(keepends=True)
    begun = next(at for at, line in enumerate(lines, 1) if b'"INIT"' in line)
    path.write_bytes(b"".join(lines[:begun]))
    played = await asyncio.to_thread(CliRunner().invoke, spice, ["replay", str(path)], catch_exceptions=False)
    assert played.exit_code == 0, played.output
    assert "main:0: took 1 of 1 messages: the recording ends there, while CHANNELS_LIST was awaited" in played.output
    path.write_bytes(b"".join(lines[:2]))
    played = await asyncio.to_thread(CliRunner().invoke, spice, ["replay", str(path)], catch_exceptions=False)
    assert played.exit_code == 1, played.output
    assert "main:0: took 0 of 0 messages: the recording ends there, while INIT was awaited" in played.output
    assert "Nothing was replayed" in played.output


async def test_the_command_shows_and_replays(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "a.jsonl")
    await connection.close()
    recorder.close()
    shown = CliRunner().invoke(spice, ["show", str(recorder.path)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "display:0    <- SURFACE_CREATE (20 bytes)" in shown.output
    picture = tmp_path / "screen.png"
    command = ["replay", str(recorder.path), "--fast", "--picture", str(picture)]
    played = await asyncio.to_thread(CliRunner().invoke, spice, command, catch_exceptions=False)
    assert played.exit_code == 0, played.output
    assert "display:0: took 3 of 3 messages" in played.output
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("type", "number", "keeps"),
    [(Type.MAIN, 109, False), (Type.MAIN, 109, True), (Type.SMARTCARD, 101, False), (Type.USBREDIR, 101, False),
     (Type.PORT, 101, False)],
)  # fmt: skip
async def test_what_a_channel_ends_within_is_recorded_as_its_messages_are(
    server: SpiceServer, tmp_path: Path, type: Type, number: int, keeps: bool
) -> None:
    is_told = keeps or type is Type.PORT
    connection, recorder = await recorded(server, tmp_path / "cut.jsonl", keeps_agent_data=keeps)
    channel = connection.channels[Type.MAIN, 0]
    if type is not Type.MAIN:
        channel = await connection.open_channel(type, timeout=5)
    peer = await server.peer(type)
    peer.send(number, b"my-password", size=2000)
    peer.writer.close()
    with pytest.raises(ChannelError, match=r"closed it within .* after 11 of its 2000 bytes"):
        await speaking(channel).wait_until(lambda: False, 5, "end")
    await connection.close()
    recorder.close()
    recording = await asyncio.to_thread(Recording.read, recorder.path)
    (opening,) = (each for each in recording.openings if each.type is type)
    assert len(opening.unread) == (17 if is_told else 6)
    assert (b"my-password" in opening.unread) is is_told
    assert not (await replay(recording, 10, fast=True)).failed


async def test_what_a_guest_says_to_usb_devices_is_not_recorded(server: SpiceServer, tmp_path: Path) -> None:
    connection, recorder = await recorded(server, tmp_path / "usb.jsonl")
    for type, sent in ((Type.USBREDIR, bytes(5)), (Type.PORT, b"hello")):
        speaker = speaking(await connection.open_channel(type, timeout=5))
        (await server.peer(type)).send(101, sent)
        await speaker.expect("DATA", 5, Sender.SERVER)
    await connection.close()
    recorder.close()
    said = {
        each.type: [said.body for said in each.said if said.number == 101]
        for each in (await asyncio.to_thread(Recording.read, recorder.path)).openings
    }
    assert said[Type.PORT] == [b"hello"]
    assert said[Type.USBREDIR] == []
