"""A guest that goes wrong on demand, and what types into it; a browser, and a service with pages of the web verifier in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from ATPLibrary.verifier import AgentSession, TypingEngine

from .faulty_guest import FaultyGuest

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from .web_world import WebWorld


@pytest.fixture
async def guest(tmp_path: Path) -> AsyncIterator[FaultyGuest]:
    async with FaultyGuest(tmp_path) as guest:
        yield guest


@pytest.fixture
async def session(guest: FaultyGuest) -> AsyncIterator[AgentSession]:
    session = guest.session()
    await session.start(5)
    yield session
    await session.close()


@pytest.fixture
def engine(guest: FaultyGuest, session: AgentSession) -> TypingEngine:
    return TypingEngine(guest.qmp, session, ["ps2"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that only a fault makes long, made short."""
    from ATPLibrary.verifier import closed_loop

    monkeypatch.setattr(closed_loop, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(closed_loop, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(closed_loop, "END_SECONDS", 0.3)


@pytest.fixture
def nothing_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is asked before each input, as if it had been heard of too long ago."""
    from ATPLibrary.verifier import session

    monkeypatch.setattr(session, "FRESH_SECONDS", 0.0)


@pytest.fixture
def quick_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers are refused and connections ended soon: who makes hundreds of them has no time for the real bounds."""
    from ATPLibrary.verifier.service import admission, listeners, peer

    monkeypatch.setattr(admission, "REFUSAL_SECONDS", 0.01)
    monkeypatch.setattr(peer, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(listeners, "CLOSE_SECONDS", 0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, one for a file of tests."""
    from .web_world import chromium

    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def web(browser: Browser) -> AsyncIterator[WebWorld]:
    """The service, and pages of it in that browser. No page's script may fail, nor want what its policy forbids."""
    from .web_world import WebWorld

    made = WebWorld(browser)
    await made.start()
    yield made
    await made.close()
    assert made.faults == []
    assert not [line for line in made.said if "Content Security Policy" in line]
