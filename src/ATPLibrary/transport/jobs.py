"""Long work of libvirt's on a VM (saving, migrating): bounded by a deadline, and called off when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.errors import ATPError, DeadlineError

if TYPE_CHECKING:
    from ATPLibrary.transport.domain import Domain

T = TypeVar("T")

# How long calling a job off may take. libvirt answers at once; the job itself ends a moment later.
ABORT_SECONDS = 1.5


async def run_job(domain: Domain, what: str, func: Callable[..., T], *args: Any, timeout: float) -> T:
    """Return `func(virDomain, *args)` as `Domain.call` does; on the deadline and on cancellation the VM's job is aborted.

    Without that libvirt would go on copying gigabytes, and every later change of the VM would wait for it. libvirt undoes what
    an aborted job has begun: the VM runs on where it was.
    """
    try:
        return await domain.call(what, func, *args, timeout=timeout)
    except (DeadlineError, asyncio.CancelledError):
        # There may be no job any more (it ended just now), or no connection: then there is nothing to call off.
        with contextlib.suppress(ATPError):
            await domain.call("call its job off", lambda handle: handle.abortJob(), timeout=ABORT_SECONDS)
        raise
