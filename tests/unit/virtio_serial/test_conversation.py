"""Messages over a real socket, with a guest's program that is slow, late, gone or wrong."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, CommandError, DeadlineError, InputError
from ATPLibrary.protocol.virtio_serial import CODECS, Conversation, ConversationState
from ATPLibrary.transport import socket_channel

pytestmark = pytest.mark.unit


class Program:
    """The guest's end of the channel."""

    def __init__(self) -> None:
        self.ends: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    async def line(self) -> Any:
        return json.loads(await asyncio.wait_for((await self.ends)[0].readline(), 5))

    async def say(self, *messages: Any) -> None:
        await self.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    async def write(self, data: bytes) -> None:
        writer = (await self.ends)[1]
        writer.write(data)
        await asyncio.wait_for(writer.drain(), 5)

    async def leave(self) -> None:
        (await self.ends)[1].close()


Talk = Callable[..., Awaitable[tuple[Conversation, Program]]]


@pytest_asyncio.fixture
async def talk() -> AsyncIterator[Talk]:
    """Call it with a codec's name and options: a conversation, and the program at its other end."""
    directory = Path(tempfile.mkdtemp(prefix="atp-talk-"))
    made: list[tuple[Conversation, Program, asyncio.Server]] = []

    async def start(codec: str = "json", **options: Any) -> tuple[Conversation, Program]:
        program = Program()
        path = directory / str(len(made))
        server = await asyncio.start_unix_server(lambda *ends: program.ends.set_result(ends), path, limit=1024)
        channel = await socket_channel(path, 5)
        conversation = Conversation("channel 'c' of VM 'win11'", channel, CODECS.create(codec, **options), codec)
        made.append((conversation, program, server))
        return conversation, program

    yield start
    for conversation, program, server in made:
        await conversation.close()
        (await program.ends)[1].transport.abort()
        server.close()
    shutil.rmtree(directory)


async def test_a_request_gets_its_answer(talk: Talk) -> None:
    conversation, program = await talk()
    asking = asyncio.create_task(conversation.request({"list": "/"}, 5))
    assert await program.line() == {"data": {"list": "/"}}
    await program.say({"result": ["bin", "etc"]})
    assert await asking == ["bin", "etc"]


async def test_messages_that_came_together_are_received_one_by_one(talk: Talk) -> None:
    conversation, program = await talk("lines")
    await program.write(b"one\ntwo\nthr")
    assert [await conversation.receive(5), await conversation.receive(5)] == ["one", "two"]
    with pytest.raises(
        DeadlineError, match=r"bring a message within 0.05 s .* 3 bytes of an unfinished message: b'thr'"
    ):
        await conversation.receive(0.05)
    await program.write(b"ee\n")
    assert await conversation.receive(5) == "three"


async def test_a_cancelled_receive_loses_nothing(talk: Talk) -> None:
    conversation, program = await talk("length")
    for number in range(20):
        message = b"message %d" % number
        await program.write(len(message).to_bytes(4, "big") + message[:3])
        receiving = asyncio.create_task(conversation.receive(5))
        await asyncio.sleep(0)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        await program.write(message[3:])
        assert await conversation.receive(5) == message


async def test_the_guest_s_refusal_is_an_error_and_the_conversation_goes_on(talk: Talk) -> None:
    conversation, program = await talk()
    await program.say({"error": "no such file"}, {"result": 2})
    with pytest.raises(CommandError, match=r"channel 'c' of VM 'win11' should answer but refused: no such file"):
        await conversation.request(1, 5)
    assert await conversation.request(2, 5) == 2


async def test_bad_json_is_said_and_the_next_message_is_received(talk: Talk) -> None:
    conversation, program = await talk()
    await program.write(b'oops\n{"result": 1}\n')
    with pytest.raises(ChannelError, match=r"A message of channel 'c' of VM 'win11' should be JSON but is not"):
        await conversation.receive(5)
    assert await conversation.receive(5) == 1


