"""What types and points in a VM: an engine each for watched and unwatched input, by QMP and by SPICE; and what they hold down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, button_event, key_event

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.protocol.qmp import Qmp
    from ATPLibrary.protocol.spice.inputs import SpiceInputs
    from ATPLibrary.verifier import Pointer, TypingEngine
    from ATPLibrary.verifier.device_memory import DeviceMemory
    from ATPLibrary.verifier.injector import Injector, Via

# Of a VM: its session's input, open. `ChannelError` where there is none.
SpiceInput = Callable[["Machine", float], Awaitable["SpiceInputs"]]

# For QMP when what was left down is let go of.
CHANNEL_SECONDS = 10.0
# After input that nobody watched: so long nothing seen, and it has arrived; a key that was left down repeats for ever.
QUIET_SECONDS = 0.2
SETTLE_SECONDS = 2.0

Key = tuple[bool, "Via"]  # whether it is watched, and how it goes


class InputEngines:
    """Of one VM. An engine is made when it is first needed, and lives as long as the QMP channel that tells it how the VM is."""

    __slots__ = (
        "_arrived", "_device_memory", "_machine", "_releasing", "_spice", "_spice_inputs", "_strays", "_unwatched", "left_down",
        "pointers", "typing_of",
    )  # fmt: skip

    def __init__(self, machine: Machine, spice: SpiceInput | None) -> None:
        self.typing_of: dict[Key, TypingEngine] = {}
        self.pointers: dict[Key, Pointer] = {}
        self.left_down: list[dict[str, Any]] = []  # releases that a QMP channel which ended couldn't take any more
        self._machine = machine
        self._spice = spice
        self._spice_inputs: SpiceInputs | None = None  # as the newest input by SPICE has it
        self._device_memory: DeviceMemory | None = None  # what inputs, watched or not, have learnt of its keyboards
        # How often input was sent, or begun to be, without an observer; and for how many of these one has been asked since whether
        # nothing more comes. More may begin while that is waited for.
        self._unwatched = self._arrived = 0
        self._strays: tuple[asyncio.Task[None], ...] = ()  # that send some
        self._releasing = asyncio.Lock()

    async def typing(self, timeout: float, *, verified: bool, via: Via) -> TypingEngine:
        """The typing engine; with `verified`, on top of a live agent session (`AgentError` when there is none)."""
        machine, key = self._machine, (verified, via)
        qmp = await machine.qmp(timeout)
        way = await self._way(qmp, timeout, via)
        if key not in self.typing_of:
            from ATPLibrary.verifier import TypingEngine

            session = await machine.agent(timeout) if verified else None
            keyboards = (await machine.description(timeout)).keyboards
            self.typing_of[key] = TypingEngine(
                qmp,
                session,
                keyboards,
                way=way,
                layout=machine.layout(),
                vm_name=machine.name,
                memory=self._devices(),
                ours=self._keys_kept,
            )
        await self._await_unwatched_input(verified, timeout)
        return self.typing_of[key]

    async def pointer(self, timeout: float, *, verified: bool, via: Via) -> Pointer:
        """The pointer; with `verified`, on top of a live agent session (`AgentError` when there is none)."""
        machine, key = self._machine, (verified, via)
        qmp = await machine.qmp(timeout)
        way = await self._way(qmp, timeout, via)
        if key not in self.pointers:
            from ATPLibrary.verifier import Pointer

            session = await machine.agent(timeout) if verified else None
            self.pointers[key] = Pointer(qmp, session, way=way, vm_name=machine.name, ours=self._codes_kept)
        await self._await_unwatched_input(verified, timeout)
        return self.pointers[key]

    @property
    def all(self) -> list[TypingEngine | Pointer]:
        return [*self.typing_of.values(), *self.pointers.values()]

    @property
    def holds_keys(self) -> bool:
        """Whether a keyword has left a key or button down."""
        return any(engine.keys_down for engine in self.typing_of.values()) or any(
            pointer.buttons_down for pointer in self.pointers.values()
        )

    @property
    def shown_down(self) -> list[str]:
        """What keywords hold down, for a log: "shift", "left button"; a key of a secret has no name."""
        keys = [key for engine in self.typing_of.values() for key in engine.shown_down]
        return [*keys, *(f"{button} button" for each in self.pointers.values() for button in each.buttons_down)]

    async def release_all(self, via: Via | None = None) -> None:
        """Let go of every key and button that keywords hold down; with `via`, of those that were pressed that way."""
        engines: list[TypingEngine | Pointer] = [
            engine
            for engines in (self.typing_of, self.pointers)
            for key, engine in engines.items()
            if via in (None, key[1])
        ]
        await asyncio.gather(*(engine.release_all() for engine in engines))

    def expect_strays(self, sending: asyncio.Task[None] | None = None) -> None:
        """Releases that nobody watches are on their way: the next watched input waits until nothing more comes.

        `sending`: who still sends some, waited for before.
        """
        self._unwatched += 1
        if sending is not None:
            self._strays = (*self._strays, sending)

    async def release_left_over(self) -> bool:
        """Let go of what failed inputs left down; True when something is still down."""
        if not self.left_down and not self.all:
            return False
        from ATPLibrary.verifier.sending import require_running

        qmp = await self._machine.qmp(CHANNEL_SECONDS)  # one that ended is opened anew, which lets go of what was down
        await require_running(qmp, self._machine.name, "releases")
        return any([not await engine.release_left_over() for engine in self.all]) or bool(self.left_down)

    def channel_ended(self) -> None:
        """Their QMP channel has: the next one takes the releases of what is down."""
        self.left_down += self.releases()
        self.drop()

    async def release_on(self, qmp: Qmp, timeout: float) -> None:
        """Let go of what was down when an earlier channel ended."""
        from ATPLibrary.verifier.mouse_choice import mouse_for

        async with self._releasing:
            events, self.left_down = self.left_down, []
            try:
                while events:  # each on the device on which it went down
                    async with mouse_for(qmp, [str(events[0]["data"].get("button"))]):
                        await qmp.execute("input-send-event", {"events": [events[0]]}, timeout=timeout)
                    events.pop(0)
            finally:
                self.left_down = events + self.left_down

    def releases(self) -> list[dict[str, Any]]:
        """QMP events that let go of every key and button that the engines hold or may hold."""
        keys = [key for each in self.typing_of.values() for key in each.keys_down]
        buttons = [button for each in self.pointers.values() for button in each.buttons_down]
        return [*(key_event(key, False) for key in keys), *(button_event(button, False) for button in buttons)]

    def drop(self) -> None:
        """Forget the engines: the next input makes new ones."""
        self.typing_of, self.pointers = {}, {}

    def forget_layout(self) -> None:
        self.typing_of = {}

    async def _way(self, qmp: Qmp, timeout: float, via: Via) -> Injector | None:
        """None: the engine's own, through `qmp`."""
        if via == "qmp":
            return None
        from ATPLibrary.verifier.spice_injector import SpiceInjector

        self._spice_inputs = await self.spice_inputs(timeout)
        return SpiceInjector(qmp, self._inputs_now, self._machine.name)

    async def spice_inputs(self, timeout: float) -> SpiceInputs:
        """The input of the VM's SPICE session. `ChannelError` in one sentence where there is none, or it has ended."""
        assert self._spice is not None, "a workspace's VM has its SPICE sessions"
        return await self._spice(self._machine, timeout)

    def _inputs_now(self) -> SpiceInputs:
        assert self._spice_inputs is not None
        return self._spice_inputs

    def _keys_kept(self) -> list[str]:
        return [key for engine in self.typing_of.values() for key in engine.keys_kept]

    def _codes_kept(self) -> list[int]:
        keys = [EVDEV_OF_QCODE[key] for key in self._keys_kept()]
        return [*keys, *(code for pointer in self.pointers.values() for code in pointer.codes_kept)]

    def _devices(self) -> DeviceMemory:
        from ATPLibrary.verifier.device_memory import DeviceMemory

        if self._device_memory is None:
            self._device_memory = DeviceMemory()
        return self._device_memory

    async def _await_unwatched_input(self, verified: bool, timeout: float) -> None:
        """What was sent without proof may still be on its way: the next verified input mustn't see it as something of its own."""
        if not verified:
            self._unwatched += 1
            return
        if self._arrived < self._unwatched:
            from ATPLibrary.verifier.sending import require_running

            # Of a VM that stands still the agent would be waited for, and its silence told at length.
            await require_running(await self._machine.qmp(timeout), self._machine.name, "input")
        while self._arrived < (unwatched := self._unwatched):
            if strays := self._strays:
                await asyncio.wait(strays, timeout=timeout)
                self._strays = tuple(each for each in self._strays if not each.done())
            session = await self._machine.agent(timeout)
            await session.ensure_watching(timeout)
            await session.wait_until_quiet(QUIET_SECONDS, SETTLE_SECONDS)
            self._arrived = max(self._arrived, unwatched)
