"""Keywords about input that others send: a person, a SPICE client, another tool. The guest's agent tells what its kernel sees."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import in_seconds, named
from ATPLibrary.keywords.watched import Left, Watched, some, what_is_typed

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.watching import InputWatch


class WatchedInputKeywords(Watched):
    @keyword(tags=["Verification"])
    def start_watching_input(
        self, vm: str | None = None, timeout: timedelta | None = None, *, exclusive: bool = False
    ) -> None:
        """Begins to keep what a VM's guest sees from now on: keys, buttons and motions, whoever sends them.

        For input that isn't sent by this library: a person at the console, a SPICE client, another tool. What an earlier watch
        has kept is forgotten. Up to 100,000 observations are kept. One that a test began says nothing of another test; one that a
        suite's setup began goes on through the suite.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.agent`` of the configuration (60 s).
        - ``exclusive``: with ``True`` the guest's keyboards and pointers are the agent's alone: its desktop, console and programs
          get nothing of what is typed, so that keys can be tried which would do something there. Ends with `Stop Watching Input`,
          with the test, and with the agent's session. Refused while a key is down in the guest.

        Example:
        | Connect To VM    win11
        | Start Watching Input    exclusive=True
        | Press Keys    ctrl+a
        | Key Should Have Arrived    ctrl+a
        """
        seconds, here = self.seconds(timeout, "agent"), scope.here()

        async def start() -> str:
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                await machine.watches.start(seconds, exclusive, where=here)
            return machine.name

        name = self.wait(start(), seconds, f"Beginning to watch the input of {named(vm)}")
        alone = " Nobody else in its guest gets it." if exclusive else ""
        logger.info(f"What VM '{name}' sees is kept from now on.{alone}")

    @keyword(tags=["Verification"])
    def stop_watching_input(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Forgets what `Start Watching Input` has kept of a VM, and keeps no more. Harmless where nothing was watched.

        After an exclusive watch the guest has its input again.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Stop Watching Input
        """
        seconds = self.seconds(timeout, "command")

        async def stop() -> None:
            await (await self.machine(vm, seconds)).watches.end(seconds)

        self.wait(stop(), seconds, f"Ending the watch over {named(vm)}")

    @keyword(tags=["Verification", "Getter"])
    def get_observed_input(
        self,
        operator: Operator | None = None,
        expected: list[str] | str | None = None,
        *,
        kind: Literal["events", "text"] = "events",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str] | str:
        r"""Returns what a VM's guest has seen since `Start Watching Input`, in the order in which its kernel saw it.

        - ``operator`` and ``expected``: an assertion, such as ``contains    left button down``.
        - ``kind``: ``events`` returns a list with a line for each ("a down", "left button up", "pointer at 0.500, 0.250"); ``text``
          the text that the keys write on the VM's keyboard layout (`Set Keyboard Layout`). Keys that were seen while
          `Type Text` typed a secret, or `Type On USB Keyboard` one and up to 2 s later, are ``a key down`` and ``*``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answer; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Type Text    Hello
        | @{events} =    Get Observed Input
        | Get Observed Input    ==    Hello    kind=text
        """

        async def look(machine: Machine, watch: InputWatch, left: Left) -> list[str] | str:
            await watch.settle(left())
            watch.check_is_whole()
            return what_is_typed(machine, watch, masked=True).text if kind == "text" else watch.lines()

        seen = self._look(look, vm, timeout)
        logger.info(shown(seen) if isinstance(seen, str) else some(seen))
        check(f"What {named(vm)} has seen", seen, operator, expected)
        return seen

    @keyword(tags=["Verification", "Assertion"])
    def no_input_should_arrive(
        self,
        for_: timedelta | str = timedelta(seconds=2),
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Watches a VM for a while, and fails as soon as its guest sees any key, button or motion.

        Input that a program in the guest has to itself (``EVIOCGRAB`` on Linux) reaches that program alone: where one has a
        keyboard or pointer to itself at the beginning or the end, this fails, because nothing is proved; so it does where the
        agent is too old to tell. To find out, the agent has each device to itself for a moment. In Windows and in a browser
        nobody tells.

        - ``for_``: how long nothing must come, more than ``0 s``; 2 s by default. ``for=2 s`` says the same.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answers; by default ``timeouts.agent`` of the configuration (60 s).

        Example:
        | Connect To VM    win11
        | No Input Should Arrive    2 s
        """
        quiet, seconds = in_seconds(_time_of(for_)), self.seconds(timeout, "agent")
        if not quiet:
            raise InputError("To watch for 0 s proves nothing: say how long no input must come, such as 2 s.")

        async def watch() -> list[str]:
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                return await watched(machine)

        async def watched(machine: Machine) -> list[str]:
            from ATPLibrary.verifier.grabs import WHAT_GRABS, can_be_grabbed, in_words
            from ATPLibrary.verifier.watching import InputWatch

            subject, wanted = f"No input to VM '{machine.name}'", f"be proved for {quiet:g} s"
            session = await machine.agent(seconds)
            await session.ensure_watching(seconds)
            taken = await session.taken_by_others(seconds)  # what came before has been told when this is answered
            if taken is None and can_be_grabbed(session.devices.values()):
                version = session.hello.version if session.hello is not None else "unknown"
                raise VerificationError.about(
                    subject,
                    wanted=wanted,
                    got=f"can't be: its agent (version {version}) is too old to tell whether a program in the guest has a keyboard "
                    "or pointer to itself",
                    next_step="Bring the agent of this ATPLibrary into the guest ('Deploy Agent    force=True')",
                )
            watch = InputWatch(session)
            try:
                await watch.for_(quiet)
                # Still there, and nothing is on its way.
                await session.ensure_watching(seconds)
                taken = await session.taken_by_others(seconds) or taken
                if not any(watch.edges):
                    watch.check_is_whole()
                if taken and not watch.lines():
                    raise VerificationError.about(
                        subject,
                        wanted=wanted,
                        got=f"can't be: {in_words(taken)}, so the agent sees nothing of it",
                        next_step=WHAT_GRABS,
                    )
                return watch.lines()
            finally:
                watch.close()

        lines = self.wait(watch(), seconds + quiet, f"Watching {named(vm)} for {quiet:g} s")
        if lines:
            raise VerificationError.about(
                f"No input to {named(vm)}", wanted=f"arrive for {quiet:g} s", got=f"some did: {some(lines)}"
            )
        logger.info(f"Proved: {named(vm)} has seen no input for {quiet:g} s.")


def _time_of(given: timedelta | str) -> timedelta:
    """An argument can't be named `for` in Python: Robot Framework hands `for=2 s` over as a text."""
    if isinstance(given, timedelta):
        return given
    from robot.utils import timestr_to_secs  # type: ignore[import-untyped]

    try:
        return timedelta(seconds=timestr_to_secs(given.removeprefix("for=")))
    except ValueError as error:
        raise InputError.about(
            "How long no input must come", wanted="be a time such as 2 s", got=f"is {given!r}"
        ) from error
