"""An agent that sends nonsense of the right type: one sentence each, and the session carries on."""

from __future__ import annotations

import asyncio
import gc
import json
import string
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ATPLibrary.errors import AgentError
from ATPLibrary.verifier import AgentSession, Observation, ObserverOverrun, SessionState
from ATPLibrary.verifier.fields import MOST_DEVICES
from ATPLibrary.verifier.remarks import KEPT

from .faulty_guest import KEYBOARD, FaultyGuest

pytestmark = pytest.mark.integration

A = 30
TYPES = ("hello", "pong", "state", "watching", "result", "error", "bye", "observations", "overrun", "devices", "?")
FIELDS = (
    *(
        "nonce",
        "protocol",
        "id",
        "event_id",
        "about",
        "message",
        "seq",
        "next_seq",
        "events",
        "device",
        "held",
        "dropped",
    ),
    *(
        "devices",
        "added",
        "removed",
        "received_us",
        "sent_us",
        "verified",
        "details",
        "token",
        "capabilities",
        "reason",
    ),
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.sampled_from([10**30, -(10**400), 1e308, float("inf"), float("nan"), "\ud800", "ping", "expect", "x" * 9000])
    | st.text(string.printable, max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)
MESSAGES = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=6),
)


async def carries_on(guest: FaultyGuest, session: AgentSession) -> None:
    """The agent behaves again: the session answers, and observations come, at once or after it has greeted once more."""
    guest.instead.clear()
    async with asyncio.timeout(20):
        while True:
            try:
                await session.wait_ready(10)
                await session.ping(5)  # its answer stands behind whatever was said before
                break
            except AgentError:  # it is just greeting again, or opening the port
                await asyncio.sleep(0)
    assert session.state is SessionState.READY
    with session.observations.subscribe() as stream:
        guest._seq = session.next_seq or 0
        guest.observe(A, 1)
        async with asyncio.timeout(5):
            while not isinstance(await anext(stream), Observation):
                pass


@pytest.mark.parametrize(
    "pong",
    [
        {},
        {"received_us": None, "sent_us": 1},
        {"received_us": "1", "sent_us": 1},
        {"received_us": 10**400, "sent_us": 1},
        {"received_us": float("inf"), "sent_us": float("nan")},
    ],
)
async def test_a_pong_that_makes_no_sense_is_one_sentence_and_the_session_carries_on(
    guest: FaultyGuest, session: AgentSession, pong: dict[str, Any]
) -> None:
    await session.ping(5)
    guest.instead["ping"] = {"type": "pong", **pong}
    with pytest.raises(AgentError, match=r"'faulty' should send messages .* a 'pong' that can't be read"):
        await session.ping(5)
    await carries_on(guest, session)


@pytest.mark.parametrize("name", [[], {}, ["a"], None, "one", 1.5])
@pytest.mark.parametrize("kind", ["pong", "state", "result", "error"])
async def test_an_answer_to_no_question_that_there_could_be_is_skipped_and_told(
    guest: FaultyGuest, session: AgentSession, kind: str, name: Any
) -> None:
    guest.tell(type=kind, about="state", id=name, event_id=name)
    await carries_on(guest, session)
    assert guest.hellos == 1


@pytest.mark.parametrize("held", [None, 5, "ab", [1], [[1, 2, 3]], [[[], {}]], [[float("inf"), 1]], {"a": 1}])
async def test_a_state_that_makes_no_sense_is_one_sentence(
    guest: FaultyGuest, session: AgentSession, held: Any
) -> None:
    guest.instead["state"] = {"type": "state", "held": held}
    with pytest.raises(AgentError, match="a 'state' that can't be read"):
        await session.held_keys(5)
    await carries_on(guest, session)


@pytest.mark.parametrize("result", [{}, {"verified": "yes"}, {"verified": True, "details": [1]}])
async def test_a_result_that_makes_no_sense_is_one_sentence(
    guest: FaultyGuest, session: AgentSession, result: dict[str, Any]
) -> None:
    guest.instead["expect"] = {"type": "result", **result}
    with pytest.raises(AgentError, match="a 'result' that can't be read"):
        await session.expect({"type": "keyboard", "action": "keydown", "key": "a"}, 60)
    await carries_on(guest, session)


@pytest.mark.parametrize(
    "batch",
    [
        {"type": "observations"},
        {"type": "observations", "seq": "0", "events": []},
        {"type": "observations", "seq": 0, "events": [[1, 1, A, 1, 10**400]]},
        {"type": "observations", "seq": 0, "events": {"a": 1}},
        {"type": "overrun", "seq": 0, "device": [1]},
        {"type": "overrun", "seq": 0, "device": None, "held": [{}]},
        {"type": "devices", "seq": 0, "devices": [7]},
        {"type": "devices", "seq": 0, "devices": [{"id": 1, "absolute": {"0": [0, float("inf")]}}]},
    ],
)
async def test_a_batch_that_makes_no_sense_is_an_overrun_whatever_is_wrong_with_it(
    guest: FaultyGuest, session: AgentSession, batch: dict[str, Any]
) -> None:
    with session.observations.subscribe() as stream:
        guest.tell(**batch)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), ObserverOverrun)
    assert session.devices[KEYBOARD].keyboard
    await carries_on(guest, session)


