"""The session with an agent that comes, goes, and misbehaves, over a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import AgentError, ATPError, ChannelError, DeadlineError
from ATPLibrary.transport import ByteChannel
from ATPLibrary.verifier import AgentSession, Observation, ObserverOverrun, SessionState, link
from ATPLibrary.verifier.wire import LINE_LIMIT

from .faulty_guest import KEYBOARD, FaultyGuest

pytestmark = pytest.mark.integration

A = 30


async def ready_again(guest: FaultyGuest, session: AgentSession) -> None:
    await guest.events.wait_for(lambda event: event.kind == "agent.ready", 5, "The session")
    assert session.state is SessionState.READY


async def test_a_session_knows_the_agent_its_devices_and_its_clock(guest: FaultyGuest, session: AgentSession) -> None:
    assert session.state is SessionState.READY
    assert session.hello is not None
    assert session.devices[KEYBOARD].keyboard
    clock = session.clock
    assert clock is not None
    assert abs(clock.offset_us - 1_000_000) <= clock.error_us + 1


async def test_a_question_that_its_channel_takes_no_more_is_asked_on_the_next_one(
    guest: FaultyGuest, session: AgentSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end is noticed by the writer before the reader hears of it."""
    channel = session._channel
    assert channel is not None

    async def ended(data: bytes, timeout: float) -> None:
        if not cut:
            guest.cut()
        cut.append(len(data))
        raise ChannelError("The socket ended.")

    cut: list[int] = []
    monkeypatch.setattr(channel, "write", ended)
    guest.held.add(A)
    assert await session.held_keys(5) == {(KEYBOARD, A)}


