"""Freezing the guest's file systems for a moment, and thawing them whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import AgentAbsentError, ATPError, VmNotFoundError, VmStateError
from ATPLibrary.events import Event
from ATPLibrary.transport import HostState
from ATPLibrary.transport.domain_state import VmState

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga

# A frozen guest stands still as soon as anything in it writes: nobody wants that for long.
LONGEST_SECONDS = 60.0
# How long whoever was interrupted while freezing waits for the thaw; longer than that it goes on behind their back.
_THAWING_SECONDS = 1.5
_LONGEST_THAWING_SECONDS = 30.0
# A thaw that failed is tried again when something has changed, and where no event tells it, after so long; each time twice that.
_FIRST_RETRY_SECONDS = 0.5
_LAST_RETRY_SECONDS = 5.0
_STATE_SECONDS = 5.0
_ENDED = (VmState.SHUTOFF, VmState.CRASHED)
# Reasons for being off of a guest that goes on later, or elsewhere, as frozen as it is.
_LIVES_ON = ("saved", "migrated")
_NEWS = ("host.connected", "libvirt.agent.connected", "libvirt.lifecycle.resumed", "libvirt.lifecycle.started",
         "libvirt.lifecycle.stopped", "libvirt.lifecycle.crashed")  # fmt: skip

_FROZEN: set[Freeze] = set()


def anything_is_frozen() -> bool:
    """Whether this process has frozen a guest and not thawed it yet."""
    return bool(_FROZEN)


async def thaw_everything(timeout: float, *, once_more: bool = False) -> None:
    """Thaw every guest that this process has frozen, in `timeout` seconds.

    `VmStateError` names those that stay frozen, why, and what to do by hand; they go on being thawed by themselves. It is said
    once of each, and again with `once_more`.
    """
    waited_for = {freeze: freeze.begin_thawing() for freeze in list(_FROZEN) if once_more or not freeze.was_told}
    if not waited_for:
        return
    await asyncio.wait(waited_for.values(), timeout=timeout)
    stuck = [freeze for freeze in waited_for if freeze.state is FreezeState.FROZEN]
    for freeze in stuck:
        freeze.was_told = True
    if stuck:
        raise VmStateError(" ".join(freeze.still_frozen(timeout) for freeze in stuck))


class FreezeState(Enum):
    THAWED = "thawed"
    FROZEN = "frozen"  # or on the way there or back: what must be undone


class Freeze:
    """Whether we have frozen a guest's file systems. THAWED -> FROZEN -> THAWED.

    It is FROZEN from before the agent is told until after it has thawed them, so that no interruption leaves them frozen: `close`,
    leaving `frozen()`, and the passing of `longest` seconds all thaw. A thaw that fails (the host was lost, the VM is paused, the
    agent is away) is tried until it succeeds or the guest is off.
    """

    def __init__(self, qga: Qga) -> None:
        self._qga = qga
        self._watch: asyncio.TimerHandle | None = None
        self._thawing: asyncio.Task[None] | None = None
        self._failure = ""  # why the last thaw failed
        self.state = FreezeState.THAWED
        self.was_told = False  # the tester knows that it can't be thawed for now

    @asynccontextmanager
    async def frozen(self, timeout: float, longest: float = LONGEST_SECONDS) -> AsyncIterator[int]:
        """`async with`: the file systems are frozen inside, and thawed after, however it is left. Gives how many there are."""
        count = await self.freeze(timeout, longest)
        try:
            yield count
        finally:
            if self.state is FreezeState.FROZEN:
                await self._thaw_whatever_happens()

    async def freeze(self, timeout: float, longest: float = LONGEST_SECONDS) -> int:
        """Write out and freeze all file systems; returns how many.

        They are thawed after `longest` seconds if nobody does it before.
        """
        if self.state is FreezeState.FROZEN:
            raise VmStateError.about(
                f"The file systems of VM '{self._qga.domain.name}'", wanted="be thawed so that they can be frozen",
                got="are frozen already", next_step="Use 'Thaw Guest Filesystems' first",
            )  # fmt: skip
        if not longest > 0:
            raise VmStateError("File systems can't be frozen for no time: give a longest time of more than 0 s.")
        self.state = FreezeState.FROZEN
        _FROZEN.add(self)
        self._watch = asyncio.get_running_loop().call_later(longest, self.begin_thawing)
        try:
            return int(await self._qga.command("guest-fsfreeze-freeze", None, timeout))
        except AgentAbsentError:
            self._is_thawed()
            raise
        except BaseException:
            await self._thaw_whatever_happens()
            raise

    async def thaw(self, timeout: float) -> int:
        """Thaw all file systems, whoever has frozen them; returns how many."""
        count = int(await self._qga.command("guest-fsfreeze-thaw", None, timeout))
        self._is_thawed()
        return count

    async def status(self, timeout: float) -> str:
        """What the agent says: "thawed" or "frozen"."""
        return str(await self._qga.command("guest-fsfreeze-status", None, timeout))

    async def close(self) -> None:
        """Thaw what we have frozen."""
        if self.state is FreezeState.FROZEN:
            await self._thaw_whatever_happens()

    def begin_thawing(self) -> asyncio.Task[None]:
        """Thaw in the background, until it is done. The same task as long as that lasts."""
        if self._thawing is None or self._thawing.done():
            self._thawing = runtime.spawn(self._thaw_in_the_end(), f"thaw VM '{self._qga.domain.name}'")
        return self._thawing

    def still_frozen(self, waited: float) -> str:
        """The sentence about a guest that could not be thawed."""
        domain = self._qga.domain
        return str(VmStateError.about(
            f"The file systems of VM '{domain.name}' on host '{domain.host.name}'", wanted="be thawed", waited=waited,
            got="are still frozen", last_seen=self._failure or "no answer of its guest agent",
            next_step=f"It is tried again as long as this process lives; by hand: "
            f"'virsh -c {domain.host.uri} domfsthaw {domain.uuid}', or switch the VM off",
        ))  # fmt: skip

    async def _thaw_whatever_happens(self) -> None:
        await asyncio.wait({self.begin_thawing()}, timeout=_THAWING_SECONDS)

    async def _thaw_in_the_end(self) -> None:
        """The command to freeze may still be on its way: the agent serves one after the other, so this one comes after it."""
        pause = _FIRST_RETRY_SECONDS
        with self._qga.domain.host.bus.subscribe(self._may_thaw_now) as news:
            while self.state is FreezeState.FROZEN:
                try:
                    await self._connect_host()
                    await self.thaw(_LONGEST_THAWING_SECONDS)
                except ATPError as error:
                    self._failure = str(error)
                    if await self._is_off():
                        self._is_thawed()  # nothing outlives the guest
                        return
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            if (await anext(news)).data.get("detail") == "booted":
                                self._is_thawed()  # another guest than the one that was frozen
                    pause = min(2 * pause, _LAST_RETRY_SECONDS)

    async def _connect_host(self) -> None:
        """One that was given up is tried by whoever needs it; one that the tester has closed stays closed."""
        host = self._qga.domain.host
        if host.state is HostState.BROKEN:
            await host.connect(_LONGEST_THAWING_SECONDS)

    async def _is_off(self) -> bool:
        domain = self._qga.domain
        try:
            now = await domain.state(_STATE_SECONDS)
        except VmNotFoundError:
            notice = (
                f"VM '{domain.name}' is not on host '{domain.host.name}' any more, and its file systems were frozen. If it was "
                f"migrated, thaw it there: 'virsh domfsthaw {domain.uuid}'."
            )
            domain.host.bus.publish(
                Event(
                    f"vm:{domain.name}", "guest.frozen-elsewhere", {"uuid": domain.uuid}, notice=notice, is_warning=True
                )
            )
            return True
        except ATPError:
            return False
        return now.state in _ENDED and now.reason not in _LIVES_ON

    def _may_thaw_now(self, event: Event) -> bool:
        """Something happened after which a thaw that failed may succeed."""
        domain = self._qga.domain
        is_ours = event.source == f"host:{domain.host.name}" or event.data.get("uuid") == domain.uuid
        return is_ours and event.kind in _NEWS

    def _is_thawed(self) -> None:
        if self.was_told:
            domain = self._qga.domain
            notice = f"The file systems of VM '{domain.name}' are not frozen any more."
            domain.host.bus.publish(Event(f"vm:{domain.name}", "guest.thawed", {"uuid": domain.uuid}, notice=notice))
        self.state, self.was_told, self._failure = FreezeState.THAWED, False, ""
        _FROZEN.discard(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        thawing, self._thawing = self._thawing, None
        if thawing is not None and thawing is not asyncio.current_task():
            thawing.cancel()  # somebody else's thaw was first