async def test_a_hello_that_makes_no_sense_is_one_sentence_and_the_next_one_counts(guest: FaultyGuest) -> None:
    guest.next_hello = {"next_seq": float("inf"), "token": "\ud800", "devices": {"a": 1}}
    session = guest.session()
    with pytest.raises(AgentError, match="a hello that can't be read"):
        await session.start(30)
    guest.next_hello = {}
    async with asyncio.timeout(10):
        while session.state is not SessionState.READY:
            await guest.events.wait_for(lambda event: event.kind == "agent.ready", 10, "The session")
    await carries_on(guest, session)
    await session.close()


async def test_a_refused_expectation_ends_at_once_with_the_agents_words(
    guest: FaultyGuest, session: AgentSession
) -> None:
    guest.instead["expect"] = {"type": "error", "about": "expect", "message": "unknown key 'no such'"}
    with pytest.raises(AgentError, match=r"refused a 'expect': unknown key 'no such'"):
        await asyncio.wait_for(session.expect({"type": "keyboard", "action": "keydown", "key": "no such"}, 600), 5)


async def test_only_the_first_of_many_senseless_messages_are_told_and_all_are_counted(
    guest: FaultyGuest, session: AgentSession
) -> None:
    for _ in range(20):
        guest.tell(type="pong", id=[])
    await carries_on(guest, session)
    assert len([event for event in guest.events.recent(limit=100) if event.kind == "agent.line_refused"]) == 3
    assert session.refused_lines == 20
    assert "skipped 20 unreadable lines" in session.describe()


EXAMPLES = 60
# What a hostile agent may send as it is: numbers that JSON doesn't have, or too many of something.
RAW = st.sampled_from(
    [
        b'{"type":"observations","seq":1e999,"events":[]}',
        b'{"type":"observations","seq":NaN,"events":[]}',
        b"\xff" * 100,
        b'{"type":"pong","id":-Infinity}',
        b'{"type":"pong","type":"bye"}',
        b"[" * 50_000,
        b'{"type":"bye","reason":' + b"9" * 5000,
        b'{"type":"devices","seq":9,"devices":[' + b",".join(b'{"id":%d}' % number for number in range(5000)) + b"]}",
        b'{"type":"observations","seq":9,"events":[' + b"[1,1,1,1,1]," * 20_000 + b"[1,1,1,1,1]]}",
        b'{"type":"error","message":"' + b"m" * 1_000_000 + b'"}',
    ]
)


def session_carries_on(messages: list[dict[str, Any] | bytes]) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory() as directory:
            async with FaultyGuest(Path(directory)) as guest:
                session = guest.session()
                await session.start(10)
                nonce = session._nonce
                for message in messages:
                    if (
                        isinstance(message, dict) and message["type"] == "hello"
                    ):  # of this session, or it would be skipped
                        message["nonce"] = nonce
                    guest.say((message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")
                    assert session.state in SessionState
                await carries_on(guest, session)
                session.describe().encode()
                assert len(session.devices) <= MOST_DEVICES
                assert len(session.remarks.since(0.0)) <= KEPT
                await session.close()
                assert session.state is SessionState.CLOSED

    asyncio.run(scenario())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(MESSAGES | RAW, min_size=1, max_size=12))
def test_whatever_the_shape_of_its_messages_the_session_carries_on(messages: list[dict[str, Any] | bytes]) -> None:
    session_carries_on(messages)


@pytest.mark.parametrize("what", ["devices", "events", "text", "bytes"])
async def test_what_is_too_much_of_something_costs_little_memory(
    guest: FaultyGuest, session: AgentSession, what: str
) -> None:
    many = 200_000
    line = {
        "devices": b'{"type":"devices","seq":0,"devices":[' + b'{"id":1},' * many + b'{"id":1}]}',
        "events": b'{"type":"observations","seq":0,"events":[' + b"[1,1,1,1,1]," * many + b"[1,1,1,1,1]]}",
        "text": b'{"type":"error","about":"ping","message":"' + b"x" * (10 * 1024 * 1024 - 100) + b'"}',
        "bytes": b"x" * (50 * 1024 * 1024),
    }[what]
    devices = dict(session.devices)
    tracemalloc.start()
    try:
        guest.say(line + b"\n")
        await carries_on(guest, session)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1024 * 1024, "nothing of it is kept"
    finally:
        tracemalloc.stop()
    assert session.devices == devices
