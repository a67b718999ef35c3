"""What becomes of an open channel whose bytes have ended. The guest's end is a real socket here."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.channels import Channels
from ATPLibrary.protocol.virtio_serial import CODECS, Codec, Conversation
from ATPLibrary.transport import ByteChannel, socket_channel

pytestmark = pytest.mark.unit

NAME = "com.example.test"
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Guest:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.ends: asyncio.Queue[Ends] = asyncio.Queue()
        self.channels = Channels("win11", self._open)

    async def _open(self, name: str, timeout: float) -> ByteChannel:
        assert name == NAME
        return await socket_channel(self.path, timeout)

    async def accepted(self) -> Ends:
        return await asyncio.wait_for(self.ends.get(), 5)


@pytest_asyncio.fixture
async def guest() -> AsyncIterator[Guest]:
    with tempfile.TemporaryDirectory(prefix="atp-channels-") as directory:
        guest = Guest(Path(directory) / "port")
        server = await asyncio.start_unix_server(lambda *ends: guest.ends.put_nowait(ends), guest.path)
        yield guest
        for conversation in guest.channels.take_all():
            await conversation.close()
        server.close()


def make() -> Codec:
    return CODECS.create("json", response_field="", id_field="")


async def lose(writer: asyncio.StreamWriter, conversation: Conversation) -> None:
    """The transport ends, and this side has seen it."""
    writer.close()
    async with asyncio.timeout(5):
        while not conversation._channel.is_over:  # noqa: ASYNC110 - the reader has no event
            await asyncio.sleep(0)


async def test_an_idle_channel_whose_transport_was_lost_is_opened_again_with_its_codec(guest: Guest) -> None:
    first = await guest.channels.open(NAME, "json", make, 5)
    await lose((await guest.accepted())[1], first)
    again = await guest.channels.get(NAME, 5)
    assert again is not first
    assert again.codec_name == "json"
    answering = asyncio.create_task(again.request({"list": "/"}, 5))
    reader, writer = await guest.accepted()
    assert await asyncio.wait_for(reader.readline(), 5) == b'{"data":{"list":"/"}}\n'
    writer.write(b'{"files": 3}\n')
    assert await answering == {"files": 3}
    assert await guest.channels.get(NAME, 5) is again


async def test_a_request_whose_answer_was_lost_fails_once(guest: Guest) -> None:
    first = await guest.channels.open(NAME, "json", make, 5)
    asking = asyncio.create_task(first.request({"list": "/"}, 5))
    reader, writer = await guest.accepted()
    await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    with pytest.raises(ChannelError, match="ended: closed by the other side"):
        await asking
    assert await guest.channels.get(NAME, 5) is not first


async def test_an_answer_that_was_asked_for_by_sending_is_told_to_be_lost(guest: Guest) -> None:
    first = await guest.channels.open(NAME, "json", make, 5)
    await first.send({"list": "/"}, 5)
    await lose((await guest.accepted())[1], first)
    assert await guest.channels.get(NAME, 5) is first
    with pytest.raises(ChannelError, match="ended: closed by the other side"):
        await first.receive(5)
    assert await guest.channels.get(NAME, 5) is not first


async def test_what_had_arrived_is_received_before_the_channel_is_opened_again(guest: Guest) -> None:
    first = await guest.channels.open(NAME, "json", make, 5)
    _, writer = await guest.accepted()
    writer.write(b'{"event": 1}\n')
    writer.close()
    assert await (await guest.channels.get(NAME, 5)).receive(5) == {"event": 1}
    await lose(writer, first)
    assert await guest.channels.get(NAME, 5) is not first


async def test_messages_that_came_beside_an_answer_outlive_the_loss(guest: Guest) -> None:
    def matching() -> Codec:
        return CODECS.create("json", response_field="", id_field="id")

    first = await guest.channels.open(NAME, "json", matching, 5)
    asking = asyncio.create_task(first.request({"list": "/"}, 5))
    reader, writer = await guest.accepted()
    await asyncio.wait_for(reader.readline(), 5)
    writer.write(b'{"event": 1}\n')
    writer.close()
    with pytest.raises(ChannelError):
        await asking
    again = await guest.channels.get(NAME, 5)
    assert again is not first
    assert await again.receive(5) == {"event": 1}


async def test_one_that_a_tester_closed_is_opened_with_codec_raw(guest: Guest) -> None:
    await guest.channels.open(NAME, "json", make, 5)
    await guest.channels.close(NAME)
    assert guest.channels.names == []
    assert (await guest.channels.get(NAME, 5)).codec_name == "raw"
