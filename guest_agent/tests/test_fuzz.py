"""Whatever comes in on its port, the agent goes on: no crash, bounded memory, a state that there is, and the next answer."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_world import World
from atp_guest_agent.expectations import MAX_OPEN
from atp_guest_agent.jsontext import MAX_DEPTH, dump, parse
from atp_guest_agent.links.address import Address
from atp_guest_agent.links.chooser import QUEUE_LIMIT
from atp_guest_agent.links.framing import Lengths, Lines
from atp_guest_agent.links.websocket import WebSocket
from atp_guest_agent.session import Session

EXAMPLES, DEEP_EXAMPLES = 60, 5000
GUIDED_SECONDS = 60
READ_AHEAD = 64 * 1024  # bytes of requests that are answered beyond a full queue
# The longest answer to the shortest question, a hello of 30 bytes with the devices of this world: some 1,000 bytes.
LARGEST_QUEUE = QUEUE_LIMIT + READ_AHEAD * 60
MIB = 1024 * 1024

NAMES = (
    *("nonce", "protocol", "watch", "id", "enabled", "event_id", "event", "timeout_ms", "type", "action", "key"),
    *("timestamp", "metadata", "x", "y", "dx", "dy", "delta", "horizontal", "tolerance"),
)
KINDS = ("hello", "ping", "watch", "state", "grab", "expect", "cancel", "refused", "?", "")
WORDS = (
    "keyboard",
    "mouse",
    "keydown",
    "keypress",
    "move",
    "wheel",
    "click",
    "a",
    "left",
    "KEY_ENTER",
    "n1",
    "\ud800",
    "é" * 300,
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**63), 10**63)
    | st.floats()
    | st.sampled_from([0, 1, -1, 2**31, 2**63, 10**15, 1e308, 30])
    | st.sampled_from(WORDS)
    | st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=10,
)
# Right in its shape, and wrong in one field or many.
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["keyboard", "mouse"]) | VALUES,
        "action": st.sampled_from(["keydown", "keypress", "move", "wheel", "click"]) | VALUES,
        "key": st.sampled_from(["a", "left", 30]) | VALUES,
        "timestamp": VALUES,
        "metadata": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4) | VALUES,
    },
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | VALUES},
    optional={
        **dict.fromkeys(sorted(set(NAMES) - {"type"}), VALUES),
        "event": EVENTS,
        "event_id": st.sampled_from("abc") | VALUES,
    },
)
RAW = st.sampled_from(
    [
        *(
            b"{",
            b"}",
            b"[" * 40 + b"]" * 40,
            b"[" * 100_000,
            b'{"type":"ping","id":1e999}',
            b'{"type":"ping","id":NaN}',
        ),
        *(
            b'{"type":"ping","id":Infinity}',
            b'{"type":"ping","type":"state","id":1,"id":2}',
            b'"\\ud800\\ud800"',
            b"\xff\xfe",
        ),
        *(
            b'{"type":"ping","id":' + b"9" * 5000 + b"}",
            b"\0" * 100,
            b'{"type":"hello","nonce":"' + b"n" * 100_000 + b'"}',
        ),
        *(b'{"type":"expect","event_id":"' + b"e" * 100_000 + b'"}', b"0," * 50_000, b"[" + b"0," * 50_000 + b"0]"),
    ]
)
LINES = st.one_of(MESSAGES.map(lambda message: json.dumps(message).encode()), RAW, st.binary(max_size=60))


def survives(lines, chunk):
    """An agent that has been sent those lines, in chunks of that size, goes on as if nothing had been."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        try:
            world.start().greet()
            session, links = world.agent._session, world.agent._links
            data = b"\n".join(lines) + b"\n"
            for at in range(0, len(data), chunk):
                world.host.send_bytes(data[at : at + chunk])
                assert session.state in (Session.SILENT, Session.OPEN)
                assert len(session._waited_for) <= MAX_OPEN
                assert links.queued <= LARGEST_QUEUE
            world.device().key(30, 1)
            world.host.send({"type": "ping", "id": 4711})
            said = []
            while not said or said[-1].get("id") != 4711 or said[-1]["type"] != "pong":
                said.append(world.host.receive())
            assert not [each for each in said if "in the agent" in str(each.get("message"))]
            world.greet(nonce="anew")
            assert len(session._waited_for) == 0
            log = world.log_path.read_text() if world.log_path.exists() else ""
            assert "Error" not in log, log
        finally:
            world.close()


