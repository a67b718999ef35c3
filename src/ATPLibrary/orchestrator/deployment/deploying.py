"""Bringing the agent into a guest, whole or not at all: look, stage beside, switch, wait for its answer, or take it all back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary import runtime
from ATPLibrary.agent_package import version_order
from ATPLibrary.errors import AgentError, ATPError, DeadlineError
from ATPLibrary.events import Event
from ATPLibrary.orchestrator.deployment.guest_side import BusyError, GuestSide, version_in
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.deployment.wish import Survey, Wish
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.protocol.qga import Qga

Say = Callable[[str], None]

# Of the whole time so much is kept for taking back what didn't come to an end, and at most this part of it.
UNDO_SECONDS = 10.0
_UNDO_PART = 0.3
# Longer than that nobody waits for a guest that has gone in the middle, to clean it up when it is back.
_LONGEST_UNDO_SECONDS = 120.0
# For an agent that was started to answer: a guest without KVM takes some seconds. One that took long to say its version gets so
# many times as long, and at most:
ANSWER_SECONDS = 15.0
TRIALS = 10
LONGEST_ANSWER_SECONDS = 60.0
# How often the guest is asked meanwhile whether it still runs.
LOOK_SECONDS = 2.0
# For one that has the port open already, and that nobody of us has put there.
STRANGER_SECONDS = 5.0
WAYS_OUT = (
    "Install one in the guest (Debian: 'apt-get install python3-minimal'; Windows: python.org's, for all users), say where it is "
    "with python=, or use a guest image that has the agent"
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a guest runs now. `before` is the version that was there, "" where there was none; `is_new`: something was changed.

    `keeper`: who starts it again with the guest, "" where nobody does. `directory` is "" of an agent that others have put there.
    """

    version: str
    before: str
    directory: str
    python: str
    keeper: str
    is_new: bool


async def side_of(qga: Qga, timeout: float) -> GuestSide:
    """What can be done in this guest, by its family."""
    from ATPLibrary.orchestrator.deployment.posix import PosixGuest
    from ATPLibrary.orchestrator.deployment.windows import WindowsGuest

    name = secrets.token_hex(4)
    return WindowsGuest(qga, name) if await qga.family(timeout) == "windows" else PosixGuest(qga, name)


async def deploy(machine: Machine, wish: Wish, timeout: float, say: Say, side: GuestSide | None = None) -> Deployed:
    """Have the guest run the agent that is wished, and wait until the verifier's session with it is open.

    `AgentError` or `DeadlineError` says why it doesn't; then the guest is as it was before. `say` is told what is being done.
    """
    reserve = min(UNDO_SECONDS, timeout * _UNDO_PART)
    return await _Deploying(machine, wish, say, side).run(timeout - reserve, reserve)


async def remove(machine: Machine, timeout: float, side: GuestSide | None = None) -> str:
    """Take the agent and all that belongs to it out of the guest. Returns the directory it was in, "" where there was none."""
    left = remaining(timeout)
    subject = f"Removing the agent of VM '{machine.name}'"
    async with runtime.deadline(timeout, subject, wanted="be done", got="was not"):
        qga = await machine.qga(left())
        side = side or await side_of(qga, left())
        survey = await side.survey(None, machine.config.agent.channel, left())
        await machine.close_agent()
        there = await side.remove(left())
    return survey.directory if there else ""


