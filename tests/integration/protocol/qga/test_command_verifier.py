"""The verifier of commands, with the guest image's real qemu-ga: what it says of a command is what that did."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import CommandError, InputError
from ATPLibrary.protocol.qga import Qga
from ATPLibrary.verifier.verifiers.interface import VerifyEvent, VerifyResult
from ATPLibrary.verifier.verifiers.verifying import verify

pytestmark = pytest.mark.integration


class GuestOf:
    """A guest that has nothing but QEMU's agent."""

    name = "win11"

    def __init__(self, qga: Qga) -> None:
        self._qga = qga

    async def qga(self, timeout: float) -> Qga:
        return self._qga

    async def agent(self, timeout: float) -> Any:
        raise AssertionError("a command needs no observer")


async def judge(qga: Qga, timeout: float = 10, **event: Any) -> VerifyResult:
    return await verify(VerifyEvent.from_json({"type": "command", **event}), GuestOf(qga), timeout)


async def test_a_command_that_ends_as_expected_is_verified_and_its_output_told(qga: Qga) -> None:
    result = await judge(qga, key="echo kernel 6.1; echo careful >&2", metadata={"output": r"kernel \d\.\d"})
    assert result.verified
    assert result.details["exit_code"] == 0
    assert result.details["stdout"] == "kernel 6.1\n"
    assert result.details["stderr"] == "careful\n"
    assert result.latency_ms is not None
    assert len({result.event_id, (await judge(qga, key="true")).event_id}) == 2


async def test_words_are_a_program_and_its_arguments_and_no_shell_looks_at_them(qga: Qga) -> None:
    result = await judge(qga, action="run", metadata={"command": ["/bin/echo", "$HOME *"], "output": r"^\$HOME \*$"})
    assert result.verified


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"command": "exit 3"}, "it ended with exit code 3, not with exit code 0"),
        ({"command": "true", "exit_code": 3}, "it ended with exit code 0, not with exit code 3"),
        ({"command": "kill -9 $$"}, "it ended with signal 9, not with exit code 0"),
        ({"command": "echo other", "output": "kernel"}, "its output has nothing that matches 'kernel'"),
        ({"command": "sleep 60"}, "timeout"),
    ],
)
async def test_a_command_that_ends_otherwise_is_not_verified_and_the_reason_told(
    qga: Qga, metadata: dict[str, Any], reason: str
) -> None:
    result = await judge(qga, timeout=1 if reason == "timeout" else 10, metadata=metadata)
    assert not result.verified
    assert result.details["reason"] == reason


async def test_an_expected_failure_is_verified_and_any_end_may_be_expected(qga: Qga) -> None:
    assert (await judge(qga, metadata={"command": "exit 3", "exit_code": 3})).verified
    assert (await judge(qga, metadata={"command": "kill -9 $$", "exit_code": None})).verified


async def test_a_program_that_is_not_there_is_an_error_and_no_verdict(qga: Qga) -> None:
    with pytest.raises(CommandError, match="no such program"):
        await judge(qga, metadata={"command": ["no-such-program"]})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "should say what to run"),
        ({"metadata": {"command": []}}, "should say what to run"),
        ({"key": "true", "action": "typed"}, "action should be 'run' but is 'typed'"),
        ({"key": "true", "metadata": {"exitcode": 0}}, r"has 'exitcode'\. Did you mean 'exit_code'\?"),
        ({"key": "true", "metadata": {"exit_code": "0"}}, "exit_code should be a whole number"),
        ({"key": "true", "metadata": {"output": ""}}, "found in everything"),
        ({"key": "true", "metadata": {"output": "("}}, "should be a regular expression but '\\('"),
    ],
)
async def test_an_event_that_makes_no_sense_runs_nothing(qga: Qga, event: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        await judge(qga, **event)
