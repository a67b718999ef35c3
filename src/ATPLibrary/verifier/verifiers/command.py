"""Commands: run in the guest by QEMU's guest agent, and judged by their exit code and output."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import DeadlineError, InputError
from ATPLibrary.verifier.verifiers.interface import Guest, Verifier, VerifyEvent, VerifyResult, new_event_id

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import ExecResult

_METADATA = ("command", "exit_code", "output", "shell", "directory", "input", "environment")
# As much of each stream as a result carries.
OUTPUT_KEPT = 10_000

# What in a regular expression may hold only because the end of the text is missing: its end, a look ahead, the end of a word.
_OF_WHAT_FOLLOWS = re.compile(r"\$|\\[ZbB]|\(\?[=!]")


class CommandVerifier(Verifier):
    """`action` is "run". `metadata`: `command` (a shell line, or a list: a program and its arguments; `key` may have it instead),
    `exit_code` (0 unless it says another, None: any), `output` (a regular expression to be found in the standard output), and
    `shell`, `directory`, `input` and `environment` as for `Qga.exec`.

    `latency_ms` of the result is how long the command ran, `timestamp` its end by this machine's clock.
    """

    verifier_type = "command"

    async def verify(self, event: VerifyEvent, guest: Guest, timeout: float) -> VerifyResult:
        command, expected, pattern, how = _read(event)
        qga = await guest.qga(timeout)
        try:
            result = await qga.exec(command, timeout=timeout, **how)
        except DeadlineError as error:
            details = {"reason": "timeout", "said": str(error)}
            return VerifyResult(new_event_id(), False, time.time() * 1000, None, details)
        reason = _difference(result, expected, pattern)
        seen: dict[str, Any] = {
            "reason": reason, "exit_code": result.exit_code, "signal": result.signal,
            "stdout": result.stdout[:OUTPUT_KEPT], "stderr": result.stderr[:OUTPUT_KEPT],
            "truncated": result.truncated or max(len(result.stdout), len(result.stderr)) > OUTPUT_KEPT,
        }  # fmt: skip
        return VerifyResult(new_event_id(), not reason, time.time() * 1000, result.duration_ms, seen)


def _difference(result: ExecResult, expected: int | None, pattern: re.Pattern[str] | None) -> str:
    """In which way the command did otherwise than expected; "" where it didn't."""
    if expected is not None and result.exit_code != expected:
        got = f"signal {result.signal}" if result.exit_code is None else f"exit code {result.exit_code}"
        return f"it ended with {got}, not with exit code {expected}"
    if pattern is not None and not pattern.search(result.stdout):
        cut = ", of which the end is missing," if result.stdout_truncated else ""
        return f"its output{cut} has nothing that matches {pattern.pattern!r}"
    if pattern is not None and result.stdout_truncated and _OF_WHAT_FOLLOWS.search(pattern.pattern):
        return f"the end of its output is missing, so nobody can say whether {pattern.pattern!r} matches: it speaks of what follows"
    return ""


def _read(event: VerifyEvent) -> tuple[str | list[str], int | None, re.Pattern[str] | None, Mapping[str, Any]]:
    """`InputError` where the event doesn't say what to run, or says what commands don't have."""
    metadata = dict(event.metadata)
    if event.action not in ("", "run"):
        raise InputError.about("A command event's action", wanted="be 'run'", got=f"is {event.action!r}")
    for name in metadata:
        if name not in _METADATA:
            near = get_close_matches(str(name), _METADATA, n=1)
            raise InputError.about(
                "A command event's metadata", wanted=f"have {', '.join(_METADATA)}", got=f"has {name!r}",
                next_step=f"Did you mean {near[0]!r}?" if near else "",
            )  # fmt: skip
    command = metadata.pop("command", event.key)
    expected = metadata.pop("exit_code", 0)
    output = metadata.pop("output", None)
    if isinstance(command, list | tuple) and command and all(isinstance(each, str) for each in command):
        command = list(command)
    elif not isinstance(command, str) or not command:
        raise InputError.about(
            "A command event", wanted="say what to run: metadata 'command', a shell line or a list of words",
            got=f"says {command!r}",
        )  # fmt: skip
    if isinstance(expected, bool) or not isinstance(expected, int | None):
        raise InputError.about(
            "A command event's exit_code", wanted="be a whole number or None", got=f"is {expected!r}"
        )
    if output is None:
        return command, expected, None, metadata
    if not isinstance(output, str) or not output:
        raise InputError.about(
            "A command event's output", wanted="be a regular expression", got=f"is {output!r}",
            next_step="An empty one is found in everything: leave it out" if output == "" else "",
        )  # fmt: skip
    try:
        return command, expected, re.compile(output), metadata
    except re.error as error:
        raise InputError.about(
            "A command event's output", wanted="be a regular expression", got=f"{output!r} is none: {error}"
        ) from error
