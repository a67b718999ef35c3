"""How every input keyword sends: through the VM's engine, verified unless told otherwise, with one line in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from robot.api import logger

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.journals import JOURNALS

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.secrets import Secret as OurSecret
    from ATPLibrary.verifier import InputReport, Pointer, TypingEngine
    from ATPLibrary.verifier.following import Tell
    from ATPLibrary.verifier.injector import Via

    class Engine(Protocol):
        last_report: InputReport | None
        tell: Tell | None

    E = TypeVar("E", bound=Engine)
else:
    E = TypeVar("E")

# The slowest keyboard (USB) takes about 16 ms a key; a slow guest gets six times that before a text is late.
SECONDS_PER_CHARACTER = 0.1


class How(NamedTuple):
    """How an input is sent: whether an agent in the guest watches, and by which way."""

    verify: bool
    via: Via


class VerifiedInput(Component):
    """The base of the keyboard's and the mouse's keywords."""

    def type_with(
        self,
        doing: str,
        vm: str | None,
        how: How,
        timeout: timedelta | None,
        action: Callable[[TypingEngine, float], Awaitable[InputReport]],
        *,
        text: str | OurSecret | None = None,
        extra_seconds: float = 0.0,
    ) -> InputReport:
        """Let the VM's typing engine carry out `action`; `text` is what 'Text Should Have Arrived' is to know. See `_send`."""

        async def engine(machine: Machine, seconds: float) -> TypingEngine:
            return await machine.typing(seconds, verified=how.verify, via=how.via)

        return self._send(
            doing,
            engine,
            action,
            vm=vm,
            how=how,
            timeout=timeout,
            text=text,
            extra_seconds=extra_seconds,
        )

    def point_with(
        self,
        doing: str,
        vm: str | None,
        how: How,
        timeout: timedelta | None,
        action: Callable[[Pointer, float], Awaitable[InputReport]],
    ) -> InputReport:
        """Let the VM's pointer carry out `action`; see `_send`."""

        async def pointer(machine: Machine, seconds: float) -> Pointer:
            return await machine.pointer(seconds, verified=how.verify, via=how.via)

        return self._send(doing, pointer, action, vm=vm, how=how, timeout=timeout)

    def _send(
        self,
        doing: str,
        open_engine: Callable[[Machine, float], Awaitable[E]],
        action: Callable[[E, float], Awaitable[InputReport]],
        *,
        vm: str | None,
        how: How,
        timeout: timedelta | None,
        text: str | OurSecret | None = None,
        extra_seconds: float = 0.0,
    ) -> InputReport:
        """Send input and log its report's sentence; with `how.verify`, fail with `VerificationError` unless all of it arrived.

        Without `timeout` the agent may take `timeouts.agent` to answer, and no longer, and the input `timeouts.command` plus
        `extra_seconds`. The report is kept for assertions and evidence, that of an input which failed half-way too.
        """
        if timeout is not None:
            seconds = opening = in_seconds(timeout)
        else:
            opening = self.seconds(None, "agent" if how.verify else "command")
            seconds = self.seconds(None, "command") + extra_seconds + (opening if how.verify else 0.0)

        from ATPLibrary.orchestrator import SentInput

        journal, where = JOURNALS.current(), scope.here()

        async def act() -> InputReport:
            machine = await self.machine(vm, seconds)
            report: InputReport | None = None
            failure = "it was interrupted"
            try:
                engine = await open_engine(machine, opening)
                engine.last_report = (
                    None  # one that is refused before it begins leaves none: no older one may stand for it
                )
                entry = None if journal is None else journal.begin(machine.name, how.via)
                engine.tell = None if entry is None else entry.tell
                try:
                    await action(engine, seconds)
                finally:
                    report, engine.tell = engine.last_report, None
                    if entry is not None:
                        entry.end(report)
                failure = ""
            except ATPError as error:
                failure = str(error)
                raise
            finally:
                machine.remember(SentInput(doing, text, report, failure, where))
            assert report is not None, "an input that ended has a report"
            return report

        try:
            report = self.wait(act(), seconds, f"{doing} in {named(vm)}")
        finally:
            JOURNALS.pass_on_problem()
        logger.info(report.sentence())
        if how.verify:
            report.raise_if_bad(must_be_verified=True)
        return report
