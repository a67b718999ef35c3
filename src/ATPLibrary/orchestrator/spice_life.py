"""Whether what a VM's SPICE session shows is so now: a QEMU that is frozen, and a VM that stands still, say nothing either.

Its server answers no question of a client's, so QEMU is asked by QMP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, VerificationError, VmStateError

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine

# How long QEMU may take to show that it lives, at most.
LIFE_SECONDS = 5.0


async def require_alive(machine: Machine, subject: str, wanted: str, timeout: float) -> str:
    """What QEMU says of its VM: "running", "paused". `VerificationError` about `subject` where it says nothing within `timeout`, or
    `LIFE_SECONDS`.
    """
    seconds = min(timeout, LIFE_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            return await (await machine.qmp(seconds)).query_status(seconds)
    except (ATPError, TimeoutError) as error:
        raise VerificationError.about(
            subject, wanted=wanted,
            got=f"can't be known: its QEMU did not answer within {seconds:g} s ({str(error).rstrip('.') or 'no word'})",
            next_step="Check that the QEMU process runs, and isn't stopped",
        ) from error  # fmt: skip


async def require_running(machine: Machine, subject: str, wanted: str, timeout: float, vm_wanted: str) -> None:
    """As `require_alive`; `VmStateError` too, where the VM stands still, of which `vm_wanted` is wanted."""
    status = await require_alive(machine, subject, wanted, timeout)
    if status != "running":
        raise VmStateError.about(
            f"VM '{machine.name}'", wanted=vm_wanted, got=f"is {status}",
            next_step="Let it go on with 'Resume VM'" if status == "paused" else "",
        )  # fmt: skip
