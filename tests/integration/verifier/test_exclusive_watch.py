"""A watch that has a guest's input to itself, over a real socket: taken, given back, lost with the agent's session, refused."""

from __future__ import annotations

import asyncio

import pytest

from ATPLibrary.errors import AgentError
from ATPLibrary.orchestrator.watches import Watches
from ATPLibrary.verifier import AgentSession, SessionState, TypingEngine

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

A, B = 30, 48
A_TAP, B_TAP = [(A, 1), (A, 0)], [(B, 1), (B, 0)]


@pytest.fixture
def watches(guest: FaultyGuest, session: AgentSession) -> Watches:
    async def open_agent(timeout: float) -> AgentSession:
        return session

    return Watches(guest.name, open_agent)


async def greeted_again(guest: FaultyGuest, session: AgentSession) -> None:
    """The connection ends, and the agent's next session is ready."""
    again = asyncio.create_task(guest.events.wait_for(lambda event: event.kind == "agent.ready", 5, "The session"))
    await asyncio.sleep(0)
    guest.cut()
    await again
    assert session.state is SessionState.READY


async def test_what_is_typed_into_an_exclusive_watch_reaches_nobody_else_until_it_ends(
    guest: FaultyGuest, engine: TypingEngine, watches: Watches
) -> None:
    watch = await watches.start(5, exclusive=True)
    assert watches.is_exclusive
    await engine.press("a")
    await watch.settle(5)
    assert [str(edge) for edge in watch.edges] == ["a down", "a up"]
    assert guest.others_got == []
    await watches.end(5)
    assert not watches.is_exclusive
    await engine.press("b")
    assert guest.others_got == B_TAP
    assert guest.seen == A_TAP + B_TAP


async def test_an_ordinary_watch_after_an_exclusive_one_gives_the_input_back(
    guest: FaultyGuest, engine: TypingEngine, watches: Watches
) -> None:
    await watches.start(5, exclusive=True)
    watch = await watches.start(5)
    assert not watches.is_exclusive
    assert guest.grabs == [True, False]
    await engine.press("a")
    await watch.settle(5)
    assert [str(edge) for edge in watch.edges] == ["a down", "a up"]
    assert guest.others_got == A_TAP


async def test_an_exclusive_watch_that_ended_with_the_agents_session_is_told_and_nothing_is_given_back_twice(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine, watches: Watches
) -> None:
    await watches.start(5, exclusive=True)
    await greeted_again(guest, session)
    assert not guest.grabbed
    with pytest.raises(AgentError, match="the agent began anew, and others in the guest have its input again"):
        watches.current()
    await watches.end(5)
    assert guest.grabs == [True]
    watch = await watches.start(5, exclusive=True)
    assert watches.current() is watch
    await engine.press("a")
    assert guest.others_got == []


async def test_an_exclusive_watch_is_refused_while_a_key_is_down(
    guest: FaultyGuest, engine: TypingEngine, watches: Watches
) -> None:
    await engine.key_down("a")
    with pytest.raises(AgentError, match="keys are down"):
        await watches.start(5, exclusive=True)
    assert not watches.is_exclusive
    await engine.release_all()
    assert guest.others_got == A_TAP
    await watches.start(5, exclusive=True)
    assert guest.grabbed


async def test_an_agent_that_can_not_is_told_before_anything_is_asked_of_it(
    guest: FaultyGuest, session: AgentSession, watches: Watches
) -> None:
    guest.next_hello = {"capabilities": ["observe"]}
    await greeted_again(guest, session)
    with pytest.raises(AgentError, match="or watch without 'exclusive'"):
        await watches.start(5, exclusive=True)
    assert guest.grabs == []
    assert not watches.is_exclusive
