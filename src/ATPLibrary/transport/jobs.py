"""Long work of libvirt's on a VM (saving, migrating): bounded by a deadline, and called off when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import ATPError, CommandError, DeadlineError, VmStateError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.transport.domain import Domain

T = TypeVar("T")

# How long calling a job off may take. libvirt answers at once; the job itself ends a moment later.
ABORT_SECONDS = 1.5
_NO_JOB = 0  # virDomainJobType (libvirt-domain.h)


async def run_job(domain: Domain, what: str, func: Callable[..., T], *args: Any, timeout: float) -> T:
    """Return `func(virDomain, *args)` as `Domain.call` does; on the deadline and on cancellation the VM's job is aborted.

    Without that libvirt would go on copying gigabytes, and every later change of the VM would wait for it. libvirt undoes what
    an aborted job has begun: the VM runs on where it was. `VmStateError` when somebody else's job is under way.
    """
    left = remaining(timeout)
    await _check_free(domain, what, left())
    try:
        return await domain.call(what, func, *args, timeout=left())
    except (DeadlineError, asyncio.CancelledError):
        # There may be no job any more (it ended just now), or no connection: then there is nothing to call off.
        with contextlib.suppress(ATPError):
            await domain.call("call its job off", lambda handle: handle.abortJob(), timeout=ABORT_SECONDS)
        raise


async def _check_free(domain: Domain, what: str, timeout: float) -> None:
    """A VM has one job at a time, and the one that we would call off must be ours."""
    try:
        kind = await domain.call("tell if it is busy", _job_kind, timeout=timeout, idempotent=True)
    except (CommandError, VmStateError):
        return  # the driver knows no jobs, or the VM is off: what is asked next says so in its own words
    if kind != _NO_JOB:
        raise VmStateError.about(
            f"VM '{domain.name}' on host '{domain.host.name}'",
            wanted=f"be free to {what}",
            got="libvirt is busy saving, migrating or backing it up for somebody",
            next_step="Wait for it, or call that job off: `virsh domjobabort`",
        )


def _job_kind(handle: Any) -> int:
    return int(handle.jobInfo()[0])
