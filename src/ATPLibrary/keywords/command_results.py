"""How a command in the guest ended, in words: for the log, and for the sentence of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot.api import logger

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.assertions import shown

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import ExecResult

# What a shell's own exit codes mean.
_ADVICE = {
    126: "The guest has that program, but may not run it: look at its permissions",
    127: "The guest has no such program: install it, or give its path",
}


def log(command: str, result: ExecResult, *, told: bool = False) -> None:
    """`told`: the output is in the log already."""
    logger.info(f"'{command}' {ending(result)} after {result.duration_ms:.0f} ms.")
    for stream, text in (("stdout", result.stdout), ("stderr", result.stderr)):
        if text and not told:
            logger.info(f"{stream}:\n{text.rstrip()}")
    if result.truncated:
        kept = "16 MiB of each stream are" if told else "1 MB of stdout and 0.25 MB of stderr are"
        more = "" if told else "Follow it with stream=True (16 MiB), or "
        rest = f"{more}let it go into a file and use 'Pull File From Guest'"
        logger.warn(f"The output of '{command}' was cut: {kept} kept. {rest[0].upper()}{rest[1:]}.")


def must_succeed(command: str, result: ExecResult) -> None:
    if result.exit_code != 0:
        raise VerificationError.about(
            f"Command '{command}'",
            wanted="succeed",
            got=ending(result),
            last_seen=_streams(result),
            next_step=_ADVICE.get(result.exit_code or 0, "The log has all that it wrote"),
        )


def _streams(result: ExecResult) -> str:
    """What the command wrote, what went wrong first."""
    said = {"stderr": result.stderr.rstrip(), "stdout": result.stdout.rstrip()}
    return ", ".join(f"{stream} {shown(text)}" for stream, text in said.items() if text) or "no output"


def ending(result: ExecResult) -> str:
    return (
        f"ended with signal {result.signal}"
        if result.signal is not None
        else f"ended with exit code {result.exit_code}"
    )


def output_of(result: ExecResult) -> str:
    return shown((result.stdout + result.stderr).rstrip() or "(no output)")
