"""The SPICE agent behind a server in this process: who is there, what it can, whose tokens are spent, and what breaks."""

from __future__ import annotations

import asyncio
import struct

import pytest
from tests.spice.agent import CAPS, GuestAgent, session
from tests.spice.server import spice_server

from ATPLibrary.protocol.screen.monitors import MonitorPlace
from ATPLibrary.protocol.spice.agent.agent import UNSENT_LIMIT, AgentState
from ATPLibrary.protocol.spice.agent.enums import AgentCap, ClipboardType, Selection
from ATPLibrary.protocol.spice.agent.talk import AgentTalk
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.errors import SpiceAgentError
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice_connection import SpiceChannelState

pytestmark = pytest.mark.unit
TEXT = ClipboardType.UTF8_TEXT


async def test_an_agent_that_is_there_is_started_and_both_say_what_they_can() -> None:
    async with session(caps=None) as both:
        assert both.agent.state is AgentState.STARTING
        assert await both.guest.peer.expect(106) == struct.pack("<I", 10)
        request, ours = struct.unpack("<II", await both.guest.hear(6))
        assert request == 1
        assert ours >> AgentCap.CLIPBOARD_GRAB_SERIAL & 1
        assert not ours >> AgentCap.AUDIO_VOLUME_SYNC & 1, "announced is only what is done"
        both.guest.announce()
        await both.talk.ready(5)
        assert both.agent.caps == CAPS
        assert await both.guest.hear(14) == struct.pack("<i", (16 << 20) - 64)
        told = next(event for event in both.server.bus.recent("vm:win11") if event.kind == "spice.agent.ready")
        assert "CLIPBOARD_BY_DEMAND" in told.data["capabilities"]


async def test_an_agent_that_asks_is_answered_without_asking_back() -> None:
    async with session() as both:
        both.guest.announce(request=True)
        assert struct.unpack("<II", await both.guest.hear(6))[0] == 0


@pytest.mark.parametrize("message", [(115, struct.pack("<I", 7), 7), (107, b"", 10)], ids=["with tokens", "without"])
async def test_a_late_agent_is_started_when_it_comes(message: tuple[int, bytes, int]) -> None:
    number, body, tokens = message
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        talk = AgentTalk(speaking(connection.channels[Type.MAIN, 0]))
        peer = await server.peer(Type.MAIN)
        waiting = asyncio.create_task(talk.ready(5))
        peer.send(number, body)
        guest = GuestAgent(peer, tokens)
        await guest.begin()
        await waiting
        assert talk.agent.tokens == tokens - 2
        await connection.close()


async def test_without_an_agent_the_error_says_so_and_what_to_look_at() -> None:
    async with spice_server() as server:
        connection = server.connection()
        await connection.connect_main_channel(5)
        talk = AgentTalk(speaking(connection.channels[Type.MAIN, 0]))
        wanted = r"should be connected within 0\.05 s but the server says that there is none\. .*spice-vdagentd"
        with pytest.raises(SpiceAgentError, match=wanted):
            await talk.ready(0.05)
        with pytest.raises(SpiceAgentError, match="there is none"):
            await talk.set_monitors([MonitorPlace(800, 600)], 5)
        await connection.close()


async def test_an_agent_that_says_nothing_is_told_apart() -> None:
    async with session(caps=None) as both:
        with pytest.raises(SpiceAgentError, match="has not said yet what it can"):
            await both.talk.ready(0.05)


async def test_an_agent_without_a_capability_is_named_with_those_that_it_has() -> None:
    async with session(caps=AgentCap.REPLY.bit | 1 << 30) as both:
        with pytest.raises(
            SpiceAgentError, match=r"be able to set monitors \(MONITORS_CONFIG\) but can only REPLY, bit 30"
        ):
            await both.talk.set_monitors([MonitorPlace(800, 600)], 5)
        with pytest.raises(SpiceAgentError, match="share a clipboard"):
            await both.talk.put(Selection.CLIPBOARD, {TEXT: b"x"}, 5)


