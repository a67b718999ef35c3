"""Output of which the end is missing: no keyword says of it what only the whole could tell."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.commands import CommandKeywords
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.protocol.qga import ExecResult
from ATPLibrary.verifier.verifiers.command import CommandVerifier
from ATPLibrary.verifier.verifiers.interface import VerifyEvent

pytestmark = pytest.mark.unit

CUT = ExecResult(0, None, "boot\nready\n" + "x" * 50, "", True, 1.0, stdout_truncated=True)
STDERR_CUT = ExecResult(0, None, "ready\n", "x" * 50, True, 1.0)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Keywords whose guest answers any command with `commands.result`."""
    keywords: Any = CommandKeywords()
    keywords.result = CUT
    monkeypatch.setattr(Workspace, "_current", Workspace(Config()))
    monkeypatch.setattr(keywords, "command_should_succeed", lambda *_, **__: keywords.result)
    return keywords


def test_what_was_found_in_cut_output_is_proved_and_nothing_else_is(commands: Any) -> None:
    commands.command_output_should_be("ls", "ready", "contains")
    commands.command_should_succeed_in_guest("ls", output="ready")
    with pytest.raises(VerificationError, match="its end is missing"):
        commands.command_output_should_be("ls", "KERNEL-PANIC", "not contains")
    with pytest.raises(VerificationError, match="its end is missing"):
        commands.command_should_succeed_in_guest("ls", output="panic", operator="not contains")
    with pytest.raises(VerificationError, match="its end is missing"):
        commands.command_output_should_be("ls", "x$", "matches")


def test_output_is_whole_where_only_the_other_stream_was_cut(commands: Any) -> None:
    commands.result = STDERR_CUT
    commands.command_output_should_be("ls", "ready")
    commands.command_output_should_be("ls", "KERNEL-PANIC", "not contains")


def test_a_failure_in_the_last_output_says_that_its_end_is_missing(commands: Any) -> None:
    commands.workspace.last_command = ("ls", CUT, "")
    commands.output_should_contain("ready")
    with pytest.raises(VerificationError, match="Its end is missing: let the command itself look"):
        commands.output_should_contain("KERNEL-PANIC")


class _Guest:
    name = "win11"

    def __init__(self, result: ExecResult) -> None:
        self._result = result

    async def qga(self, timeout: float) -> Any:
        return self

    async def exec(self, command: Any, *, timeout: float) -> ExecResult:
        return self._result


@pytest.mark.parametrize(
    ("pattern", "is_found"),
    [("ready", True), ("^boot", True), ("(?m)^ready$", False), ("x+$", False), ("x(?!y)", False)],
)
async def test_a_command_event_s_pattern_that_speaks_of_the_missing_end_is_not_found(
    pattern: str, is_found: bool
) -> None:
    event = VerifyEvent(type="command", key="ls", metadata={"output": pattern})
    result = await CommandVerifier().verify(event, _Guest(CUT), 5)  # type: ignore[arg-type]
    assert result.verified is is_found
    if not is_found:
        assert "the end of its output is missing" in result.details["reason"]
