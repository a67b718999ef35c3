"""Freezing the guest's file systems for a moment, and thawing them whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.errors import AgentAbsentError, VmStateError
from ATPLibrary.transport.domain_state import VmState

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga

# A frozen guest stands still as soon as anything in it writes: nobody wants that for long.
LONGEST_SECONDS = 60.0
# How long whoever was interrupted while freezing waits for the thaw; longer than that it goes on behind their back.
_THAWING_SECONDS = 1.5
_LONGEST_THAWING_SECONDS = 30.0
_ENDED = (VmState.SHUTOFF, VmState.CRASHED)

_FROZEN: set[Freeze] = set()


def anything_is_frozen() -> bool:
    """Whether this process has frozen a guest and not thawed it yet."""
    return bool(_FROZEN)


async def thaw_everything() -> None:
    """Thaw every guest that this process has frozen; what isn't thawed in a moment goes on being thawed by itself."""
    await asyncio.gather(*(freeze.close() for freeze in list(_FROZEN)))


class FreezeState(Enum):
    THAWED = "thawed"
    FROZEN = "frozen"  # or on the way there or back: what must be undone


class Freeze:
    """Whether we have frozen a guest's file systems. THAWED -> FROZEN -> THAWED.

    It is FROZEN from before the agent is told until after it has thawed them, so that no interruption leaves them frozen: `close`,
    leaving `frozen()`, and the passing of `longest` seconds all thaw.
    """

    def __init__(self, qga: Qga) -> None:
        self._qga = qga
        self._watch: asyncio.TimerHandle | None = None
        self.state = FreezeState.THAWED

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
        self._watch = asyncio.get_running_loop().call_later(longest, self._too_long)
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

    async def _thaw_whatever_happens(self) -> None:
        thawing = runtime.spawn(self._thaw_in_the_end(), f"thaw VM '{self._qga.domain.name}'")
        await asyncio.wait({thawing}, timeout=_THAWING_SECONDS)

    async def _thaw_in_the_end(self) -> None:
        """The command to freeze may still be on its way: the agent serves one after the other, so this one comes after it."""
        try:
            await self.thaw(_LONGEST_THAWING_SECONDS)
        except VmStateError:
            if (await self._qga.domain.state(_LONGEST_THAWING_SECONDS)).state not in _ENDED:
                raise
            self._is_thawed()  # nothing outlives the guest

    def _is_thawed(self) -> None:
        self.state = FreezeState.THAWED
        _FROZEN.discard(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _too_long(self) -> None:
        runtime.spawn(self._thaw_in_the_end(), f"thaw VM '{self._qga.domain.name}', which was frozen too long")
