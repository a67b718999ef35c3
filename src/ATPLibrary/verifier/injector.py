"""How edges and motions get into a VM: through QEMU's monitor, or by a SPICE session. What sends them is the same for both."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ATPLibrary.verifier.pointer_places import QMP_MAXIMUM, between

if TYPE_CHECKING:
    from ATPLibrary.errors import ATPError

Via = Literal["qmp", "spice"]
Axis = Literal["x", "y"]
Motions = Literal["absolute", "relative"]
# What happens at one go, as `input-send-event` has it: for virtio one report.
Events = Sequence[Mapping[str, Any]]


class Injector(ABC):
    """One way into one VM.

    `ended_by` are kinds of events of the VM after which `why_ended` may have a reason.
    """

    via: ClassVar[Via]
    ended_by: ClassVar[frozenset[str]] = frozenset()
    is_answered: ClassVar[bool] = True  # QEMU says of each whether it took it

    @property
    @abstractmethod
    def takes_several(self) -> bool:
        """Whether what is sent while something before it waits for its answer is taken in order all the same."""

    @abstractmethod
    async def send(self, commands: Sequence[Events], what: str) -> None:
        """Send in order. `VmStateError` where it is known that the VM doesn't run; `what` is the subject of the sentence."""

    def begin(self, commands: Sequence[Events], what: str) -> asyncio.Future[Any]:
        """As `send`, written before this returns where that can be; `finish` says what came of it once the future is done."""
        return asyncio.ensure_future(self.send(commands, what))

    def finish(self, begun: asyncio.Future[Any], what: str) -> None:
        """Raises as `send`."""
        begun.result()

    async def make_sure(self, what: str) -> None:
        """Of what was sent and nobody watches: `VmStateError` where it is known by now that it was lost."""
        return

    @abstractmethod
    async def release(self, commands: Sequence[Events], what: str) -> None:
        """As `send`, of releases: in whatever way there is, and never lost on a VM that stands still without a `VmStateError`."""

    @abstractmethod
    def pointing(
        self, buttons: Collection[str], motions: Motions | None
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """While this lasts the VM's mouse takes those buttons and such motions. `InputError` where it can't."""

    def nearest(self, axis: Axis, value: int) -> int:
        """The place nearest to `value`, both in QMP's units, that can be pointed at this way; while `pointing` lasts."""
        return value

    def seen_at(self, axis: Axis, value: int, low: int, high: int) -> int:
        """What a pointer of the guest whose axis runs from `low` to `high` says once it was sent to `value`, in QMP's units."""
        return between(low, high, value / QMP_MAXIMUM)

    def why_ended(self) -> ATPError | None:
        """Why nothing can be sent any more; None while it can."""
        return None
