"""One input at a VM's mouse or tablet under the eyes of its agent: each motion is proved by what the guest saw of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError
from ATPLibrary.verifier.closed_loop import ClosedLoop
from ATPLibrary.verifier.device_memory import DeviceMemory
from ATPLibrary.verifier.observation import (
    ABS_X,
    ABS_Y,
    EV_ABS,
    EV_KEY,
    EV_REL,
    REL_HWHEEL,
    REL_WHEEL,
    REL_X,
    REL_Y,
    Observation,
)
from ATPLibrary.verifier.others_keys import changes_clicks, changes_motions, refuse_others_keys, refuse_what_is_up
from ATPLibrary.verifier.pointer_places import beside, scaled
from ATPLibrary.verifier.pointer_units import BUTTONS, Motion, buttons_of, motion_unit, reached
from ATPLibrary.verifier.queues import ONE_BY_ONE
from ATPLibrary.verifier.sending import shielded

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.held import Held
    from ATPLibrary.verifier.injector import Injector
    from ATPLibrary.verifier.matcher import Matcher
    from ATPLibrary.verifier.observation import AgentDevice
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.stream import ObservationStream
    from ATPLibrary.verifier.units import Unit

AGENT_TIMEOUT = 5.0
TABLET_TIMEOUT = 5.0  # a guest that has just booted finds it a moment after its agent has started
# A motion to where the pointer already is makes no event: so long nothing, and that is where it was.
SILENCE_SECONDS = 0.3
_SEEN_RELATIVE = frozenset({REL_WHEEL, REL_HWHEEL})


class ProvedPointing:
    """The mouse and tablet of one VM, watched."""

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession,
        *,
        way: Injector,
        held: Held,
        vm_name: str,
        ours: Callable[[], Iterable[int]] = tuple,
    ) -> None:
        self.unheard_because = ""  # why the agent's word at the end of the last input is missing
        self._qmp = qmp
        self._way = way
        self._session = session
        self._held = held
        self._vm_name = vm_name
        self._ours = ours  # keys and buttons, by their codes, that others of the same caller keep down
        self._guest_at: dict[int, int] = {}  # axis -> the value that the guest saw last
        self._tablet: AgentDevice | None = None  # which of the guest's is moved this way, once one has answered

    async def know_the_guest(self) -> None:
        """Make sure that the agent watches, and of what the guest holds where it began anew."""
        self.unheard_because = ""
        await self._session.be_there(AGENT_TIMEOUT)
        if await self._held.know_the_guest(self._session, AGENT_TIMEOUT):
            self.forget_place()

    def forget_place(self) -> None:
        """Something else may have moved it: where the guest has it isn't known."""
        self._guest_at = {}

    async def carry_out(
        self, what: str, units: Sequence[Unit | Motion], matcher: Matcher, *, only_lets_go: bool = False
    ) -> None:
        """Send all of it, in order, and hear what became of it. What `only_lets_go` goes through whatever others hold down."""
        loop = ClosedLoop(
            self._qmp,
            self._session,
            what[0].upper() + what[1:],
            way=self._way,
            vm_name=self._vm_name,
            accepts=self._accepts,
            goes_to=lambda device: device.pointer is not None,
            matcher=matcher,
            queue=ONE_BY_ONE,
            memory=DeviceMemory(),  # there is nothing to learn: its window is one
            note_sent=self._held.note_sent,
        )
        with self._session.observations.subscribe() as stream:
            if only_lets_go:
                await self._refuse_what_is_up(what, units, stream)
            else:
                await self._refuse_what_others_hold(what, units, stream)
            try:
                for unit in reached(units, self._way):
                    if isinstance(unit, Motion):
                        await self._follow(loop, unit, stream)
                    else:
                        await loop.run([unit], stream)
                await loop.listen_to_the_end(stream)
                self.unheard_because = loop.unheard_because
            except BaseException:
                await shielded(loop.drain(stream))
                if not self._way.is_answered:
                    self._held.doubt(matcher)
                raise

    async def _refuse_what_is_up(self, what: str, units: Sequence[Unit | Motion], stream: ObservationStream) -> None:
        held = await self._session.held_keys(AGENT_TIMEOUT)
        releases = {BUTTONS[button]: f"the {button} button" for button in buttons_of(units)}
        refuse_what_is_up(self._session, stream, what, releases, held=held)

    async def _refuse_what_others_hold(
        self, what: str, units: Sequence[Unit | Motion], stream: ObservationStream
    ) -> None:
        only_moves = all(isinstance(unit, Motion) for unit in units)
        ours = self._held.codes | set(self._ours())
        await refuse_others_keys(
            self._session,
            stream,
            what,
            ours=ours,
            timeout=AGENT_TIMEOUT,
            minds=changes_motions if only_moves else changes_clicks,
        )

    async def _follow(self, loop: ClosedLoop, motion: Motion, stream: ObservationStream) -> None:
        """Send one motion, expecting only the axes on which it differs from where the guest has the pointer."""
        tablet = self._tablet
        if tablet not in self._session.devices.values():
            tablet = await self._session.wait_for_device(lambda device: device.pointer == "absolute", TABLET_TIMEOUT)
        if tablet is None:
            raise InputError.about(
                f"VM '{self._vm_name}'",
                wanted="have an absolute pointer",
                got="its guest sees none",
                last_seen=", ".join(map(str, self._session.devices.values())) or "no input device at all",
                next_step="Add a tablet to the VM (<input type='tablet' bus='usb'/>) and its driver to the guest",
            )
        wanted = self._seen_of(tablet, motion)
        # A motion to where it is already would be seen by nobody, and so be proved by nothing.
        if self._guest_at.keys() != wanted.keys() or self._guest_at == wanted:
            near = Motion(
                beside(self._way, tablet, "x", motion.x),
                beside(self._way, tablet, "y", motion.y),
            )
            # Of several the one that answers: a SPICE server moves its agent's own where that takes the mouse.
            tablet = self._tablet = await self._approach(near, stream) or tablet
            wanted, self._guest_at = self._seen_of(tablet, motion), self._seen_of(tablet, near)
        changed = tuple((EV_ABS, axis, value) for axis, value in wanted.items() if self._guest_at[axis] != value)
        # Until it is seen to be there, where the guest has the pointer is anyone's guess.
        self._guest_at = {}
        await loop.run([motion_unit(motion, changed)], stream)
        sent = loop.matcher.injections
        if all(each.observation is not None for each in sent[len(sent) - len(changed) :]):
            self._guest_at = wanted

    def _seen_of(self, tablet: AgentDevice, motion: Motion) -> dict[int, int]:
        return {ABS_X: scaled(self._way, tablet, "x", motion.x), ABS_Y: scaled(self._way, tablet, "y", motion.y)}

    async def _approach(self, near: Motion, stream: ObservationStream) -> AgentDevice | None:
        """Go right beside the target, so that the step onto it changes both axes wherever the pointer was before.

        Returns the device that the guest saw it on; None where it saw nothing, because the pointer was there.
        """
        await self._way.send([motion_unit(near).reports[0].events], "a motion of the pointer")
        end = time.monotonic() + SILENCE_SECONDS
        answered = None
        while answered is None and (remaining := end - time.monotonic()) > 0:
            for seen in await stream.next_batch(remaining):
                if isinstance(seen, Observation) and self._accepts(seen) and seen.type == EV_ABS:
                    device = self._session.devices.get(seen.device)
                    # Another one may be moved by somebody else at that moment.
                    if device is not None and self._seen_of(device, near).get(seen.code) == seen.value:
                        answered = device
        # The other axis comes with it, in front of the answer.
        await self._session.ping(AGENT_TIMEOUT)
        stream.take()
        return answered

    def _accepts(self, observation: Observation) -> bool:
        device = self._session.devices.get(observation.device)
        if device is None or device.pointer is None:
            return False
        if observation.type == EV_ABS:
            return device.pointer == "absolute" and observation.code in (ABS_X, ABS_Y)
        if observation.type == EV_REL:
            if observation.code in (REL_X, REL_Y):
                return device.pointer == "relative"
            return observation.code in _SEEN_RELATIVE  # the high-resolution twins say the same once more
        return observation.type == EV_KEY and observation.code in BUTTONS.values()