class _Deploying:
    """One deployment, and how far it has come."""

    def __init__(self, machine: Machine, wish: Wish, say: Say, side: GuestSide | None) -> None:
        self.subject = f"Deploying agent {wish.package.version} to VM '{machine.name}'"
        self._machine = machine
        self._wish = wish
        self._say = say
        self._side = side
        self._step = "reaching the guest agent (qemu-ga)"
        self._begun: tuple[GuestSide, Survey] | None = None  # what is to be taken back

    async def run(self, timeout: float, reserve: float) -> Deployed:
        """`reserve` seconds beyond `timeout` are for taking back what didn't come to an end."""
        try:
            async with asyncio.timeout(timeout):
                done = await self._work(remaining(timeout))
        except BaseException as error:
            # An error of ours that is a TimeoutError too says itself what was late.
            problem = self._late(timeout + reserve) if type(error) is TimeoutError else error
            if self._begun is not None:
                side, survey = self._begun
                is_silent = isinstance(problem, ATPError) and self._step == _ANSWERING
                why = await self._why(side, reserve / 3) if is_silent else ""
                outcome = await self._take_back(side, survey, reserve)
                problem = self._with_outcome(problem, why, outcome)
            if problem is error:
                raise
            raise problem from error
        if self._begun is not None:
            await self._finish(self._begun[0], reserve)
        return done

    async def _work(self, left: Callable[[], float]) -> Deployed:
        qga = await self._machine.qga(left())
        side = self._side or await side_of(qga, left())
        self._step = "looking what the guest has"
        survey = await side.survey(self._wish.python, self._wish.port, left())
        side.refuse_a_second(survey.busy)
        self._check(survey)
        contents = side.contents(survey, self._wish) if survey.python is not None else {}
        if await self._stranger(survey, left()):
            version = self._wish.package.version
            return Deployed(version, version, "", "", "", is_new=False)
        if survey.is_installed and await self._is_there(side, survey, contents, left):
            return self._done(survey, is_new=False)
        self._check_python(survey, side)
        self._begun = side, survey
        try:
            await self._bring(side, survey, contents, left)
        except BusyError:
            self._begun = None  # what there is, is the other's
            raise
        return self._done(survey, is_new=True)

    def _late(self, waited: float) -> DeadlineError:
        return DeadlineError.about(
            self.subject, wanted="be done", got="was not", waited=waited, last_seen=self._step,
            next_step="Give it more time (timeout=)",
        )  # fmt: skip

    def _with_outcome(self, problem: BaseException, why: str, outcome: str) -> BaseException:
        """What went wrong, and what became of the guest."""
        if not isinstance(problem, ATPError):
            return problem  # [Timeout], Ctrl-C
        kind = DeadlineError if isinstance(problem, DeadlineError) else AgentError
        if str(problem).startswith(self.subject):
            return kind(f"{problem} {outcome}.")
        return kind.about(
            self.subject, wanted="be done", got=f"failed at {self._step}: {problem}", last_seen=why, next_step=outcome
        )

    def _check(self, survey: Survey) -> None:
        """Whether this guest may have this version."""
        wanted = self._wish.package.version
        if survey.obstacle:
            raise AgentError.about(
                f"VM '{self._machine.name}'", wanted=f"be given agent {wanted}", got=f"can't: {survey.obstacle}"
            )
        if not self._wish.force and version_order(survey.version) > version_order(wanted):
            raise AgentError.about(
                f"The agent {survey.version} in VM '{self._machine.name}'", wanted=f"give way to version {wanted}",
                got="is newer", next_step="Use the ATPLibrary that belongs to it, or say force=True",
            )  # fmt: skip

    def _check_python(self, survey: Survey, side: GuestSide) -> None:
        if survey.python is not None:
            return
        looked = (self._wish.python,) if self._wish.python is not None else side.pythons
        found = f"has only {', '.join(map(str, survey.tried))}" if survey.tried else "has none"
        raise AgentError.about(
            f"VM '{self._machine.name}'", wanted="have a Python 3.8 or later for the agent", got=found,
            last_seen=f"looked for {', '.join(looked)}", next_step=WAYS_OUT,
        )  # fmt: skip

    async def _is_there(
        self, side: GuestSide, survey: Survey, contents: dict[str, bytes], left: Callable[[], float]
    ) -> bool:
        """Whether just this agent is there, runs and answers."""
        wish = self._wish
        if wish.force or not survey.is_running or not contents or survey.version != wish.package.version:
            return False
        if not await side.has(contents, left()):
            self._say(
                f"The agent in the guest is of the same version {survey.version}, but was made or started otherwise."
            )
            return False
        self._step = "asking the agent that is there"
        try:
            return await self._answer(min(ANSWER_SECONDS, left() / 2)) == wish.package.version
        except ATPError as error:
            self._say(f"The agent is there and doesn't answer, so it is put there anew: {error}")
            return False

    async def _stranger(self, survey: Survey, timeout: float) -> bool:
        """Whether an agent of this version answers that isn't ours. `AgentError` where something else has the port."""
        if not survey.holder:
            return False
        machine, wanted = self._machine, self._wish.package.version
        self._step = "asking who has the agent's port open in the guest"
        try:
            version = await self._answer(min(STRANGER_SECONDS, timeout / 4))
        except ATPError as error:
            await machine.close_agent()
            what = f"which doesn't answer as an agent: {error}"
        else:
            if version == wanted and not self._wish.force:
                return True
            what = f"agent {version}, which 'Deploy Agent' has not put there"
        raise AgentError.about(
            f"VM '{machine.name}'", wanted=f"be given agent {wanted}",
            got=f"its port {self._wish.port} is held by process {survey.holder}, {what}",
            next_step="End that one first: it came with the guest's image or was started by hand",
        )  # fmt: skip

    async def _bring(
        self, side: GuestSide, survey: Survey, contents: dict[str, bytes], left: Callable[[], float]
    ) -> None:
        wanted = self._wish.package.version
        self._step = "copying the agent into the guest"
        size = sum(map(len, contents.values()))
        self._say(
            f"Copying agent {wanted} ({size / 1e3:.0f} kB) to {survey.directory} of the guest, for {survey.python}."
        )
        await side.stage(contents, left())
        self._step = "trying the new agent in the guest"
        began = time.monotonic()
        words = await side.try_out(survey, left())
        patience = min(max(ANSWER_SECONDS, TRIALS * (time.monotonic() - began)), LONGEST_ANSWER_SECONDS)
        if version_in(words) != wanted:
            raise AgentError.about(
                f"The agent's file under {survey.python}", wanted=f"say that it is {wanted}", got=f"says {words!r}"
            )
        self._step = "putting the new agent in its place"
        await self._machine.close_agent()
        await side.switch(left())
        self._step = _ANSWERING
        self._say(f"Agent {wanted} is started; waiting for its answer.")
        answered = await self._new_one_answers(side, min(patience, left() * 0.8))
        if answered != wanted:
            raise AgentError.about("The agent that answers", wanted=f"be {wanted}", got=f"is {answered}")

    async def _new_one_answers(self, side: GuestSide, timeout: float) -> str:
        """The version of the agent that answers; one that has ended is not waited for."""
        answering = asyncio.ensure_future(self._answer(timeout))
        ending = asyncio.ensure_future(_until_it_has_ended(side))
        try:
            await asyncio.wait({answering, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                raise AgentError.about("The new agent", wanted="answer", got="has ended")
            return answering.result()
        finally:
            answering.cancel()
            ending.cancel()
            await asyncio.gather(answering, ending, return_exceptions=True)

    async def _answer(self, timeout: float) -> str:
        """The version of the agent that answers."""
        left = remaining(timeout)
        session = await self._machine.agent(left())
        await session.ensure_watching(left())
        return session.hello.version if session.hello is not None else ""

    async def _why(self, side: GuestSide, timeout: float) -> str:
        with contextlib.suppress(ATPError):
            return await side.why(timeout)
        return ""

    async def _finish(self, side: GuestSide, timeout: float) -> None:
        """It answers: whatever is left of the old one is of no more use, and its going no reason to fail."""
        try:
            await side.finish(timeout)
        except ATPError as error:
            self._warn(
                f"What was there before agent {self._wish.package.version} is still in {side.directory}: {error}"
            )

    async def _take_back(self, side: GuestSide, survey: Survey, patience: float) -> str:
        """Bring the guest back to what it was. Goes on behind the caller's back when that takes longer than `patience` seconds."""
        undoing = runtime.spawn(self._undo(side), f"{self.subject}: take it back")
        await asyncio.wait({undoing}, timeout=patience)
        before = f"Agent {survey.version}" if survey.version else "The agent"
        if not undoing.done() or not undoing.result():
            return f"What was begun is still in {side.directory} of the guest, and is taken back when the guest agent answers"
        if not survey.is_installed:
            return "Nothing of it is left in the guest"
        return f"{before} that was there is in its place again" + (" and was started" if survey.is_running else "")

    async def _undo(self, side: GuestSide) -> bool:
        try:
            async with asyncio.timeout(_LONGEST_UNDO_SECONDS):
                await self._machine.close_agent()  # what it has heard was of the new one
                await side.qga.ready(_LONGEST_UNDO_SECONDS)
                await side.undo(_LONGEST_UNDO_SECONDS)
        except (ATPError, TimeoutError) as error:
            self._warn(f"{self.subject}: what was begun is still in {side.directory} of the guest: {error}")
            return False
        return True

    def _warn(self, notice: str) -> None:
        event = Event(
            self._machine.source, "agent.left_over", {"uuid": self._machine.uuid}, notice=notice, is_warning=True
        )
        self._machine.bus.publish(event)

    def _done(self, survey: Survey, *, is_new: bool) -> Deployed:
        assert survey.python is not None
        version = self._wish.package.version
        return Deployed(version, survey.version, survey.directory, survey.python.path, survey.keeper, is_new)


async def _until_it_has_ended(side: GuestSide) -> None:
    """Return when the guest says twice that the agent which was started runs no more: the first time it may be about to begin."""
    looks = 0
    while looks < 2:
        await asyncio.sleep(LOOK_SECONDS)
        with contextlib.suppress(ATPError):
            looks = looks + 1 if await side.has_ended(LOOK_SECONDS) else 0


_ANSWERING = "waiting for the new agent's answer"