async def test_nothing_is_sent_without_a_token_and_goes_on_with_the_next() -> None:
    async with session(tokens=3) as both:  # two are spent by then: capabilities and the limit of the clipboard
        waiting = asyncio.create_task(both.talk.set_monitors([MonitorPlace(640, 480)] * 300, 5))
        await both.pause()
        assert (both.agent.tokens, both.agent.statistics.token_stalls) == (0, 1)
        assert both.agent.unsent > 2048
        while not waiting.done():
            both.guest.give(1)
            await both.pause()
        assert len(await both.guest.hear(2)) == 8 + 300 * 20
        await waiting
        assert both.agent.statistics.token_stalls == 2  # GuestAgent.hear has seen no chunk without a token
        assert both.agent.statistics.chunks_sent == both.guest.spent


async def test_an_agent_that_gives_no_tokens_is_told_as_that_and_does_not_make_the_client_grow() -> None:
    async with session(tokens=2) as both:
        await both.talk.ready(5)
        with pytest.raises(Exception, match=r"should give tokens for CLIPBOARD_GRAB within 0\.05 s"):
            await both.talk.put(Selection.CLIPBOARD, {TEXT: bytes(15 << 20)}, 0.05)
        both.agent.clipboards.reset()
        both.agent.clipboards.ours[0] = {TEXT: bytes(15 << 20)}
        for _ in range(20):  # a guest that asks and takes nothing
            both.guest.say(8, struct.pack("<B3xI", 0, TEXT))
        await both.pause()
        assert both.agent.unsent < UNSENT_LIMIT
        assert both.agent.statistics.ignored["CLIPBOARD_REQUEST"] == 18
        assert both.connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED


async def test_each_five_chunks_of_the_agent_are_paid_with_new_tokens() -> None:
    async with session() as both:
        for _ in range(9):  # one chunk, its capabilities, has come before
            both.guest.say(3, struct.pack("<II", 2, 1))
        await both.pause()
        returned = [body for number, body in both.guest.peer.got if number == 108]
        assert returned == [struct.pack("<I", 5)] * 2
        assert both.agent.statistics.tokens_returned == 10
        assert both.agent.statistics.overdrawn == 0


async def test_withheld_tokens_are_counted_and_given_when_they_are_let_go() -> None:
    async with session() as both:
        assert await both.talk.withhold_tokens(True, 5) == 1
        for _ in range(11):
            both.guest.say(3, struct.pack("<II", 2, 1))
        await both.pause()
        assert not [number for number, _ in both.guest.peer.got if number == 108]
        assert (both.agent.statistics.tokens_withheld, both.agent.statistics.overdrawn) == (10, 2)
        assert await both.talk.withhold_tokens(False, 5) == 10
        assert await both.guest.peer.expect(108) == struct.pack("<I", 10)


async def test_an_agent_that_goes_is_told_and_what_waited_for_it_ends() -> None:
    async with session() as both:
        both.guest.say(7, struct.pack("<B3xII", 0, 0, TEXT))
        await both.pause()
        waiting = asyncio.create_task(both.talk.get(Selection.CLIPBOARD, TEXT, 5))
        await both.guest.hear(8)
        both.guest.peer.send(108, struct.pack("<I", 0))
        with pytest.raises(SpiceAgentError, match="the server says that there is none"):
            await waiting
        assert both.agent.caps == 0
        assert both.agent.clipboards.guest == {}
        assert any(event.kind == "spice.agent.disconnected" for event in both.server.bus.recent("vm:win11"))


async def test_one_that_goes_and_comes_at_once_ends_what_waited_for_the_first() -> None:
    async with session() as both:
        both.guest.say(7, struct.pack("<B3xII", 0, 0, TEXT))
        await both.pause()
        waiting = asyncio.create_task(both.talk.get(Selection.CLIPBOARD, TEXT, 5))
        await both.guest.hear(8)
        both.guest.peer.send(108, struct.pack("<I", 0))
        both.guest.peer.send(115, struct.pack("<I", 10))
        both.guest.announce()
        with pytest.raises(SpiceAgentError, match="another one came"):
            await waiting


