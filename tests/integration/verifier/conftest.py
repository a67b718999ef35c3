"""A guest that goes wrong on demand, and what types into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ATPLibrary.verifier import AgentSession, TypingEngine

from .faulty_guest import FaultyGuest


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
