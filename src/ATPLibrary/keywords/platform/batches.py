"""Batches over VM ids: what a keyword does to several desktops at once, whether they were named or are a desk pool's.

A keyword says which VMs are meant by a coroutine function `which(client, seconds)`: `named(names)` is one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from robot.api import logger

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.keywords.platform.base import PlatformComponent

if TYPE_CHECKING:
    from ATPLibrary.vdi import Batch, VdiClient, Vm

    Which = Callable[[VdiClient, float], Awaitable[Sequence[Vm]]]
    Begin = Callable[[VdiClient, list[str], float], Awaitable[Batch]]

T = TypeVar("T")

# How many names a sentence holds; the others are counted.
NAMED_IN_A_SENTENCE = 5


class BatchComponent(PlatformComponent):
    """The base of the keywords that do the same to several VMs."""

    def batch(
        self,
        what: str,
        which: Which,
        begin: Begin,
        timeout: timedelta | None,
        *,
        wait: bool = True,
        together: int | None = None,
        kind: str = "boot",
    ) -> list[str]:
        """Begin something with each of the VMs and wait until all have ended; see `order`. Returns the event ids.

        The platform isn't asked where there are no VMs. The error names each VM that was refused or failed, and why. `together`
        is how many are begun with at a time, the next when these have ended; all at once where it is None.
        """
        check_together(together, wait)
        names: list[str] = []

        async def begin_all(client: VdiClient, seconds: float) -> Batch | None:
            vms = await which(client, seconds)
            names.extend(vm.name for vm in vms)
            return await _in_portions(client, [vm.id for vm in vms], begin, together, seconds) if vms else None

        ids = self.order(what, begin_all, timeout, wait, kind)
        logger.info(f"{what}: {'done' if wait else 'begun'} for {in_words(names) if names else 'none'}.")
        return ids

    def at_once(
        self,
        what: str,
        which: Which,
        do: Callable[[VdiClient, list[str], float], Awaitable[T]],
        timeout: timedelta | None,
        kind: str = "platform",
    ) -> T | None:
        """Do something to all the VMs that the platform answers when it is done. Returns its answer; None where there are none."""
        names: list[str] = []

        async def do_all(client: VdiClient, seconds: float) -> T | None:
            vms = await which(client, seconds)
            names.extend(vm.name for vm in vms)
            return await do(client, [vm.id for vm in vms], seconds) if vms else None

        answer = self.ask(what, do_all, timeout, kind)
        logger.info(f"{what}: done for {in_words(names) if names else 'none'}.")
        return answer


def named(names: Sequence[str]) -> Callable[[VdiClient, float], Coroutine[Any, Any, Sequence[Vm]]]:
    """The VMs of these names or ids. `InputError` where none is named, `VmNotFoundError` for those that the platform lacks."""
    _check_named(names)

    async def look(client: VdiClient, seconds: float) -> Sequence[Vm]:
        return await client.domains.find_all(names, timeout=seconds)

    return look


def in_recycle_bin(names: Sequence[str]) -> Callable[[VdiClient, float], Coroutine[Any, Any, Sequence[Vm]]]:
    """The same of those in the recycle bin."""
    _check_named(names)

    async def look(client: VdiClient, seconds: float) -> Sequence[Vm]:
        return await client.domains.find_recycled(names, timeout=seconds)

    return look


def in_words(names: Sequence[str]) -> str:
    """Names as a sentence quotes them; of many only the first, and how many others there are."""
    quoted = ", ".join(f"'{name}'" for name in names[:NAMED_IN_A_SENTENCE])
    others = len(names) - NAMED_IN_A_SENTENCE
    return f"{quoted} and {others} more" if others > 0 else quoted


def _check_named(names: Sequence[str]) -> None:
    if not names:
        raise InputError("No desktop is named. Name at least one, by its name or id.")


def check_together(together: int | None, wait: bool) -> None:
    """`InputError` for a number of VMs at a time that makes no sense."""
    if together is not None and together < 1:
        raise InputError.about("'at_once'", wanted="be 1 or more", got=f"is {together}")
    if together is not None and not wait:
        raise InputError("'at_once' means waiting for some before the next: it can't be said with wait=False.")


async def _in_portions(client: VdiClient, ids: list[str], begin: Begin, together: int | None, timeout: float) -> Batch:
    """The batch of all of them. All portions but the last have ended when this returns, well or not: the batch tells which."""
    from ATPLibrary import runtime

    size = together or len(ids)
    portion = await begin(client, ids[:size], timeout)
    events, refusals = [*portion.event_ids], [*portion.refusals]
    async with runtime.deadline(
        timeout,
        f"{len(ids)} desktops, {size} at a time,",
        wanted="all be begun with",
        got="were not",
        last_seen=lambda: f"{len(events) + len(refusals)} of them were",
        next_step="give it more time",
    ):
        for first in range(size, len(ids), size):
            with contextlib.suppress(PlatformError):  # the whole batch says it in the end
                await portion.finish(timeout)
            portion = await begin(client, ids[first : first + size], timeout)
            events += portion.event_ids
            refusals += portion.refusals
    return client.events.batch(events, refusals, ids) if size < len(ids) else portion
