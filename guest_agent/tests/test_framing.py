"""How messages travel in a stream: whole, whatever pieces it comes in, and never more than 10 MiB of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from atp_guest_agent.lines import MAX_LINE
from atp_guest_agent.links import websocket
from atp_guest_agent.links.address import Address
from atp_guest_agent.links.framing import TOO_LARGE, Lengths, Lines
from atp_guest_agent.links.websocket import WebSocket, accept_of

pytestmark = pytest.mark.unit

MESSAGES = st.lists(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"])), max_size=8)


def pieces(data, draw):
    """The bytes, cut anywhere."""
    while data:
        size = draw(st.integers(1, len(data)))
        yield data[:size]
        data = data[size:]


def frame(opcode, payload=b"", *, fin=True, masked=False, reserved=0):
    """A frame as a server sends it, or as none should."""
    head = bytes((fin << 7 | reserved << 4 | opcode,))
    size = len(payload)
    length = (
        bytes((size,))
        if size < 126
        else b"\x7e" + size.to_bytes(2, "big")
        if size < 65536
        else b"\x7f" + size.to_bytes(8, "big")
    )
    return head + bytes((length[0] | masked << 7,)) + length[1:] + (bytes(4) if masked else b"") + payload


@given(MESSAGES, st.data())
def test_lines_and_lengths_come_out_as_they_went_in(texts, data):
    for framing in (Lines, Lengths):
        sender, receiver = framing(), framing()
        stream = b"".join(sender.frame(text.encode() + b"\n") for text in texts)
        found = [message for piece in pieces(stream, data.draw) for message in receiver.feed(piece)]
        assert found == [text.encode() for text in texts]
        assert receiver.end == ""


def test_a_message_over_10_mib_ends_the_stream_and_what_came_before_it_counts():
    lengths = Lengths()
    assert lengths.feed(b"\0\0\0\2{}" + (MAX_LINE + 1).to_bytes(4, "big")) == [b"{}"]
    assert lengths.end == TOO_LARGE
    lines = Lines()
    assert lines.feed(b"{}\n" + b"x" * (MAX_LINE + 1)) == [b"{}"]
    assert lines.end == TOO_LARGE


def test_10_mib_are_taken():
    message = b"x" * MAX_LINE
    assert Lengths().feed(len(message).to_bytes(4, "big") + message) == [message]
    assert Lines().feed(message + b"\n") == [message]
    assert opened().feed(frame(websocket.TEXT, message)) == [message]


# WebSocket: the other side is the `websockets` package's server, which does no I/O


class Server:
    """A server, and our side of the connection to it, upgraded."""

    def __init__(self, target="/"):
        self.ours = WebSocket(Address("ws://example.org:8765" + target))
        self.protocol = ServerProtocol(max_size=None)
        self.protocol.receive_data(self.ours.start())
        (self.request,) = self.protocol.events_received()
        self.protocol.send_response(self.protocol.accept(self.request))
        assert self.ours.feed(b"".join(self.protocol.data_to_send())) == []
        assert self.ours.is_ready

    def receive(self, data):
        """The frames that those bytes of ours are."""
        self.protocol.receive_data(data)
        assert self.protocol.parser_exc is None
        return self.protocol.events_received()


def opened():
    return Server().ours


def test_the_upgrade_asks_for_the_path_at_the_host():
    server = Server("/agents?vm=1")
    assert (server.request.path, server.request.headers["Host"]) == ("/agents?vm=1", "example.org:8765")


def test_the_key_is_answered_as_the_rfc_says():
    assert accept_of(b"dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3


@given(MESSAGES, st.data())
def test_what_we_send_a_server_understands(texts, data):
    server = Server()
    stream = b"".join(server.ours.frame(text.encode() + b"\n") for text in texts)
    frames = [each for piece in pieces(stream, data.draw) for each in server.receive(piece)]
    assert [(each.opcode, bytes(each.data)) for each in frames] == [(Opcode.TEXT, text.encode()) for text in texts]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300_000])
def test_messages_of_every_length_form_go_both_ways(size):
    server = Server()
    message = bytes(65 + index % 26 for index in range(size))
    (frame_of_ours,) = server.receive(server.ours.frame(message + b"\n"))
    assert bytes(frame_of_ours.data) == message
    server.protocol.send_text(message)
    assert server.ours.feed(b"".join(server.protocol.data_to_send())) == [message]


@given(MESSAGES, st.data())
def test_what_a_server_sends_in_fragments_with_pings_between_comes_whole(texts, data):
    server = Server()
    stream, pings = b"", []
    for text in texts:
        parts = list(pieces(text.encode(), data.draw)) or [b""]
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            stream += frame(websocket.CONTINUATION if number else websocket.TEXT, part, fin=is_last)
            if not is_last and data.draw(st.booleans()):
                pings.append(b"%d" % len(pings))
                stream += frame(websocket.PING, pings[-1])
    found = [message for piece in pieces(stream, data.draw) for message in server.ours.feed(piece)]
    assert found == [text.encode() for text in texts]
    assert [bytes(each.data) for each in server.receive(server.ours.answers)] == pings


def test_a_close_is_answered_with_its_code_and_what_came_before_it_counts():
    server = Server()
    server.protocol.send_text(b'{"type":"refused"}')
    server.protocol.send_close(1013, "try later")
    assert server.ours.feed(b"".join(server.protocol.data_to_send())) == [b'{"type":"refused"}']
    assert "1013 try later" in server.ours.end
    (answer,) = server.receive(server.ours.answers)
    assert (answer.opcode, answer.data[:2]) == (Opcode.CLOSE, (1013).to_bytes(2, "big"))


def test_our_farewell_is_a_close():
    server = Server()
    (last,) = server.receive(server.ours.farewell())
    assert (last.opcode, last.data) == (Opcode.CLOSE, (1001).to_bytes(2, "big"))
    assert server.ours.farewell() == b""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(websocket.TEXT, b"x", masked=True), 1002),
        (frame(websocket.TEXT, b"x", reserved=4), 1002),
        (frame(3, b"x"), 1002),
        (frame(11), 1002),
        (frame(websocket.PING, fin=False), 1002),
        (frame(websocket.PING, b"x" * 126), 1002),
        (frame(websocket.CONTINUATION, b"x"), 1002),
        (frame(websocket.TEXT, b"x", fin=False) + frame(websocket.TEXT, b"y"), 1002),
        (frame(websocket.TEXT, b"\xff"), 1007),
        (b"\x81\x7f" + (MAX_LINE + 1).to_bytes(8, "big"), 1009),
        (frame(websocket.TEXT, b"x", fin=False) + b"\x80\x7f" + MAX_LINE.to_bytes(8, "big"), 1009),
    ],
)
def test_a_server_that_breaks_the_rules_is_told_which_and_left(data, code):
    ours = opened()
    assert ours.feed(data) == []
    assert ours.end
    (last,) = Server().receive(ours.answers)
    assert last == Frame(Opcode.CLOSE, code.to_bytes(2, "big"))
    assert ours.feed(frame(websocket.TEXT, b"more")) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "doesn't accept"),
        (
            b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "doesn't accept",
        ),
        (b"x" * 20_000, "too long"),
    ],
)
def test_a_server_that_speaks_no_websocket_is_left(answer, why):
    ours = WebSocket(Address("ws://example.org"))
    ours.start()
    assert ours.feed(answer) == []
    assert why in ours.end
    assert not ours.is_ready


@given(st.binary(max_size=200), st.data())
def test_any_bytes_end_in_messages_or_in_an_end(noise, data):
    ours = opened()
    for piece in pieces(noise, data.draw):
        for message in ours.feed(piece):
            assert isinstance(message, bytes)
