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
import itertools
import random
import secrets as tokens
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import AgentError, ATPError, ChannelError, DeadlineError
from ATPLibrary.events import Event, EventBus, Subscription
from ATPLibrary.secrets import Secret, as_secret
from ATPLibrary.verifier.answers import Key, Message, check, key_of, key_of_refused, read_pong
from ATPLibrary.verifier.batches import NUMBERED, Batches
from ATPLibrary.verifier.clock import ClockEstimate, ClockOffset
from ATPLibrary.verifier.fields import MALFORMED, shown
from ATPLibrary.verifier.flood import FloodGuard
from ATPLibrary.verifier.guest_clock import WallClock, leap
from ATPLibrary.verifier.guest_life import GuestLife
from ATPLibrary.verifier.hello import PROTOCOL, AgentHello
from ATPLibrary.verifier.hiding import HiddenTimes
from ATPLibrary.verifier.questions import Questions
from ATPLibrary.verifier.remarks import Remarks
from ATPLibrary.verifier.session_state import STATUS_ADVICE, SessionState
from ATPLibrary.verifier.silence import PortState, why_silent
from ATPLibrary.verifier.succession import Succession, briefly
from ATPLibrary.verifier.wire import LineReader, Refused, encode

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
READ_TURN = 30.0  # how long one read may wait; silence is judged by pings, not by reads
WRITE_TIMEOUT = 10.0
# After these the guest may be another one, or thrown back in time, or its clock has stood still.
TURNING_POINTS = frozenset({"qmp.RESUME", "qmp.RESET", "libvirt.lifecycle.resumed", "libvirt.reboot"})
# How many refused lines of a session become events; all are counted.
REFUSALS_TOLD = 3


