"""The way of input into QEMU: `input-send-event` by QMP, to a VM that runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from ATPLibrary.errors import CommandError, VmStateError

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp

COMMAND_TIMEOUT = 10.0


async def send(qmp: Qmp, commands: list[tuple[str, dict[str, Any]]], vm_name: str, what: str) -> None:
    """Write `input-send-event` commands; `VmStateError` when the VM is not running. `what` is the subject of the sentence."""
    try:
        if len(commands) == 1:
            await qmp.execute(*commands[0], timeout=COMMAND_TIMEOUT)
        else:
            await qmp.execute_many(commands, timeout=COMMAND_TIMEOUT)
    except CommandError as error:
        raise_refused(error, vm_name, what)


def raise_refused(error: CommandError, vm_name: str, what: str) -> NoReturn:
    """Of input that QEMU refused: `VmStateError` when the VM is not running, else what it said."""
    if "not running" not in f"{error.description} {error}".lower():
        raise error
    raise VmStateError.about(
        f"VM '{vm_name}'",
        wanted=f"be running to take {what.rstrip(',')}",
        got="is not: QEMU refused the input, and the guest did not get it",
        next_step="Resume or start the VM first",
    ) from error


async def require_running(qmp: Qmp, vm_name: str, what: str) -> None:
    """`VmStateError` unless the VM's run state is "running": a VM that stands still takes no input."""
    status = await qmp.query_status(COMMAND_TIMEOUT)
    if status != "running":
        raise VmStateError.about(
            f"VM '{vm_name}'",
            wanted=f"be running to take {what}",
            got=f"is {status}, and nothing was sent",
            next_step="Resume it" if status == "paused" else "Start or resume it, and wait until it runs",
        )


async def shielded(work: Any) -> None:
    """Finish `work` even when the task that asked for it is cancelled meanwhile; then the cancellation goes on."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
