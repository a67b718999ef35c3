"""The host's end of the agent's protocol (docs/agent-protocol.md): one session, kept open for as long as it is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import secrets as tokens
import time
from collections.abc import Callable, Mapping
from typing import Any

from ATPLibrary.deadlines import limit
from ATPLibrary.errors import AgentError, ATPError, DeadlineError
from ATPLibrary.verifier.answers import InputState, read_held, read_leds, read_places, read_state, read_taken
from ATPLibrary.verifier.fields import MALFORMED, whole
from ATPLibrary.verifier.grabs import Grabbed
from ATPLibrary.verifier.link import AgentLink
from ATPLibrary.verifier.lock_keys import LockKey, lit
from ATPLibrary.verifier.observation import AgentDevice, fraction
from ATPLibrary.verifier.session_state import STATUS_ADVICE, SessionState
from ATPLibrary.verifier.stream import ObservationFeed

# Heard of the agent this recently, it needn't be asked again whether it is there.
FRESH_SECONDS = 0.25
# What an agent takes at most to notice a connection that ended without a word, and to dial anew (guest_agent's links/dialled.py).
DIALS_ANEW_SECONDS = 15.0


class AgentSession(AgentLink):
    """A session with the agent in one VM: what others ask of it. `AgentLink` keeps it.

    `channel_factory` opens the byte channel anew each time; `token`, when given, must be the agent's. Nothing happens before
    `start()`. Belongs to the loop that `start()` ran on.
    """

    __slots__ = ()

    @property
    def next_seq(self) -> int | None:
        """The number of the batch that comes next."""
        return self._batches.next_seq

    @property
    def devices(self) -> Mapping[int, AgentDevice]:
        """The guest's input devices, by the agent's ids."""
        return self._batches.devices

    @property
    def observations(self) -> ObservationFeed:
        return self._batches.observations

    @property
    def refused_lines(self) -> int:
        """How many lines of this channel were no message: garbage, over 10 MiB, or fields that make no sense."""
        return self._refused_lines

    async def start(self, timeout: float, waited: float | None = None) -> None:
        """Open the session, or wait for it to be open. `AgentError` when no agent, or the wrong one, answers in `timeout` seconds.

        The session stays wanted: it goes on trying until `close()`. `waited` as in `_ask`.
        """
        if self._task is None or self._task.done():
            self._refusal = None
            self._task = asyncio.create_task(self._run(), name=f"agent session of {self.vm_name}")
            self._task.add_done_callback(self._note_end)
        await self.wait_ready(timeout, waited)
        if self.clock is None:
            # Nice to have at once; observations can be taken without.
            with contextlib.suppress(ATPError):
                await self.ping(timeout=2.0)

    async def wait_ready(self, timeout: float, waited: float | None = None) -> None:
        """Return when the session is ready. Raises as `start()`; `waited` as in `_ask`.

        What was refused before may have been mended since: it is tried once more, at once.
        """
        refused_before = self._refusal
        if self._state is SessionState.LOST and refused_before is not None:
            self._hurry()
        try:
            with limit(timeout):
                while self._state is not SessionState.READY:
                    is_new = self._refusal is not refused_before or self._task is None or self._task.done()
                    if self._refusal is not None and is_new:
                        raise self._refusal
                    if self._task is None:
                        raise AgentError(f"The agent session of VM '{self.vm_name}' is closed. Start it first.")
                    await self._stirred.wait()
        except TimeoutError:
            raise AgentError.about(
                f"The agent of VM '{self.vm_name}'",
                wanted="answer",
                got="did not",
                waited=timeout if waited is None else waited,
                last_seen=self.describe(),
                next_step=STATUS_ADVICE,
            ) from None

    async def comes_back(self, timeout: float) -> bool:
        """Whether the session is ready within `timeout` seconds, however often what answers is refused meanwhile."""
        with contextlib.suppress(TimeoutError), limit(timeout):
            while self._state is not SessionState.READY:
                await self._stirred.wait()
        return self._state is SessionState.READY

    async def close(self) -> None:
        """End the session and its channel. What was being asked ends with `AgentError`. It may be started again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
        self._trouble = "closed on this side"
        self._move(SessionState.CLOSED)

    async def ensure_watching(self, timeout: float) -> None:
        """Make sure that the agent is there and streams, by asking it unless it was heard of a moment ago.

        An agent that was restarted meanwhile is greeted again. Raises as `start()`.
        """
        deadline = time.monotonic() + timeout
        if self._state is SessionState.READY and not self._is_fresh():
            asked = time.monotonic()
            try:
                patience = max(min(timeout / 2, 2.0), 0.1)
                await self.confirm(patience)
            except (DeadlineError, AgentError) as error:
                if self._state is SessionState.READY:
                    self._greet_again(f"the agent did not say that it watches: {error}", asked)
        await self.wait_ready(max(deadline - time.monotonic(), 0.01), timeout)

    async def be_there(self, patience: float) -> None:
        """`ensure_watching()` before an input. An agent that dials in gets the time to notice that its connection ended, too."""
        await self.ensure_watching(patience + (DIALS_ANEW_SECONDS if self.comes_again else 0.0))

    async def confirm(self, timeout: float) -> None:
        """Return when the agent has said how many batches it has sent, and all of them are here.

        `AgentError` when some aren't, or another agent answers: the session greets anew then. `DeadlineError` without an answer.
        """
        await self._ask({"type": "watch", "enabled": True}, ("watching", None), timeout)

    async def wait_for_device(self, predicate: Callable[[AgentDevice], bool], timeout: float) -> AgentDevice | None:
        """The first device that `predicate` picks, as soon as the guest has set one up; None after `timeout` seconds without."""
        return await self._batches.wait_for_device(predicate, timeout)

    async def held_keys(self, timeout: float) -> frozenset[tuple[int, int]]:
        """The keys and buttons that are down in the guest now: (device id, code), as its kernel says."""
        return read_held(await self._state_now(timeout))

    async def input_state(self, timeout: float) -> InputState:
        """What is down in the guest, where its absolute pointers are and which lock lights are lit, at one moment."""
        return read_state(await self._state_now(timeout))

    async def taken_by_others(self, timeout: float) -> list[Grabbed] | None:
        """The keyboards and pointers that a program in the guest has to itself: what they say reaches neither agent nor desktop.

        None: the agent can't say. For a moment the agent has each to itself when it is asked.
        """
        taken = read_taken(await self._state_now(timeout, grabs=True))
        if taken is None:
            return None
        return [Grabbed(self.devices[number], taken[number]) for number in sorted(taken) if number in self.devices]

    async def pointers_at(self, timeout: float) -> Mapping[int, tuple[float, float]]:
        """Where each absolute pointer (tablet) is, as the guest's kernel says: device id -> fractions of the screen.

        `AgentError` when the agent is too old to say.
        """
        places = read_places(await self._state_now(timeout))
        if places is None:
            raise AgentError.about(
                f"The agent of VM '{self.vm_name}'",
                wanted="say where the pointer is",
                got=f"can't: it is of version {self.hello.version if self.hello else 'unknown'}",
                next_step="Bring a newer agent into the guest",
            )
        found = {number: fraction(at, self.devices.get(number)) for number, at in places.items()}
        return {number: place for number, place in found.items() if place is not None}

    async def lock_keys(self, timeout: float) -> Mapping[LockKey, bool]:
        """Which lock keys are on, by the lights of the guest's keyboards.

        Left out are those that no keyboard has a light for; all of them, when the agent is too old to say.
        """
        return lit(read_leds(await self._state_now(timeout)))

    async def guest_time_ms(self, timeout: float) -> float:
        """The guest's own time of day (CLOCK_REALTIME) now, in milliseconds since the epoch, as events' timestamps are."""
        number = next(self._ids)
        answer = await self._ask({"type": "ping", "id": number}, ("pong", number), timeout)
        try:
            return whole(answer["realtime_us"]) / 1000
        except MALFORMED as error:
            raise AgentError(f"The agent of VM '{self.vm_name}' does not say what time it is in the guest.") from error

    async def grab(self, wanted: bool, timeout: float) -> None:
        """Take the guest's keyboards and pointers away from all others in the guest, or give them back.

        They are given back too when this session ends, however it ends, and not taken by the one after it. `AgentError` when the
        agent can't, or a key is down.
        """
        if wanted and self.hello is not None and "grab" not in self.hello.capabilities:
            raise AgentError.about(
                f"The agent of VM '{self.vm_name}'",
                wanted="keep the guest's input to itself",
                got=f"can't: it is of version {self.hello.version}, or its system has no way to",
                next_step="Bring a newer agent into the guest, or watch without 'exclusive'",
            )
        await self._ask({"type": "grab", "enabled": wanted}, ("grabbing", None), timeout)

    async def wait_until_quiet(self, quiet: float, timeout: float) -> None:
        """Let what is still on its way to the guest arrive: until `quiet` seconds without an observation, `timeout` at most."""
        with self.observations.subscribe() as stream, contextlib.suppress(TimeoutError), limit(timeout):
            while await stream.next_batch(quiet):
                continue

    async def expect(self, event: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        """Let the agent wait for `event` (the design document's format) and return its result; `timeout` in seconds is the guest's.

        When the time is up the result says `verified: false` and what was observed instead.
        """
        event_id = tokens.token_hex(8)
        message = {"type": "expect", "event_id": event_id, "event": event, "timeout_ms": round(timeout * 1000)}
        try:
            # The agent answers at its own deadline: ours is for an agent that doesn't.
            return await self._ask(message, ("result", event_id), timeout + 2.0)
        except BaseException:
            if self._channel is not None and self._state is SessionState.READY:
                with contextlib.suppress(ATPError, OSError):
                    await self._write({"type": "cancel", "event_id": event_id}, timeout=1.0)
            raise

    async def _state_now(self, timeout: float, *, grabs: bool = False) -> Mapping[str, Any]:
        """How the guest's input stands. What it knew of then has come to all who take observations."""
        deadline = time.monotonic() + timeout
        try:
            return await self._ask_state(timeout, grabs=grabs)
        except AgentError:
            if self._state is SessionState.READY or self._task is None:
                raise
        # The session began anew under the question: the agent was restarted, or the guest put back to a snapshot.
        await self.wait_ready(max(deadline - time.monotonic(), 0.01), timeout)
        return await self._ask_state(max(deadline - time.monotonic(), 0.01), timeout, grabs=grabs)

    async def _ask_state(self, timeout: float, waited: float | None = None, *, grabs: bool) -> Mapping[str, Any]:
        deadline, number = time.monotonic() + timeout, next(self._ids)
        question = {"type": "state", "id": number, **({"grabs": True} if grabs else {})}
        answer = await self._ask(question, ("state", number), timeout, waited)
        if self.hello is not None and "fence" not in self.hello.capabilities:
            # It may know of what the agent hasn't read yet, and reads before it sees to the next question.
            await self.ping(max(deadline - time.monotonic(), 0.01))
        return answer

    def _is_fresh(self) -> bool:
        return not self._doubted and self._heard is not None and time.monotonic() - self._heard < FRESH_SECONDS
