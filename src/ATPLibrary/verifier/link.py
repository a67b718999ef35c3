"""The state machine of a session with an agent (docs/agent-protocol.md): opened, greeted, kept, and opened again when it is lost.

                start()              channel is open            hello with our nonce
    CLOSED ----------------> OPENING ----------------> GREETING ---------------------> READY
       ^                        ^                          ^                             |
       | close()                | back-off                 | bye, no pong, restarted     |
       +---- from any      LOST <------ channel ended -----+-----------------------------+

Only `_move` changes the state. One hello is under way at a time: an answer with another nonce, and batches numbered before the
hello's `next_seq`, belong to an older session and are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets as tokens
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.deadlines import limit
from ATPLibrary.errors import AgentError, ATPError, ChannelError, DeadlineError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.hello import PROTOCOL
from ATPLibrary.verifier.session_state import SessionState
from ATPLibrary.verifier.signal import Signal
from ATPLibrary.verifier.silence import PortState, why_silent
from ATPLibrary.verifier.succession import briefly
from ATPLibrary.verifier.talk import AgentTalk
from ATPLibrary.verifier.wire import LineReader, encode

if TYPE_CHECKING:
    from ATPLibrary.transport import ByteChannel

FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 2.0
# An agent that isn't there yet gets every hello when it opens the port: few, then.
FIRST_PATIENCE = 1.0
LONGEST_PATIENCE = 5.0
CLOCK_PINGS = 6
PING_INTERVAL = 10.0
# Sessions that began together would ping together: with 1,000 of them, whatever else goes on would wait for all of them.
PING_SPREAD = (0.75, 1.25)
PONG_PATIENCE = 10.0
# So long not one word after a question over a connection that an agent has dialled, and it is cut: it may be from before `loadvm`.
SILENT_SECONDS = 2.0
NONCES_KNOWN = 256
WRITE_TIMEOUT = 10.0
# After these the guest may be another one, or thrown back in time, or its clock has stood still.
TURNING_POINTS = frozenset({"qmp.RESUME", "qmp.RESET", "libvirt.lifecycle.resumed", "libvirt.reboot"})
NEWS = TURNING_POINTS | {"qmp.VSERPORT_CHANGE"}


class AgentLink(AgentTalk):
    """What is under way between an `AgentSession` and its agent: the state, and the task that keeps it."""

    __slots__ = ("_channel_factory", "_hurried", "_port_state", "_stirred", "_task", "comes_again")

    def __init__(
        self,
        channel_factory: Callable[[], Awaitable[ByteChannel]],
        vm_name: str,
        bus: EventBus,
        token: Secret | str | None = None,
        port_state: PortState | None = None,
    ) -> None:
        super().__init__(vm_name, bus, token)
        self._channel_factory = channel_factory
        self._port_state = port_state
        self._task: asyncio.Task[None] | None = None
        self.comes_again = False  # whether the agent has dialled, and dials anew when its connection ends
        self._stirred = Signal()  # the state has changed, or there is a hurry
        self._hurried = False  # something has become of the VM or of its ports: don't wait for the next turn

    async def why_silent(self, since: float) -> str:
        """Why what was asked at `since` (`time.monotonic()`) isn't answered, as far as it can be told: the "got" of a sentence."""
        if self._refusal is not None and self._state is not SessionState.READY:
            return f"what answers there was refused: {briefly(self._refusal)}"
        if self._state in (SessionState.LOST, SessionState.OPENING, SessionState.CLOSED):
            return f"the agent's connection ended: {briefly(self._trouble)}"
        is_ready = self._state is SessionState.READY
        heard_since = is_ready and self._heard is not None and self._heard > since
        words = await why_silent(heard_since=heard_since, port_state=self._port_state)
        return words if is_ready else f"{words} ({self._trouble})"

    # -- the state machine ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        back_off = FIRST_BACK_OFF
        while True:
            self._move(SessionState.OPENING)
            try:
                self._channel = await self._channel_factory()
                self.comes_again = self._channel.comes_again
                self._trouble = f"port opened {time.strftime('%H:%M:%S')}, no hello yet"
                await self._serve(self._channel)
            except (ATPError, OSError) as error:
                self._trouble = str(error)
                self._succession.ended(error)
                if isinstance(error, AgentError):
                    self._refusal = error
            finally:
                channel, self._channel = self._channel, None
                was_ready = self._state is SessionState.READY
                self._hurried = False  # who hurries from now on wants the next try
                self._move(SessionState.LOST)
                if channel is not None:
                    await channel.close()
            if was_ready and self._refusal is None:
                back_off = FIRST_BACK_OFF
            await self._pause(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)

    async def _pause(self, back_off: float) -> None:
        """Before the next try, unless somebody waits for it."""
        with contextlib.suppress(TimeoutError), limit(back_off):
            while not self._hurried:
                await self._stirred.wait()

    def _hurry(self) -> None:
        self._hurried = True
        self._stirred.give()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """It ends by `close()` only; anything else is a defect of ours, which whoever waits should hear of."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._trouble = f"the session broke: {error!r}"
        self._refusal = AgentError(
            f"The agent session of VM '{self.vm_name}' broke, a defect of ATPLibrary: {error!r}."
        )
        self._publish("agent.broken", {"error": str(self._refusal)})
        self._stirred.give()

    async def _serve(self, channel: ByteChannel) -> None:
        """Read until the channel ends, which is an error."""
        lines = LineReader()
        self._refused, self._refused_lines, self._strange_hellos = "", 0, 0
        self._move(SessionState.GREETING)
        tending = asyncio.create_task(self._tend(), name=f"agent greeting of {self.vm_name}")

        def take(data: bytes) -> None:
            try:
                self._take(lines, data)
            except AgentError as error:  # whoever waits for an answer hears of it now, before a time-out
                words = f"The agent session of VM '{self.vm_name}' ended while it was asked: {error}"
                self._questions.fail_all(AgentError(words))
                raise

        reading = asyncio.create_task(channel.hand_over(take), name=f"agent reading of {self.vm_name}")
        try:
            done, _ = await asyncio.wait((tending, reading), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (tending, reading):
                task.cancel()
            await asyncio.gather(tending, reading, return_exceptions=True)

    async def _tend(self) -> None:
        """Greet until the agent answers, then ask now and then whether it is still there."""
        patience, asked = FIRST_PATIENCE, time.monotonic()
        with self._bus.listen(self._hear_news, NEWS, f"vm:{self.vm_name}"):
            while True:
                if self._state is SessionState.GREETING:
                    await self._greet(patience)
                    if self._state is SessionState.GREETING:
                        self._cut_if_silent(asked, "no hello came over it")
                    patience = min(patience * 2, LONGEST_PATIENCE)
                else:
                    await self._keep()
                    patience, asked = FIRST_PATIENCE, time.monotonic()

    async def _greet(self, patience: float) -> None:
        self._nonce = tokens.token_hex(8)
        self._nonces.append(self._nonce)
        del self._nonces[:-NONCES_KNOWN]
        self._hurried = False
        channel = self._channel
        assert channel is not None
        # The empty line cuts off whatever half line went before (the protocol's first rule).
        hello = {"type": "hello", "nonce": self._nonce, "protocol": PROTOCOL, "watch": True}
        async with self._writing:
            await channel.write(b"\n" + encode(hello), WRITE_TIMEOUT)
        await self._while_still(SessionState.GREETING, patience)

    async def _keep(self) -> None:
        """While ready: measure the clocks, then ping every now and then; measure them anew after the VM stood still."""
        try:
            pings, asked = CLOCK_PINGS, time.monotonic()
            while self._state is SessionState.READY:
                self._hurried = False
                for _ in range(pings):
                    asked = time.monotonic()
                    await self.ping(SILENT_SECONDS if self._doubted and self.comes_again else PONG_PATIENCE)
                await self._while_still(SessionState.READY, PING_INTERVAL * random.uniform(*PING_SPREAD))
                pings = CLOCK_PINGS if self._hurried else 1
        except (DeadlineError, AgentError) as error:
            if self._state is SessionState.READY:
                self._greet_again(f"the agent did not answer a ping: {error}", asked)

    async def _while_still(self, state: SessionState, patience: float) -> None:
        """Return once the state is another or there is a hurry, also where that was so already; or after `patience` seconds."""
        with contextlib.suppress(TimeoutError), limit(patience):
            while self._state is state and not self._hurried:
                await self._stirred.wait()

    def _hear_news(self, event: Event) -> None:
        """The guest opened or closed a virtio-serial port, runs again, or was reset: ask at once who is there."""
        self._doubted = self._doubted or event.kind in TURNING_POINTS
        if self._state is SessionState.GREETING:
            self._hurry()
        elif self._state is SessionState.READY:
            if event.kind in TURNING_POINTS:
                self._hurry()
            # Not necessarily our port, nor a snapshot; the answer, and who gives it, says which.
            runtime.spawn(self._ask_who_is_there(), f"ask the agent of {self.vm_name} who it is")

    async def _ask_who_is_there(self) -> None:
        asked = time.monotonic()
        with contextlib.suppress(AgentError, ChannelError):
            try:
                await self._ask({"type": "watch", "enabled": True}, ("watching", None), SILENT_SECONDS)
            except DeadlineError as error:
                # A ping may be under way that was asked before, with more patience.
                if (
                    self._state is SessionState.READY
                    and self._doubted
                    and self.comes_again
                    and not self._heard_since(asked)
                ):
                    self._greet_again(f"the agent did not say that it watches: {error}", asked)

    def _heard_since(self, moment: float) -> bool:
        return self._heard is not None and self._heard >= moment

    def _greet_again(self, why: str, asked: float | None = None) -> None:
        """`asked`: when the question was that wasn't answered."""
        self._trouble = why
        self._move(SessionState.GREETING)
        if asked is not None:
            self._cut_if_silent(asked, "nothing came over it any more")

    def _cut_if_silent(self, asked: float, why: str) -> None:
        """The kernel of a guest that `loadvm` put back believes for ten seconds in a connection that has gone on without it."""
        was_patient = time.monotonic() - asked >= SILENT_SECONDS  # a caller in a hurry says nothing of the agent
        if was_patient and self._channel is not None and self.comes_again and not self._heard_since(asked):
            self._channel.cut(why)

    def _move(self, state: SessionState) -> None:
        if state is self._state:
            return
        before, self._state = self._state, state
        self._since = time.time()
        if state is not SessionState.READY:
            self._nonce = ""
            error = AgentError(f"The agent session of VM '{self.vm_name}' ended while it was asked: {self._trouble}.")
            self._questions.fail_all(error)
        self._stirred.give()
        if SessionState.READY in (before, state):
            kind = "agent.ready" if state is SessionState.READY else f"agent.{state.value}"
            self._publish(kind, {"why": self._trouble} if state is not SessionState.READY else {})
