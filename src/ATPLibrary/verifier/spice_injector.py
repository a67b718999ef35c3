"""Input by a SPICE session: messages of its inputs channel, which nobody answers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from ATPLibrary.errors import ATPError, ChannelError, DeadlineError
from ATPLibrary.protocol.spice import input_messages
from ATPLibrary.verifier.injector import Axis, Events, Injector, Motions, Via
from ATPLibrary.verifier.mouse_choice import mouse_for
from ATPLibrary.verifier.qmp_injector import QmpInjector
from ATPLibrary.verifier.sending import COMMAND_TIMEOUT, require_running

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.protocol.spice.inputs import SpiceInputs

# How long a release may wait for a server that doesn't read: the other way has to go in the same second and a half.
_RELEASE_SECONDS = 0.5


class SpiceInjector(Injector):
    """QEMU drops what it is sent for a VM that stands still, so its state is asked for through `qmp`.

    `inputs` tells the session's input as it is now: a channel may be opened anew.
    """

    via: ClassVar[Via] = "spice"
    ended_by: ClassVar[frozenset[str]] = frozenset({"spice.channel.failed", "spice.channel.closed"})
    is_answered: ClassVar[bool] = False

    def __init__(self, qmp: Qmp, inputs: Callable[[], SpiceInputs], vm_name: str) -> None:
        self._qmp = qmp
        self._inputs = inputs
        self._vm_name = vm_name
        self._other_way = QmpInjector(qmp, vm_name)
        self._screen = (0, 0)
        self._unread: SpiceInputs | None = None  # whose server left a release unread: the next ones don't wait for it

    @property
    def takes_several(self) -> bool:
        return True

    async def send(self, commands: Sequence[Events], what: str) -> None:
        await self._inputs().send(commands, COMMAND_TIMEOUT)

    async def make_sure(self, what: str) -> None:
        await require_running(self._qmp, self._vm_name, what)

    async def release(self, commands: Sequence[Events], what: str) -> None:
        """By QMP where the session has ended or its server doesn't read: it is the same keyboard and the same mouse."""
        await require_running(self._qmp, self._vm_name, what)
        inputs = None
        try:
            inputs = self._inputs()
            await inputs.send(commands, 0.0 if self._unread is inputs else _RELEASE_SECONDS)
            self._unread = None
        except ChannelError:
            await self._other_way.release(commands, what)
        except DeadlineError:
            self._unread = inputs
            await self._other_way.release(commands, what)

    @contextlib.asynccontextmanager
    async def pointing(self, buttons: Collection[str], motions: Motions | None) -> AsyncIterator[None]:
        async with mouse_for(self._qmp, buttons):
            if motions == "absolute":
                self._screen = await self._inputs().be_absolute(COMMAND_TIMEOUT)
            elif motions == "relative":
                await self._inputs().be_relative(COMMAND_TIMEOUT)
            yield

    def nearest(self, axis: Axis, value: int) -> int:
        return input_messages.nearest(value, self._screen[axis == "y"])

    def seen_at(self, axis: Axis, value: int, low: int, high: int) -> int:
        size = self._screen[axis == "y"]
        if high - low == size - 1:  # the SPICE agent's own pointer, which is told pixels
            return low + input_messages.pixel(value, size)
        return super().seen_at(axis, value, low, high)

    def why_ended(self) -> ATPError | None:
        try:
            return self._inputs().why_ended()
        except ATPError as error:
            return error
