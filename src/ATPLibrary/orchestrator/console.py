"""The log of a VM's serial console, where it is a file on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import ChannelError

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine

# Of the end of the file at most.
CONSOLE_BYTES = 1024 * 1024

# Reading a file can block for ever on a dead network mount: never on the loop.
_FILES = runtime.Workers("console", 2)


async def console_text(machine: Machine, lines: int, timeout: float) -> str:
    """The last `lines` lines of the serial console's log. `ChannelError` where it isn't logged to a file on this machine."""
    log = (await machine.description(timeout)).console_log
    subject = f"The console of VM '{machine.name}'"
    if log is None:
        raise ChannelError.about(
            subject, wanted="be logged to a file", got="is not", next_step="Add <log file=...> to its serial device"
        )
    try:
        text = await _FILES.call(_tail, log, lines, timeout=timeout, what=f"{subject}, file {log},")
    except OSError as error:
        raise ChannelError.about(
            subject,
            wanted="be readable on this machine",
            got=f"{log}: {error.strerror}",
            next_step="Run the test on the VM's host, or where its directory is mounted",
        ) from error
    return text


def _tail(log: Path, lines: int) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - CONSOLE_BYTES))
        text = file.read().decode("utf-8", errors="replace").replace("\r\n", "\n")
    return "\n".join(text.splitlines()[-lines:])