class AgentLink:
    """What is under way between an `AgentSession` and its agent: the state, the task that keeps it, and the questions."""

    def __init__(
        self,
        channel_factory: Callable[[], Awaitable[ByteChannel]],
        vm_name: str,
        bus: EventBus,
        token: Secret | str | None = None,
        port_state: PortState | None = None,
    ) -> None:
        self.vm_name = vm_name
        self.hello: AgentHello | None = None
        self.life = GuestLife()
        self._channel_factory = channel_factory
        self._bus = bus
        self.remarks = Remarks(self._publish)
        self._batches = Batches(self._publish, self.remarks)
        self._port_state = port_state
        self._token = None if token is None else as_secret(token)
        self._state = SessionState.CLOSED
        self._moved = asyncio.Event()  # replaced at each move: whoever waits holds the old one
        self._since = time.time()
        self._task: asyncio.Task[None] | None = None
        self._channel: ByteChannel | None = None
        self._nonce = ""
        self._nonces: deque[str] = deque(
            maxlen=NONCES_KNOWN
        )  # that we have greeted with: an answer to one may come late
        self.hidden = HiddenTimes()
        self._hurry = asyncio.Event()  # something has become of the VM or of its ports: don't wait for the next turn
        self.comes_again = False  # whether the agent has dialled, and dials anew when its connection ends
        self._doubted = False  # whether the guest is what it was: until the agent has said so
        self._clock = ClockEstimate()
        self._wall_clock = WallClock()
        self._flood = FloodGuard(vm_name)
        self._ids = itertools.count(1)
        self._questions = Questions()
        self._writing = asyncio.Lock()  # a channel has one writer at a time
        self._heard: float | None = None
        self._refused, self._refused_lines = "", 0
        self._refusal: AgentError | None = None  # this agent is the wrong one: waiting won't help
        self._trouble = "nothing was tried yet"
        self._succession = Succession()
        self._strange_hellos = 0  # since the port was opened: answers to a nonce that was never ours

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def clock(self) -> ClockOffset | None:
        """The guest's clock against ours, with its error bound now; None before the first ping came back."""
        return self._clock.at(time.monotonic())

    def describe(self) -> str:
        """The session in words, for an error's "last seen": "agent session ready since 14:02:11, last heard 0.3 s ago"."""
        words = f"agent session {self._state.value} since {time.strftime('%H:%M:%S', time.localtime(self._since))}"
        if self._heard is None:
            words += ", nothing received"
        else:
            words += f", last heard {time.monotonic() - self._heard:.1f} s ago"
        if self._state is not SessionState.READY:
            words += f" ({self._trouble})"
        if self._strange_hellos and self._state is not SessionState.READY:
            words += f"; {self._strange_hellos} greetings came that answer another nonce than ours"
        if self._refused:
            words += f"; skipped {self._refused_lines} unreadable lines, the last was {self._refused}"
        return words

    async def ping(self, timeout: float) -> ClockOffset:
        """Measure the clocks once more and return the best offset known."""
        number = next(self._ids)
        sent = time.monotonic()
        answer = await self._ask({"type": "ping", "id": number}, ("pong", number), timeout)
        pong = read_pong(answer)
        if self.life.heard(pong.sent_us):
            self._forget_the_clocks()
            self._greet_again(f"the guest {self.life.why}")
        if what := leap(self._clock.add(sent, pong.received_us, pong.sent_us, answer["_read"])):
            self.remarks.add("time_leapt", what)
        if what := self._wall_clock.measured(pong.realtime_us, pong.sent_us):
            self.remarks.add("clock_set", what)
        best = self.clock
        assert best is not None
        return best

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
                self._move(SessionState.LOST)
                if channel is not None:
                    await channel.close()
            if was_ready and self._refusal is None:
                back_off = FIRST_BACK_OFF
            await self._pause(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)

    async def _pause(self, back_off: float) -> None:
        """Before the next try, unless somebody waits for it."""
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(back_off):
                await self._hurry.wait()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """It ends by `close()` only; anything else is a defect of ours, which whoever waits should hear of."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._trouble = f"the session broke: {error!r}"
        self._refusal = AgentError(
            f"The agent session of VM '{self.vm_name}' broke, a defect of ATPLibrary: {error!r}."
        )
        self._publish("agent.broken", {"error": str(self._refusal)})
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _serve(self, channel: ByteChannel) -> None:
        """Read until the channel ends, which is an error."""
        lines = LineReader()
        self._refused, self._refused_lines, self._strange_hellos = "", 0, 0
        self._move(SessionState.GREETING)
        tending = asyncio.create_task(self._tend(), name=f"agent greeting of {self.vm_name}")
        reading = asyncio.create_task(self._read(channel, lines), name=f"agent reading of {self.vm_name}")
        try:
            done, _ = await asyncio.wait((tending, reading), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (tending, reading):
                task.cancel()
            await asyncio.gather(tending, reading, return_exceptions=True)

    async def _read(self, channel: ByteChannel, lines: LineReader) -> None:
        while True:
            try:
                data = await channel.read(READ_TURN)
            except DeadlineError:
                continue
            now = time.monotonic()
            self._heard = now
            read = lines.read
            for message in lines.feed(data):
                if isinstance(message, Refused):
                    self._batches.garbage(message.why)
                    self._refuse(message.why)
                    self._flood.count(now, others=1)
                else:
                    self._receive(message, now)
                    self._flood.count(now, **_size_of(message))
            self._flood.count(now, size=lines.read - read)

    async def _tend(self) -> None:
        """Greet until the agent answers, then ask now and then whether it is still there."""
        patience, asked = FIRST_PATIENCE, time.monotonic()
        with self._bus.subscribe(self._is_news, f"vm:{self.vm_name}") as changes:
            listening = asyncio.create_task(self._listen(changes))
            try:
                while True:
                    if self._state is SessionState.GREETING:
                        await self._greet(patience)
                        if self._state is SessionState.GREETING and time.monotonic() - asked >= SILENT_SECONDS:
                            self._cut_if_silent(asked, "no hello came over it")
                        patience = min(patience * 2, LONGEST_PATIENCE)
                    else:
                        await self._keep()
                        patience, asked = FIRST_PATIENCE, time.monotonic()
            finally:
                listening.cancel()

    async def _greet(self, patience: float) -> None:
        self._nonce = tokens.token_hex(8)
        self._nonces.append(self._nonce)
        self._hurry.clear()
        channel = self._channel
        assert channel is not None
        # The empty line cuts off whatever half line went before (the protocol's first rule).
        hello = {"type": "hello", "nonce": self._nonce, "protocol": PROTOCOL, "watch": True}
        async with self._writing:
            await channel.write(b"\n" + encode(hello), WRITE_TIMEOUT)
        await self._until_moved_or_hurried(patience)

    async def _keep(self) -> None:
        """While ready: measure the clocks, then ping every now and then; measure them anew after the VM stood still."""
        try:
            pings, asked = CLOCK_PINGS, time.monotonic()
            while self._state is SessionState.READY:
                self._hurry.clear()
                for _ in range(pings):
                    asked = time.monotonic()
                    await self.ping(SILENT_SECONDS if self._doubted and self.comes_again else PONG_PATIENCE)
                await self._until_moved_or_hurried(PING_INTERVAL * random.uniform(*PING_SPREAD))
                pings = CLOCK_PINGS if self._hurry.is_set() else 1
        except (DeadlineError, AgentError) as error:
            if self._state is SessionState.READY:
                self._greet_again(f"the agent did not answer a ping: {error}", asked)

    async def _until_moved_or_hurried(self, patience: float) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._moved, self._hurry)]
        try:
            await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _listen(self, changes: Subscription) -> None:
        """The guest opened or closed a virtio-serial port, runs again, or was reset: ask at once who is there."""
        async for event in changes:
            self._doubted = self._doubted or event.kind in TURNING_POINTS
            if self._state is SessionState.GREETING:
                self._hurry.set()
            elif self._state is SessionState.READY:
                if event.kind in TURNING_POINTS:
                    self._hurry.set()
                # Not necessarily our port, nor a snapshot; the answer, and who gives it, says which.
                with contextlib.suppress(ATPError):
                    await self._write({"type": "watch", "enabled": True}, WRITE_TIMEOUT)

    def _is_news(self, event: Event) -> bool:
        return event.kind == "qmp.VSERPORT_CHANGE" or event.kind in TURNING_POINTS

    def _greet_again(self, why: str, asked: float | None = None) -> None:
        """`asked`: when the question was that wasn't answered."""
        self._trouble = why
        self._move(SessionState.GREETING)
        if asked is not None:
            self._cut_if_silent(asked, "nothing came over it any more")

    def _cut_if_silent(self, asked: float, why: str) -> None:
        """The kernel of a guest that `loadvm` put back believes for ten seconds in a connection that has gone on without it."""
        if self._channel is not None and self.comes_again and (self._heard is None or self._heard < asked):
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
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        if SessionState.READY in (before, state):
            kind = "agent.ready" if state is SessionState.READY else f"agent.{state.value}"
            self._publish(kind, {"why": self._trouble} if state is not SessionState.READY else {})

    # -- messages -------------------------------------------------------------------------------------------------------------

    def _receive(self, message: Mapping[str, Any], now: float) -> None:
        kind = message["type"]
        if kind == "hello":
            self._receive_hello(message)
        elif self._state is not SessionState.READY:
            return  # of an older session
        elif kind in NUMBERED:
            self._batches.receive(message, now)
        elif kind in ("watching", "grabbing", "pong", "state", "result", "error", "bye"):
            try:
                self._receive_answer(kind, message, now)
            except MALFORMED as error:
                self._refuse(f"a '{kind}' that can't be read: {error!r}")

    def _receive_answer(self, kind: str, message: Mapping[str, Any], now: float) -> None:
        """Raises one of `MALFORMED` when the message doesn't even say what it answers."""
        if kind == "bye":
            self._greet_again(f"the agent said bye: {shown(message.get('reason'))}")
        elif kind == "error":
            said, about = shown(message.get("message")), shown(message.get("about"))
            self._publish("agent.error", {"message": said, "about": about})
            if (refused := key_of_refused(message)) is not None:
                self._questions.fail(
                    refused, AgentError(f"The agent of VM '{self.vm_name}' refused a '{about}': {said}.")
                )
        elif kind == "watching" and message.get("next_seq") != self._batches.next_seq:
            # It stands in the stream behind every batch sent so far: another number is another agent, or batches that got lost.
            said = shown(message.get("next_seq"))
            ours = self._batches.next_seq
            self._greet_again(f"its next batch is {said}, ours {ours}: batches got lost, or another agent answers")
        else:
            key = key_of(message)
            if kind == "watching":
                self._doubted = False
            try:
                check(message)
            except MALFORMED as error:
                self._questions.fail(key, self._refuse(f"a '{kind}' that can't be read: {error!r}"))
            else:
                self._questions.answer(key, {**message, "_read": now})

    def _receive_hello(self, message: Mapping[str, Any]) -> None:
        if not self._nonce or message.get("nonce") != self._nonce:
            # An agent that was just started answers all greetings that it finds in its port, the older ones first.
            self._strange_hellos += message.get("nonce") not in self._nonces
            return
        hello = AgentHello.from_wire(message, self.vm_name, self._token)
        before, self.hello, self._refusal, self._doubted = self.hello, hello, None, False
        self._strange_hellos = 0
        if self.life.greeted(hello, self._batches.next_seq, was_replaced=self._succession.was_replaced):
            self._forget_the_clocks()
            self._publish("agent.guest_changed", {"guest": self.life.why})
        self._batches.begin(hello.next_seq, hello.devices, *self._succession.greeted(before, hello))
        if self._state is SessionState.GREETING:
            self._move(SessionState.READY)

    def _forget_the_clocks(self) -> None:
        self._clock.clear()
        self._wall_clock.forget()

    def _refuse(self, got: str) -> AgentError:
        """Count something that is no message; the first few are told."""
        self._refused, self._refused_lines = got, self._refused_lines + 1
        self.remarks.add("no_message", f"the agent sent what is no message: {got}", told=False)
        error = AgentError.about(
            f"The agent of VM '{self.vm_name}'",
            wanted="send messages as docs/agent-protocol.md says, one a line of at most 10 MiB",
            got=f"sent {got}",
            next_step="It was skipped; if it goes on, something else writes to this port in the guest, or the agent there is none "
            "of ours",
        )
        if self._refused_lines <= REFUSALS_TOLD:
            self._publish("agent.line_refused", {"error": str(error)})
        return error

    # -- asking ---------------------------------------------------------------------------------------------------------------

    async def _ask(self, message: Message, key: Key, timeout: float, waited: float | None = None) -> Message:
        """`waited`: what a sentence calls the time, where this is the rest of it."""
        if self._state is not SessionState.READY:
            raise AgentError.about(
                f"The agent of VM '{self.vm_name}'",
                wanted="be connected",
                got="is not",
                last_seen=self.describe(),
                next_step=STATUS_ADVICE,
            )
        future = self._questions.ask(key)
        try:
            async with asyncio.timeout(timeout):
                await self._write(message, timeout)
                return await asyncio.shield(future)
        except ChannelError as error:
            # The reader hears of it too, in a moment, and opens the channel anew: whoever asks again waits for that.
            if self._state is SessionState.READY:
                self._greet_again(str(error))
            raise AgentError(f"The agent session of VM '{self.vm_name}' ended while it was asked: {error}") from error
        except TimeoutError as error:
            if isinstance(error, DeadlineError):
                raise
            raise DeadlineError.about(
                f"The agent of VM '{self.vm_name}'",
                wanted=f"answer a '{message['type']}'",
                got="did not",
                waited=timeout if waited is None else waited,
                last_seen=self.describe(),
                next_step=STATUS_ADVICE,
            ) from None
        finally:
            self._questions.give_up(key, future)

    async def _write(self, message: Mapping[str, Any], timeout: float) -> None:
        channel = self._channel
        if channel is None:
            raise AgentError(f"The agent's channel of VM '{self.vm_name}' is not open: {self._trouble}.")
        async with self._writing:
            await channel.write(encode(message), timeout)

    def _publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self._bus.publish(Event(f"vm:{self.vm_name}", kind, data))


def _size_of(message: Mapping[str, Any]) -> dict[str, int]:
    """What a message counts for against a flood."""
    events = message.get("events")
    return (
        {"events": max(len(events), 1)}
        if message["type"] == "observations" and isinstance(events, list)
        else {"others": 1}
    )
