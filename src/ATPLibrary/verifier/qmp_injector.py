"""Input by QEMU's monitor: `input-send-event`, whose answer says that QEMU has it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ATPLibrary.errors import CommandError
from ATPLibrary.verifier.injector import Events, Injector, Motions, Via
from ATPLibrary.verifier.mouse_choice import mouse_for
from ATPLibrary.verifier.sending import COMMAND_TIMEOUT, raise_refused, send

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp

COMMAND = "input-send-event"


class _Several(asyncio.Future[Any]):
    """Of commands that were written one after the other: done when the last is, with what first went wrong, if anything did."""

    def __init__(self, begun: Sequence[asyncio.Future[Any]]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._begun = begun
        begun[-1].add_done_callback(self._end)

    def _end(self, last: asyncio.Future[Any]) -> None:
        if self.done():
            return
        for each in self._begun:
            if each.cancelled():
                self.cancel()
                return
            if (error := each.exception()) is not None:
                self.set_exception(error)
                self.exception()  # a caller who has gone won't look at it
                return
        replies = [each.result() for each in self._begun]
        self.set_result(next((reply for reply in replies if "error" in reply), last.result()))


class QmpInjector(Injector):
    """QEMU refuses what is sent to a VM that stands still."""

    via: ClassVar[Via] = "qmp"

    def __init__(self, qmp: Qmp, vm_name: str) -> None:
        self._qmp = qmp
        self._vm_name = vm_name

    @property
    def takes_several(self) -> bool:
        return self._qmp.kind == "direct"

    async def send(self, commands: Sequence[Events], what: str) -> None:
        await send(self._qmp, [(COMMAND, {"events": list(events)}) for events in commands], self._vm_name, what)

    def begin(self, commands: Sequence[Events], what: str) -> asyncio.Future[Any]:
        if len(commands) > 1 and not self.takes_several:
            return super().begin(commands, what)
        # Now, however many they are: what waited for a task would be overtaken by what is begun after it.
        begun = [self._qmp.begin(COMMAND, {"events": list(events)}, COMMAND_TIMEOUT) for events in commands]
        return begun[0] if len(begun) == 1 else _Several(begun)

    def finish(self, begun: asyncio.Future[Any], what: str) -> None:
        try:
            if isinstance(begun, asyncio.Task):
                begun.result()
            else:
                self._qmp.answer(COMMAND, begun, COMMAND_TIMEOUT)
        except CommandError as error:
            raise_refused(error, self._vm_name, what)

    async def release(self, commands: Sequence[Events], what: str) -> None:
        await self.send(commands, what)

    def pointing(
        self, buttons: Collection[str], motions: Motions | None
    ) -> contextlib.AbstractAsyncContextManager[None]:
        return mouse_for(self._qmp, buttons)