async def test_half_a_message_at_the_close_is_said_each_time(talk: Talk) -> None:
    conversation, program = await talk("length")
    await program.write(b"\x00\x00\x00\x0ahalf")
    await program.leave()
    for _ in range(2):
        with pytest.raises(ChannelError, match=r"last message of channel 'c' .* in the middle of it, after 8 bytes"):
            await conversation.receive(5)
    assert conversation.state is ConversationState.ENDED


async def test_what_came_before_the_close_is_still_received(talk: Talk) -> None:
    conversation, program = await talk("lines")
    await program.write(b"last words\n")
    await program.leave()
    assert await conversation.receive(5) == "last words"
    with pytest.raises(ChannelError, match="closed by the other side"):
        await conversation.receive(5)


async def test_a_late_answer_is_never_taken_for_another_s(talk: Talk) -> None:
    conversation, program = await talk()
    with pytest.raises(DeadlineError, match=r"should answer within 0.05 s"):
        await conversation.request("slow", 0.05)
    await program.say({"result": "the answer to slow"})
    with pytest.raises(ChannelError, match=r"the answer to an earlier one .*slow.* may still come"):
        await conversation.request("quick", 5)


async def test_with_ids_a_late_answer_is_told_apart_and_other_messages_are_kept(talk: Talk) -> None:
    conversation, program = await talk(id_field="id")
    with pytest.raises(DeadlineError):
        await conversation.request("slow", 0.05)
    asking = asyncio.create_task(conversation.request("quick", 5))
    assert [(await program.line())["id"], (await program.line())["id"]] == [1, 2]
    await program.say({"result": "slow", "id": 1}, {"result": "news"}, {"result": "quick", "id": 2})
    assert await asking == "quick"
    assert await conversation.receive(5) == "news"


async def test_a_flood_beside_an_answer_is_refused_not_kept(talk: Talk) -> None:
    conversation, program = await talk(id_field="id", limit=1000)
    asking = asyncio.create_task(conversation.request("x", 5))
    await program.write(b'{"result": "news"}\n' * 200)
    with pytest.raises(ChannelError, match=r"other messages .* that nobody has received"):
        await asking
    assert await conversation.receive(5) == "news"


async def test_a_program_that_does_not_read_holds_the_sender_up_to_its_deadline(talk: Talk) -> None:
    conversation, _ = await talk("length")
    with pytest.raises(DeadlineError, match=r"take 9000004 bytes within 0.1 s but did not read them"):
        await conversation.send(bytes(9_000_000), 0.1)
    assert conversation.state is ConversationState.HALF_SENT
    with pytest.raises(ChannelError, match="an earlier one went out only in part"):
        await conversation.send(b"more", 5)


async def test_a_message_that_can_not_be_sent_leaves_the_conversation_as_it_was(talk: Talk) -> None:
    conversation, program = await talk("lines")
    with pytest.raises(InputError):
        await conversation.send("two\nlines", 5)
    await conversation.send('"one"', 5)
    assert await program.line() == "one"


async def test_a_reader_that_does_not_read_holds_the_program_up(talk: Talk) -> None:
    conversation, program = await talk("lines")
    writer = (await program.ends)[1]
    writer.write(b"line\n" * 10_000_000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.2)
    assert await conversation.receive(5) == "line"
    # What was read for that one line is a piece; the rest waits in the program.
    assert len(conversation.codec.buffer) <= 64 * 1024
    assert writer.transport.get_write_buffer_size() > 40_000_000


async def test_bytes_until_an_ending_leave_the_rest_and_are_bounded(talk: Talk) -> None:
    conversation, program = await talk("raw", limit=100)
    await program.write(b"login: ")
    assert await conversation.receive_until(b": ", 5) == b"login: "
    await program.write(b"a$ b")
    assert await conversation.receive_until(b"$ ", 5) == b"a$ "
    assert await conversation.receive(5) == b"b"
    await program.write(bytes(500))
    with pytest.raises(ChannelError, match=r"bring b'\$' within 100 bytes but brought 500 bytes without it"):
        await conversation.receive_until(b"$", 5)


async def test_a_closed_conversation_says_so(talk: Talk) -> None:
    conversation, _ = await talk()
    await conversation.close()
    await conversation.close()
    with pytest.raises(ChannelError, match="closed"):
        await conversation.send(1, 5)