async def test_nonsense_ends_the_agent_only_and_the_next_one_is_taken() -> None:
    async with session() as both:
        both.guest.say(4, b"", size=2**32 - 1)
        await both.until(AgentState.FAILED)
        with pytest.raises(
            SpiceAgentError, match=r"has failed: Field 'size' of the SPICE message CLIPBOARD on the agent's stream"
        ):
            await both.talk.ready(5)
        both.guest.say(3, struct.pack("<II", 2, 1))
        await both.pause()
        assert both.agent.statistics.ignored["AGENT_DATA"] == 1
        assert both.connection.channels[Type.MAIN, 0].state is SpiceChannelState.LINKED
        warnings = [event.kind for event in both.server.bus.take_notices() if event.is_warning]
        assert warnings == ["spice.agent.failed"]
        both.guest.peer.send(115, struct.pack("<I", 10))
        await GuestAgent(both.guest.peer, 10).begin()
        await both.talk.ready(5)


@pytest.mark.parametrize(
    ("number", "body", "field"),
    [(6, bytes(5), "words"), (7, struct.pack("<B3xI", 0, 0) + b"\1", "types"), (8, bytes(4), "type"), (11, b"\1\0\0\0", "result")],
)  # fmt: skip
async def test_a_message_that_can_not_be_is_told_by_its_field(number: int, body: bytes, field: str) -> None:
    async with session() as both:
        both.guest.say(number, body)
        await both.until(AgentState.FAILED)
        assert f"Field '{field}'" in both.agent.failure


async def test_volume_and_graphics_are_ignored_and_counted_and_an_unknown_message_is_warned_of_once() -> None:
    async with session() as both:
        both.guest.say(15, b"\1\0\1\0\x80")
        both.guest.say(16, struct.pack("<I", 0))
        both.guest.say(77, b"?")
        both.guest.say(77, b"?")
        both.guest.say(0xDEADBEEF, b"?")
        await both.pause()
        assert both.agent.statistics.as_dict()["ignored"] == {
            "AUDIO_VOLUME_SYNC": 1, "GRAPHICS_DEVICE_INFO": 1, "unknown": 3,
        }  # fmt: skip
        warnings = [event.kind for event in both.server.bus.take_notices() if event.is_warning]
        assert warnings == ["spice.agent.unknown-message"]
        assert both.agent.statistics.by_name["unknown"] == 3


async def test_an_answer_to_what_there_is_not_is_told_and_not_kept() -> None:
    async with session() as both:
        for number in (2, 77, 0xDEADBEEF):
            both.guest.say(3, struct.pack("<II", number, 1))
        await both.pause()
        assert list(both.agent.replies) == [2]


async def test_what_comes_before_the_capabilities_was_meant_for_another_client() -> None:
    async with session(caps=None) as both:
        await both.guest.peer.expect(106)
        await both.guest.hear(6)
        both.guest.say(7, b"?")
        both.guest.announce()
        await both.talk.ready(5)
        assert both.agent.statistics.ignored == {"CLIPBOARD_GRAB": 1}


async def test_monitors_are_asked_for_with_their_places() -> None:
    async with session() as both:
        await both.talk.set_monitors([MonitorPlace(1024, 768), MonitorPlace(800, 600, 1024, -8)], 5)
        first = struct.pack("<IIIii", 768, 1024, 32, 0, 0)
        assert await both.guest.hear(2) == struct.pack("<II", 2, 1) + first + struct.pack(
            "<IIIii", 600, 800, 32, 1024, -8
        )
        assert both.talk.reply_about_monitors() == "the agent has not replied"
        both.guest.say(3, struct.pack("<II", 2, 2))
        await both.pause()
        assert both.talk.reply_about_monitors() == "the agent replied error 2"


async def test_an_agent_that_knows_no_places_is_not_given_any() -> None:
    async with session(caps=AgentCap.MONITORS_CONFIG.bit) as both:
        await both.talk.set_monitors([MonitorPlace(640, 480)], 5)
        assert (await both.guest.hear(2))[:8] == struct.pack("<II", 1, 0)


async def test_the_channel_s_end_is_told_to_who_waits_for_the_agent() -> None:
    async with session(caps=None) as both:
        waiting = asyncio.create_task(both.talk.ready(5))
        await both.pause()
        both.guest.peer.writer.close()
        with pytest.raises(Exception, match="the server closed it"):
            await waiting
