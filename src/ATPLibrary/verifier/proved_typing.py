"""One input at a VM's keyboard under the eyes of its agent: what is sent around it, so that it becomes what was meant."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.deadlines import limit
from ATPLibrary.errors import ATPError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier import lock_keys
from ATPLibrary.verifier.closed_loop import ClosedLoop
from ATPLibrary.verifier.hiding import hides
from ATPLibrary.verifier.key_names import key_name
from ATPLibrary.verifier.matcher import Matcher, Verdict
from ATPLibrary.verifier.observation import AUTOREPEAT, BROWSER, EV_KEY, RELEASED, Observation, ObserverOverrun
from ATPLibrary.verifier.others_keys import MODIFIER_CODES, refuse_others_keys, refuse_what_is_up
from ATPLibrary.verifier.retyping import find_cut
from ATPLibrary.verifier.sending import shielded
from ATPLibrary.verifier.text_units import unit_of, units_of_text

if TYPE_CHECKING:
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.verifier.device_memory import DeviceMemory
    from ATPLibrary.verifier.held import Held
    from ATPLibrary.verifier.injector import Injector
    from ATPLibrary.verifier.layout import Layout
    from ATPLibrary.verifier.lock_keys import LockKey
    from ATPLibrary.verifier.queues import DeviceQueue
    from ATPLibrary.verifier.session import AgentSession
    from ATPLibrary.verifier.stream import ObservationStream
    from ATPLibrary.verifier.units import Unit

AGENT_TIMEOUT = 5.0
KEYBOARD_TIMEOUT = 10.0  # a guest that has just booted finds its USB devices a moment after its agent has started
# Before the input after one that failed: so long nothing seen, and what that one had sent has arrived, or won't.
QUIET_SECONDS = 0.2
SETTLE_SECONDS = 2.0
# After an input that failed, for a lock key that it had switched.
SWITCH_BACK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class KeyInput:
    """What is asked of a keyboard."""

    what: str  # "text 'Hello'", "keys 'ctrl+c'"
    units: Sequence[Unit]
    text: str = ""  # a text's characters, "\n" for each end of a line; "" for keys
    layout: Layout | None = None  # that the text is typed on
    retries: int = 0
    hold_seconds: float | None = None  # between the first unit and the rest
    releases: Sequence[str] = ()  # keys that were down before, and whose release is to be seen
    keeps: Sequence[str] = ()  # keys that stay down after it


class ProvedTyping:
    """The keyboard of one VM, watched. `queue` and `bus` become those of the device that the guest sees keys on."""

    __slots__ = (
        "_expected_buses", "_held", "_memory", "_ours", "_qmp", "_session", "_unsettled", "_vm_name", "_way", "bus", "notes",
        "queue", "unheard_because",
    )  # fmt: skip

    def __init__(
        self,
        qmp: Qmp,
        session: AgentSession,
        keyboards: Sequence[str],
        *,
        way: Injector,
        queue: DeviceQueue,
        memory: DeviceMemory,
        held: Held,
        vm_name: str,
        ours: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.queue = queue
        self.bus = ""
        self.unheard_because = ""  # why the agent's word at the end of the last input is missing
        self.notes: list[str] = []  # what the reader of its report must know besides
        self._qmp = qmp
        self._way = way
        self._session = session
        self._memory = memory
        self._held = held
        self._vm_name = vm_name
        self._ours = ours  # keys that others of the same caller keep down
        # Buses on which the guest should have a keyboard before the first key is sent; its PS/2 one is always there.
        self._expected_buses = frozenset(keyboards) & {"usb", "virtio"}
        self._unsettled = False  # an input failed with edges on their way

    async def know_the_guest(self) -> None:
        """Make sure that the agent watches, and of what the guest holds where it began anew."""
        self.unheard_because, self.notes = "", []
        await self._session.be_there(AGENT_TIMEOUT)
        await self._held.know_the_guest(self._session, AGENT_TIMEOUT)

    async def carry_out(self, asked: KeyInput, matcher: Matcher) -> None:
        """Send all of it, in order, and hear what became of it. What `matcher` holds then is the whole truth."""
        await self._until_keyboard_is_there()
        if self._unsettled:
            await self._session.wait_until_quiet(QUIET_SECONDS, SETTLE_SECONDS)
            self._unsettled = False
        with self._session.observations.subscribe() as stream:
            if await self._may_begin(asked, stream):
                await self._send(asked, matcher, stream)
            else:
                await self._send_without_caps_lock(asked, matcher)
        # A release that was lost, or a key that came twice: the guest holds what we don't.
        await self._held.let_go(self._stuck(matcher))

    async def _may_begin(self, asked: KeyInput, stream: ObservationStream) -> bool:
        """By one answer of the agent's: refuse keys that others hold down, or have let go of; is Caps Lock as the text needs it?"""
        state = await self._session.input_state(AGENT_TIMEOUT)
        if asked.releases:  # what lets go must go through, whatever else is down
            shown = {EVDEV_OF_QCODE[name]: self._held.shown([name]) for name in asked.releases}
            refuse_what_is_up(self._session, stream, asked.what, shown, held=state.held)
            return True
        if await self._refuse_others_keys(asked, stream, state.held):
            state = await self._session.input_state(AGENT_TIMEOUT)  # the key that was down may have been Caps Lock
        return not (lock_keys.minds_caps_lock(asked.text) and lock_keys.lit(state.leds).get("caps"))

    async def _send_without_caps_lock(self, asked: KeyInput, matcher: Matcher) -> None:
        async with self._without_caps_lock():
            with self._session.observations.subscribe() as stream:
                await self._refuse_others_keys(asked, stream)
                await self._send(asked, matcher, stream)

    async def lock_keys(self) -> Mapping[LockKey, bool]:
        """Which lock keys are on."""
        return await self._session.lock_keys(AGENT_TIMEOUT)

    async def switch(self, key: LockKey, on: bool) -> None:
        """Press a lock key, and wait until its light has changed. `InputError` when it doesn't."""

        async def press(qcode: str) -> None:
            asked = KeyInput(f"key '{qcode}'", [unit_of([qcode], True, False)])
            matcher = Matcher(held=self._held.codes)
            with self._session.observations.subscribe() as stream:
                await self._send(asked, matcher, stream)
            # Seen on PS/2: the release came while the guest was setting the keyboard's lights, and was lost.
            await self._held.let_go(self._stuck(matcher))

        await lock_keys.switch(self._session, key, on, press, AGENT_TIMEOUT)

    async def _refuse_others_keys(
        self, asked: KeyInput, stream: ObservationStream, held: frozenset[tuple[int, int]] | None = None
    ) -> bool:
        ours = {EVDEV_OF_QCODE[name] for name in (*self._held.wanted, *self._ours()) if name not in asked.keeps}
        return await refuse_others_keys(
            self._session, stream, asked.what, ours=ours, timeout=AGENT_TIMEOUT, shown=self._shown, held=held
        )

    def _shown(self, code: int) -> str:
        name = self._held.name_of(code)
        return key_name(code) if name is None else self._held.shown([name])

    async def _send(self, asked: KeyInput, matcher: Matcher, stream: ObservationStream) -> None:
        loop = ClosedLoop(
            self._qmp,
            self._session,
            asked.what[0].upper() + asked.what[1:],
            way=self._way,
            vm_name=self._vm_name,
            accepts=self._is_key,
            goes_to=lambda device: device.keyboard,
            matcher=matcher,
            queue=self.queue,
            memory=self._memory,
            note_sent=self._held.note_sent,
            # A combination or a held key is what it is by its reports; text may ride in few.
            joins=bool(asked.text),
            stops_at_loss=asked.retries > 0,
        )
        try:
            if asked.hold_seconds is not None:
                await loop.run(asked.units[:1], stream)
                await loop.hold(asked.hold_seconds, stream)
                await loop.run(asked.units[1:], stream)
            elif asked.retries:
                await self._until_it_arrives(asked, loop, stream)
            else:
                await loop.run(asked.units, stream)
            await loop.listen_to_the_end(stream)
            self.unheard_because = loop.unheard_because
        except BaseException:
            await shielded(loop.drain(stream))
            self._unsettled = bool(matcher.outstanding)
            if not self._way.is_answered:
                self._held.doubt(matcher)
            raise
        finally:
            self.queue, self.bus = loop.queue, loop.bus or self.bus
            if loop.bus:
                self._memory.keys_go_to = loop.queue

    async def _until_it_arrives(self, asked: KeyInput, loop: ClosedLoop, stream: ObservationStream) -> None:
        """Type a text, and what of it was lost again, where that is sound (`retyping`)."""
        assert asked.layout is not None, "a text is typed on a layout"
        matcher, units = loop.matcher, asked.units
        for left in range(asked.retries, -1, -1):
            since, extras = len(matcher.injections), len(matcher.extras)
            await loop.run(units, stream)
            if all(each.verdict is Verdict.OK for each in matcher.injections[since:]):
                return
            cut = find_cut(units, matcher, since, extras)
            if isinstance(cut, str):
                self.notes.append(f"not typed again: {cut}")
                return
            if not left:
                self.notes.append(f"not typed again: it was lost {asked.retries + 1} times")
                return
            if not await self._is_clear(matcher, loop, stream):
                self.notes.append("not typed again: something came after what was lost")
                return
            for each in cut.missing:
                each.is_sent_again = True
            self.notes.append(
                f"{len(cut.missing)} edges were lost and nothing came after them: typed again from position {cut.position + 1}"
            )
            rest = asked.text[cut.position :]
            units, _ = units_of_text(rest, asked.layout, first=cut.position, hidden=hides(asked.what))

    async def _is_clear(self, matcher: Matcher, loop: ClosedLoop, stream: ObservationStream) -> bool:
        """Let go of what the lost edges left down; whether the guest has seen nothing but that."""
        names = [*dict.fromkeys((*self._stuck(matcher), *self._held.unwanted()))]
        codes = {EVDEV_OF_QCODE[name] for name in names}
        await self._held.let_go(names)
        await self._session.ping(AGENT_TIMEOUT)  # its answer stands behind all that was seen
        matcher.let_go(codes)
        return not any(
            isinstance(seen, ObserverOverrun)
            or (self._is_key(seen) and not (seen.value == RELEASED and seen.code in codes))
            for seen in stream.take()
        )

    def _stuck(self, matcher: Matcher) -> list[str]:
        """Keys of this input that the guest holds, and nobody wants down."""
        codes = {injection.symbol[1] for injection in matcher.injections} & matcher.held
        names = (self._held.name_of(code) for code in codes)
        return [name for name in names if name is not None and name not in self._held.wanted]

    @contextlib.asynccontextmanager
    async def _without_caps_lock(self) -> AsyncIterator[None]:
        """While this lasts, Caps Lock is off, which it was not. No key that others hold is down, which might change it."""
        self.notes.append("Caps Lock was on: switched off for this text, and on again")
        await self.switch("caps", False)
        try:
            yield
        except BaseException:
            await shielded(self._switch_back())
            raise
        unheard = self.unheard_because
        await self.switch("caps", True)
        self.unheard_because = unheard or self.unheard_because

    async def _switch_back(self) -> None:
        with contextlib.suppress(ATPError, TimeoutError), limit(SWITCH_BACK_SECONDS):
            await self.switch("caps", True)

    async def _until_keyboard_is_there(self) -> None:
        """QEMU sends keys to a USB or virtio keyboard from the start, but until the guest has set it up they are lost."""
        expected, self._expected_buses = self._expected_buses, frozenset()
        if expected:
            await self._session.wait_for_device(
                # A browser has one keyboard, which is all of them.
                lambda device: device.keyboard and (device.bus in expected or device.bus == BROWSER),
                KEYBOARD_TIMEOUT,
            )

    def _is_key(self, observation: Observation) -> bool:
        device = self._session.devices.get(observation.device)
        if observation.type != EV_KEY or device is None or not device.keyboard:
            return False
        # A modifier that is held repeats like any key, and means nothing by it.
        return not (observation.value == AUTOREPEAT and observation.code in MODIFIER_CODES)
