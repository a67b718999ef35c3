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
        if len(commands) > 1:
            return super().begin(commands, what)
        return self._qmp.begin(COMMAND, {"events": list(commands[0])}, COMMAND_TIMEOUT)

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
