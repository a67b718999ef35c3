"""What a session and its agent say to each other on one channel (docs/agent-protocol.md): messages, questions and their answers.

`link.AgentLink` decides when there is a channel and who may speak on it; this knows what is said.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ATPLibrary.deadlines import limit
from ATPLibrary.errors import AgentError, ChannelError, DeadlineError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.secrets import Secret, as_secret
from ATPLibrary.verifier.answers import Key, Message, check, key_of, key_of_refused, read_pong
from ATPLibrary.verifier.batches import NUMBERED, Batches
from ATPLibrary.verifier.clock import ClockEstimate, ClockOffset
from ATPLibrary.verifier.fields import MALFORMED, shown
from ATPLibrary.verifier.flood import FloodGuard
from ATPLibrary.verifier.guest_clock import WallClock, leap
from ATPLibrary.verifier.guest_life import GuestLife
from ATPLibrary.verifier.hello import AgentHello
from ATPLibrary.verifier.hiding import HiddenTimes
from ATPLibrary.verifier.questions import Questions
from ATPLibrary.verifier.remarks import Remarks
from ATPLibrary.verifier.session_state import STATUS_ADVICE, SessionState
from ATPLibrary.verifier.succession import Succession
from ATPLibrary.verifier.wire import LineReader, Refused, encode

if TYPE_CHECKING:
    from ATPLibrary.transport import ByteChannel

# How many refused lines of a session become events; all are counted.
REFUSALS_TOLD = 3


class AgentTalk(ABC):
    """All that is known of a VM's agent, in one object with slots: there is one for each VM, and each message goes through it."""

    __slots__ = (
        "_batches", "_bus", "_channel", "_clock", "_doubted", "_flood", "_heard", "_ids", "_nonce", "_nonces", "_questions",
        "_refusal", "_refused", "_refused_lines", "_since", "_state", "_strange_hellos", "_succession", "_token", "_trouble",
        "_wall_clock", "_writing", "hello", "hidden", "life", "remarks", "vm_name",
    )  # fmt: skip

    def __init__(self, vm_name: str, bus: EventBus, token: Secret | str | None) -> None:
        self.vm_name = vm_name
        self.hello: AgentHello | None = None
        self.life = GuestLife()
        self._bus = bus
        self.remarks = Remarks(self._publish)
        self._batches = Batches(self._publish, self.remarks)
        self._token = None if token is None else as_secret(token)
        self._state = SessionState.CLOSED
        self._since = time.time()
        self._channel: ByteChannel | None = None
        self._nonce = ""
        self._nonces: list[str] = []  # that we have greeted with, the newest last: an answer to one may come late
        self.hidden = HiddenTimes()
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

    @abstractmethod
    def _move(self, state: SessionState) -> None:
        """Go into another state, and let everybody who waits know."""

    @abstractmethod
    def _greet_again(self, why: str, asked: float | None = None) -> None:
        """What was known of the agent is in doubt: `asked` is when the question was that wasn't answered."""

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

    # -- messages -------------------------------------------------------------------------------------------------------------

    def _take(self, lines: LineReader, data: bytes) -> None:
        """What has come on the channel. Raises `AgentError` when it is more than an agent can have to say."""
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
                events = message.get("events")
                if message["type"] == "observations" and isinstance(events, list):
                    self._flood.count(now, events=max(len(events), 1))
                else:
                    self._flood.count(now, others=1)
        self._flood.count(now, size=lines.read - read)

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
            with limit(timeout):
                await self._write(message, timeout)
                # One without an id may be waited for by others too, who haven't given it up.
                return await (future if key[1] is not None else asyncio.shield(future))
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
        data = encode(message)
        if self._writing.locked() or not channel.write_now(data):
            async with self._writing:
                await channel.write(data, timeout)

    def _publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self._bus.publish(Event(f"vm:{self.vm_name}", kind, data))