@pytest.mark.unit
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(LINES, max_size=12), st.sampled_from([7, 1000, 65536]))
def test_it_survives_whatever_the_host_says(lines, chunk):
    survives(lines, chunk if sum(map(len, lines)) < 2000 else 65536)


@pytest.mark.deep
@pytest.mark.timeout(3600)
@settings(max_examples=DEEP_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(LINES, max_size=40), st.sampled_from([1, 7, 1000, 65536]))
def test_it_survives_whatever_the_host_says_for_long(lines, chunk):
    survives(lines, chunk if sum(map(len, lines)) < 2000 else 65536)


@pytest.mark.unit
@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(st.binary(max_size=200) | st.lists(st.sampled_from([*b'{}[]",:\\u0d8e+-.19 ']), max_size=80).map(bytes))
def test_any_text_is_a_value_or_a_value_error_and_what_was_read_can_be_written(data):
    try:
        value = parse(data.decode("utf-8"))
    except ValueError:
        return
    assert (
        json.loads(dump(value)) == value or "e" in data.decode().lower()
    )  # 1e999 is read as infinity and written as null


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_bytes_that_are_made_up_by_what_they_reach(tmp_path):
    pytest.importorskip("atheris", reason="atheris isn't installed: pip install -e '.[fuzz]'")
    script = Path(__file__).with_name("coverage_guided.py")
    command = [sys.executable, str(script), f"-max_total_time={GUIDED_SECONDS}", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GUIDED_SECONDS + 120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr


@pytest.mark.unit
def test_nesting_is_bounded_before_python_minds():
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = "0" if opening != "[" else ""
        assert parse(opening * MAX_DEPTH + inner + closing * MAX_DEPTH)
        with pytest.raises(ValueError, match="nested too deep"):
            parse(opening * (MAX_DEPTH + 1) + inner + closing * (MAX_DEPTH + 1))


@pytest.mark.unit
@pytest.mark.parametrize(
    "question", [b'{"type":"hello","nonce":""}', b'{"type":"state","id":1}', b'{"type":"?"}', b"0"]
)
def test_a_host_that_asks_and_never_reads_does_not_fill_the_memory(tmp_path, question):
    world = World(tmp_path)
    world.start().greet()
    questions = (question + b"\n") * 500
    tracemalloc.start()
    try:
        for _ in range(40):
            with contextlib.suppress(BlockingIOError):
                world.host.stream.send(questions)
            world.agent.turn(0)
        assert tracemalloc.get_traced_memory()[1] < 12 * MIB
        assert world.agent._links.queued <= LARGEST_QUEUE
    finally:
        tracemalloc.stop()
        world.close()


def framed(framing, data, chunk):
    """Feed it all that; what it keeps is bounded by what it has been fed, and by a message and a chunk."""
    size = 0
    for at in range(0, len(data), chunk):
        found = framing.feed(data[at : at + chunk])
        size += sum(len(message) for message in found if message is not None)
        assert size <= len(data)
        assert len(framing.answers) <= 2 * chunk + 200
        framing.answers = b""
        if framing.end:
            return


FRAMES = (
    *(b"\x81\x02{}", b"\x01\x01{", b"\x80\x01}", b"\x89\x00", b"\x89\x7e\x00\x80", b"\x88\x02\x03\xe8", b"\xc1\x00"),
    *(
        b"\x81\x02\xc3\x28",
        b"\x82\x7f" + b"\xff" * 8,
        b"\x81\x7e\x00\x03{ }",
        b"\x00\x00",
        b"\xff\xff\xff\xff",
        b"\n{}\n",
    ),
    *(b"\x00\x00\x00\x02{}", b"\x00\xa0\x00\x01", b"\x83\x00", b"\x80\x00", b"\x01\x00", b"\x00\x00\x00\x00"),
)
BYTES = st.binary(max_size=300) | st.lists(st.sampled_from(FRAMES), max_size=12).map(b"".join)


@pytest.mark.unit
@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(BYTES, st.sampled_from([1, 7, 4096]), st.sampled_from(["lines", "lengths", "websocket", "upgrade"]))
def test_any_bytes_of_a_service_are_messages_or_an_end(data, chunk, kind):
    if kind in ("websocket", "upgrade"):
        framing = WebSocket(Address("ws://127.0.0.1:1/"))
        assert framing.start()
        if kind == "websocket":
            framing.state = WebSocket.OPEN
    else:
        framing = {"lines": Lines, "lengths": Lengths}[kind]()
    framed(framing, data, chunk)
    assert kind != "upgrade" or not framing.is_ready