async def test_observations_reach_every_subscriber_in_order(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as first, session.observations.subscribe() as second:
        for value in (1, 0, 1, 0):
            guest.observe(A, value)
        for stream in (first, second):
            values = [(await asyncio.wait_for(anext(stream), 5)) for _ in range(4)]
            assert [seen.value for seen in values if isinstance(seen, Observation)] == [1, 0, 1, 0]
            assert all(isinstance(seen, Observation) and seen.bus == "i8042" for seen in values)


async def test_a_gap_in_the_numbers_is_an_overrun_and_not_a_loss(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as stream:
        guest.tell(type="observations", seq=5, events=[[KEYBOARD, 1, A, 1, 1]], sent_us=1)
        overrun = await asyncio.wait_for(anext(stream), 5)
        assert isinstance(overrun, ObserverOverrun)
        assert "batches 0 to 4 are missing" in overrun.reason
        assert isinstance(await asyncio.wait_for(anext(stream), 5), Observation)


async def test_a_batch_of_an_older_session_is_skipped(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as stream:
        guest.observe(A, 1)
        guest.tell(type="observations", seq=0, events=[[KEYBOARD, 1, 99, 1, 1]], sent_us=1)
        guest.tell(type="hello", nonce="of another time", next_seq=77)
        guest.observe(A, 0)
        seen = [await asyncio.wait_for(anext(stream), 5) for _ in range(2)]
        assert [item.code for item in seen if isinstance(item, Observation)] == [A, A]


async def test_a_closed_port_is_opened_again_and_what_was_missed_is_an_overrun(
    guest: FaultyGuest, session: AgentSession
) -> None:
    with session.observations.subscribe() as stream:
        again = asyncio.create_task(ready_again(guest, session))
        await asyncio.sleep(0)
        guest.cut()
        guest._next()  # a batch went while the port was closed
        await again
        assert isinstance(await asyncio.wait_for(anext(stream), 5), ObserverOverrun)
        guest.observe(A, 1)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), Observation)


async def test_a_bye_ends_readiness_at_once_and_the_next_agent_is_greeted(
    guest: FaultyGuest, session: AgentSession
) -> None:
    again = asyncio.create_task(ready_again(guest, session))
    await asyncio.sleep(0)
    guest.tell(type="bye", reason="stopped")
    await again
    assert guest.hellos == 2
    assert [event.kind for event in guest.events.recent(limit=3)][-2:] == ["agent.greeting", "agent.ready"]


async def test_a_bye_right_behind_the_last_pong_is_greeted_at_once(
    guest: FaultyGuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are read at one go: whoever keeps the session hears of the bye before it waits for such news."""
    monkeypatch.setattr(link, "CLOCK_PINGS", 1)
    monkeypatch.setattr(link, "PING_INTERVAL", 0.02)
    session, answer, pings = guest.session(), guest._answer, 0

    def answer_and_leave(message: dict[str, Any]) -> None:
        nonlocal pings
        answer(message)
        pings += message["type"] == "ping"
        if message["type"] == "ping" and pings == 5:
            monkeypatch.setattr(link, "PING_INTERVAL", 60.0)
            guest.tell(type="bye", reason="upgraded")

    monkeypatch.setattr(guest, "_answer", answer_and_leave)
    await session.start(5)
    async with asyncio.timeout(5):
        while guest.hellos < 2:  # noqa: ASYNC110 - the guest has no event for it
            await asyncio.sleep(0.01)
    await session.wait_ready(5)
    await session.close()


async def test_late_answers_to_greetings_of_ours_are_not_called_somebody_else_s(guest: FaultyGuest) -> None:
    session = guest.session()
    await session.start(5)
    greeted_with = session._nonce
    guest.greets = False
    greeting = guest.events.wait_for(lambda event: event.kind == "agent.greeting", 5, "The session")
    waiting = asyncio.create_task(greeting)
    await asyncio.sleep(0)
    guest.tell(type="bye", reason="signal 15")
    await waiting
    guest.tell(type="hello", nonce=greeted_with)
    guest.say(b"no message\n")
    async with asyncio.timeout(10):
        while not session.refused_lines:  # noqa: ASYNC110 - what stands before it has been read then
            await asyncio.sleep(0.01)
    assert session.state is SessionState.GREETING
    assert "another nonce" not in session.describe()
    guest.tell(type="hello", nonce="of somebody else")
    with pytest.raises(AgentError, match="1 greetings came that answer another nonce than ours"):
        await session.wait_ready(1)
    await session.close()


async def test_an_agent_that_was_restarted_without_a_word_is_found_out_before_input(
    guest: FaultyGuest, nothing_is_fresh: None
) -> None:
    session = guest.session()
    await session.start(5)
    for value in (1, 0):
        guest.observe(A, value)
    await session.ping(5)
    guest.restart_agent()
    await session.ensure_watching(5)
    assert guest.hellos == 2
    with session.observations.subscribe() as stream:
        guest.observe(A, 1)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), Observation)
    await session.close()


async def test_a_wait_that_begins_anew_half_way_is_told_whole(guest: FaultyGuest, session: AgentSession) -> None:
    guest.kill_agent()
    asking = asyncio.create_task(session.held_keys(1.0))
    await asyncio.sleep(0.5)  # half of its time
    guest.cut()
    with pytest.raises(ATPError, match="within 1 s"):
        await asking


async def test_a_line_of_100_mb_is_one_event_and_the_session_goes_on(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as stream:
        guest.say(b"x" * 100_000_000 + b"\n")
        guest.observe(A, 1)
        assert isinstance(await asyncio.wait_for(anext(stream), 60), Observation)
    refused = [event for event in guest.events.recent(limit=100) if event.kind == "agent.line_refused"]
    assert len(refused) == 1
    assert f"{LINE_LIMIT:,} bytes" in refused[0].data["error"]
    assert session.refused_lines == 1
    assert "skipped 1 unreadable line" in session.describe()


async def test_a_truncated_message_costs_only_itself(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as stream:
        guest.say(b'{"type":"observations","seq":0,"even\n')
        guest.observe(A, 1)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), Observation)


async def test_a_batch_that_makes_no_sense_is_an_overrun(guest: FaultyGuest, session: AgentSession) -> None:
    with session.observations.subscribe() as stream:
        guest.tell(type="observations", seq=guest._next(), events=[[1, 2]], sent_us=1)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), ObserverOverrun)
        guest.observe(A, 1)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), Observation)


async def test_an_agent_that_never_answers_is_one_sentence_with_the_next_step(guest: FaultyGuest) -> None:
    guest.greets = False
    session = guest.session()
    with pytest.raises(AgentError) as caught:
        await session.start(1)
    sentence = str(caught.value)
    for part in ("'faulty'", "within 1 s", "port opened", "nothing received", "atp-agent status"):
        assert part in sentence
    guest.greets = True
    await session.wait_ready(5)  # it is still wanted: it goes on trying
    await session.close()


async def test_a_port_that_cannot_be_opened_says_why(guest: FaultyGuest) -> None:
    async def refuse() -> ByteChannel:
        raise ChannelError("The port is not there.")

    session = AgentSession(refuse, "faulty", guest.events)
    with pytest.raises(AgentError, match="The port is not there"):
        await session.start(0.3)
    await session.close()


async def test_a_session_that_breaks_says_so_can_be_closed_and_begun_again(guest: FaultyGuest) -> None:
    breaks = True

    async def open_or_break() -> ByteChannel:
        if breaks:
            raise KeyError("a defect")
        return await guest.open_channel()

    session = AgentSession(open_or_break, "faulty", guest.events)
    with pytest.raises(AgentError, match=r"session of VM 'faulty' broke.*a defect"):
        await session.start(30)
    await session.close()
    breaks = False
    await session.start(5)
    await session.close()


@pytest.mark.parametrize("theirs", [None, "other-token-5678"])
async def test_an_agent_with_another_token_is_refused_at_once_and_no_token_is_spelled(
    tmp_path: Path, theirs: str | None
) -> None:
    async with FaultyGuest(tmp_path, token=theirs) as guest:
        session = guest.session("our-token-1234")
        with pytest.raises(AgentError, match="token") as caught:
            await session.start(30)
        assert "1234" not in str(caught.value)
        assert "5678" not in str(caught.value)
        await session.close()


async def test_the_right_token_is_accepted(tmp_path: Path) -> None:
    async with FaultyGuest(tmp_path, token="our-token-1234") as guest:
        session = guest.session("our-token-1234")
        await session.start(5)
        await session.close()


async def test_an_agent_of_another_protocol_is_refused_at_once(guest: FaultyGuest) -> None:
    guest.protocol = 2
    session = guest.session()
    with pytest.raises(AgentError, match="protocol 1"):
        await session.start(30)
    await session.close()


@pytest.mark.parametrize("capabilities", [["observe", "fence"], ["observe"]], ids=["fence", "before fences"])
async def test_what_a_state_knows_of_has_been_observed_when_it_is_here(
    guest: FaultyGuest, monkeypatch: pytest.MonkeyPatch, capabilities: list[str]
) -> None:
    """Of an agent too that answers before it has read what its kernel knew."""
    guest.next_hello = {"capabilities": capabilities}
    monkeypatch.setattr(link, "CLOCK_PINGS", 1)
    session = guest.session()
    await session.start(5)
    for _ in range(3):
        await session.ping(5)  # those of its beginning are over: it asks nothing by itself
    guest.held.add(A)
    with session.observations.subscribe() as stream:
        guest.do_unread(A, 0)
        assert await session.held_keys(5) == frozenset()
        assert [(seen.code, seen.value) for seen in stream.take() if isinstance(seen, Observation)] == [(A, 0)]
    await session.close()


async def test_a_question_that_is_not_answered_ends_at_its_deadline(guest: FaultyGuest, session: AgentSession) -> None:
    await session.ping(5)
    guest.answers_pings = False
    with pytest.raises(DeadlineError, match=r"answer a 'state' within 0\.1 s"):
        await session.held_keys(0.1)


async def test_a_question_under_way_ends_when_the_port_does(guest: FaultyGuest, session: AgentSession) -> None:
    await session.ping(5)
    guest.answers_pings = False
    asking = asyncio.create_task(session.ping(30))
    await asyncio.wait_for(guest.unanswered.wait(), 5)
    guest.cut()
    with pytest.raises(AgentError, match="ended while it was asked"):
        await asyncio.wait_for(asking, 5)


async def test_what_is_held_is_asked_again_of_a_session_that_began_anew_under_the_question(
    guest: FaultyGuest, session: AgentSession
) -> None:
    await session.ping(5)
    guest.answers_pings = False
    asking = asyncio.create_task(session.held_keys(5))
    await asyncio.wait_for(guest.unanswered.wait(), 5)
    guest.answers_pings = True
    guest.cut()
    assert await asking == frozenset()


async def test_an_expectation_is_answered_by_its_own_id(session: AgentSession) -> None:
    results = await asyncio.gather(
        *(session.expect({"type": "keyboard", "action": "keydown", "key": "a"}, 5) for _ in range(3))
    )
    assert len({result["event_id"] for result in results}) == 3


async def test_closing_ends_everything_and_asking_then_says_so(guest: FaultyGuest) -> None:
    session = guest.session()
    await session.start(5)
    await session.close()
    assert session.state is SessionState.CLOSED
    with pytest.raises(AgentError):
        await session.held_keys(1)
    await session.start(5)
    assert session.state is SessionState.READY
    await session.close()
