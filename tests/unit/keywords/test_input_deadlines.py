"""How long an input keyword waits for an agent that isn't there, and for the input itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import AgentError
from ATPLibrary.keywords.keyboard import KeyboardKeywords
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "waited"),
    [({}, 60.0), ({"timeout": timedelta(seconds=300)}, 300.0), ({"verify": False}, 10.0)],
)
def test_an_agent_that_does_not_answer_is_waited_for_as_long_as_is_said(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], waited: float
) -> None:
    asked: list[float] = []

    class NoAgent:
        name = "win11"

        async def typing(self, timeout: float, *, verified: bool, via: str) -> Any:
            asked.append(timeout)
            raise AgentError("no agent")

        def remember(self, sent: Any) -> None:
            assert sent.failure == "no agent"

    async def choose(self: Workspace, vm: str | None, timeout: float) -> Any:
        return NoAgent()

    monkeypatch.setattr(Workspace, "choose", choose)
    assert Config().timeouts.agent == 60
    with pytest.raises(AgentError, match="no agent"):
        KeyboardKeywords().type_text("a long text " * 100, **given)
    assert asked == [waited]
