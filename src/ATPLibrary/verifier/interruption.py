"""What ends an input at once, instead of at its next edge or after a silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary import events
from ATPLibrary.verifier import input_troubles as troubles

if TYPE_CHECKING:
    from ATPLibrary.errors import ATPError
    from ATPLibrary.verifier.injector import Injector

STANDS_STILL = frozenset({"qmp.STOP", "libvirt.lifecycle.suspended"})
BEGINS_ANEW = frozenset({"qmp.RESET", "libvirt.reboot"})


class Interruption:
    """Of one input on its way: its VM stands still, the guest begins anew, or what it is sent by has ended.

    `run_state` asks QEMU whether the VM runs, `so_far` says what was sent and seen, `wake` is called when there is something to
    be read here.
    """

    def __init__(
        self,
        vm_name: str,
        what: str,
        *,
        way: Injector,
        run_state: Callable[[], Awaitable[str]],
        so_far: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        self._vm_name = vm_name
        self._what = what
        self._way = way
        self._run_state = run_state
        self._so_far = so_far
        self._wake = wake
        self._trouble: ATPError | None = None  # the first one
        self._looking: asyncio.Task[None] | None = None  # whether the VM still runs
        self._in_doubt = False  # it may stand still

    def listen(self) -> events.Listener:
        """Hear of it while this lasts; `end` is to be awaited before."""
        return events.bus().listen(self._hear, STANDS_STILL | BEGINS_ANEW | self._way.ended_by, f"vm:{self._vm_name}")

    async def end(self) -> None:
        """Ask nobody any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    def raise_if_any(self, cause: BaseException | None = None) -> None:
        """The first trouble, if there was one; `cause` is what was noticed of it."""
        if self._trouble is not None:
            raise self._trouble from cause

    def stood_still(self, state: str) -> ATPError:
        return troubles.stood_still(self._vm_name, self._what, state, self._so_far())

    def way_ended(self) -> ATPError | None:
        """None while the way is open: what has ended is another channel's affair."""
        ended = self._way.why_ended()
        return troubles.way_ended(self._vm_name, self._what, ended, self._so_far()) if ended is not None else None

    def began_anew(self, what_the_guest: str) -> None:
        """Somebody else has found out that the guest did."""
        self._trouble = self._trouble or troubles.began_anew(self._vm_name, self._what, what_the_guest, self._so_far())

    def _hear(self, event: events.Event) -> None:
        """Whoever waits for the guest to see something needn't."""
        if self._trouble is not None:
            return
        if event.kind in self._way.ended_by:
            if (ended := self.way_ended()) is not None:
                self._give_up(ended)
        elif event.kind in BEGINS_ANEW:
            self.began_anew("was restarted")
            self._wake()
        else:
            self._in_doubt = True
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while self._in_doubt:
            self._in_doubt = False
            if (state := await self._run_state()) != "running":
                self._give_up(self.stood_still(state))
                return
        self._looking = None  # it runs again: what became of its guest meanwhile is said by the agent

    def _give_up(self, trouble: ATPError) -> None:
        self._trouble = self._trouble or trouble
        self._wake()
