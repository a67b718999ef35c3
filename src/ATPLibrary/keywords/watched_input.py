"""Keywords about input that others send: a person, a SPICE client, another tool. The guest's agent tells what its kernel sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import Component, in_seconds, named
from ATPLibrary.keywords.places import Place, check_places
from ATPLibrary.keywords.plain import plain
from ATPLibrary.secrets import MASK
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.typed import Typed
    from ATPLibrary.verifier.watching import InputWatch

T = TypeVar("T")
Left = Callable[[], float]  # the seconds that are left
# As many things as an error or the log's line shows of what was seen.
SHOWN = 20


class WatchedInputKeywords(Component):
    @keyword(tags=["Verification"])
    def start_watching_input(
        self, vm: str | None = None, timeout: timedelta | None = None, *, exclusive: bool = False
    ) -> None:
        """Begins to keep what a VM's guest sees from now on: keys, buttons and motions, whoever sends them.

        For input that isn't sent by this library: a person at the console, a SPICE client, another tool. What an earlier watch
        has kept is forgotten. Up to 100,000 observations are kept.

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
        seconds = self.seconds(timeout, "agent")

        async def start() -> str:
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                await machine.watches.start(seconds, exclusive)
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
        expected: str | None = None,
        *,
        kind: Literal["events", "text"] = "events",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> list[str] | str:
        r"""Returns what a VM's guest has seen since `Start Watching Input`, in the order in which its kernel saw it.

        - ``operator`` and ``expected``: an assertion, such as ``contains    left button down``.
        - ``kind``: ``events`` returns a list with a line for each ("a down", "left button up", "pointer at 0.500, 0.250"); ``text``
          the text that the keys write on the VM's keyboard layout (`Set Keyboard Layout`). Keys of a secret that `Type Text`
          has typed meanwhile are ``a key down`` and ``*``.
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
            return _typed(machine, watch, masked=True).text if kind == "text" else watch.lines()

        seen = self._look(look, vm, timeout)
        logger.info(shown(seen) if isinstance(seen, str) else _some(seen))
        check(f"What {named(vm)} has seen", seen, operator, expected)
        return seen

    @keyword(tags=["Verification", "Assertion"])
    def key_should_have_arrived(
        self,
        key: str,
        times: int | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless a VM's guest has seen a key, a combination or a mouse button go down and up since `Start Watching Input`.

        A combination has exactly the modifiers that it names (ctrl, shift, alt, meta), pressed before its keys: ctrl+shift+c isn't
        ``ctrl+c``, and ``c`` is only c without any. A modifier by itself counts where no key was pressed with it.

        - ``key``: as for `Press Keys` (``a``, ``ctrl+alt+delete``), or ``left button``, ``ctrl+left button``, ...
        - ``times``: exactly how often; by default at least once.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may still take to come, the agent's answer included; by default it must have come.

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Press Keys    ctrl+c
        | Key Should Have Arrived    ctrl+c    times=1
        """

        async def look(machine: Machine, watch: InputWatch, left: Left) -> tuple[int, list[str]]:
            from ATPLibrary.verifier.keys import parse_combination
            from ATPLibrary.verifier.typed import pressed

            with_it, plus, button = key.rpartition("+") if key.endswith(" button") else (key, "", "")
            keys = parse_combination(with_it, machine.layout()) if plus or not button else []
            keys += [button.strip()] if button else []
            await watch.settle(left())
            await watch.until(
                lambda: pressed(watch.edges, keys, watch.held) >= (times or 1), left() if timeout else 0.0
            )
            watch.check_is_whole()
            return pressed(watch.edges, keys, watch.held), watch.lines()

        if times is not None and times < 1:
            raise InputError("Give a number of times of at least 1; 'No Input Should Arrive' is for none at all.")
        count, lines = self._look(look, vm, timeout)
        if count < 1 or (times is not None and count != times):
            raise VerificationError.about(
                f"Key '{key}' in {named(vm)}",
                wanted=f"have arrived {times} times" if times is not None else "have arrived",
                got=f"did {count} times" if count else "did not",
                last_seen=_some(lines),
                next_step="It counts with exactly its modifiers, which go down first, and once all of it has come up",
            )
        logger.info(f"Proved: {named(vm)} has seen '{key}' go down and up {count} times.")

    @keyword(tags=["Verification", "Assertion"])
    def text_should_have_arrived_in_order(
        self, text: str | Secret, *, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        r"""Fails unless the keys that a VM's guest has seen since `Start Watching Input` write a text: nothing less, nothing more.

        They are read as the VM's keyboard layout writes them (`Set Keyboard Layout`), with Caps Lock as its light was when the
        watch began. For text that others type; `Type Text` proves its own. Keys that aren't text (Backspace, arrows, F5, Caps Lock,
        anything with ctrl, alt or meta) make it fail, as do keys that are still down and those that the guest repeated by itself.
        Mouse buttons don't: the log tells of them.

        - ``text``: what should have been written; ``\n`` is Enter and ``\t`` is Tab. Of a secret the error names positions only.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may still take to come, the agent's answer included; by default it must have come.

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Type Text    Hello from elsewhere
        | Text Should Have Arrived In Order    Hello from elsewhere
        """
        unified, is_secret = plain(text)
        wanted = unified.replace("\r\n", "\n")

        async def look(machine: Machine, watch: InputWatch, left: Left) -> tuple[Typed, Typed, list[str], list[str]]:
            def has_come() -> bool:
                typed = _typed(machine, watch)
                return len(typed.text) >= len(wanted) and not typed.down

            await watch.settle(left())
            await watch.until(has_come, left() if timeout else 0.0)
            watch.check_is_whole()
            buttons = [*dict.fromkeys(edge.name for edge in watch.edges if edge.name.endswith(" button"))]
            return _typed(machine, watch), _typed(machine, watch, masked=True), watch.repeats, buttons

        got, readable, repeats, buttons = self._look(look, vm, timeout)

        def some(keys: Sequence[str]) -> str:
            return f"{len(keys)} of them" if is_secret else _some([*keys])

        if got.text != wanted:
            raise VerificationError.about(
                f"The text that {named(vm)} has seen typed",
                wanted=f"be {MASK if is_secret else shown(wanted)}",
                got=f"is another, of {len(got.text)} characters" if is_secret else f"is {shown(readable.text)}",
                last_seen=f"keys that aren't text: {some(got.beside)}" if got.beside else "",
                next_step=_first_difference(got.text, wanted) + "'Get Observed Input' tells every key",
            )
        more = [f"keys that aren't text came with it: {some(got.beside)}"] if got.beside else []
        more += [f"still down: {some(got.down)}"] if got.down else []
        more += [f"repeated by the guest itself: {some(repeats)}"] if repeats else []
        if more:
            raise VerificationError.about(
                f"The text that {named(vm)} has seen typed",
                wanted=f"be {MASK if is_secret else shown(wanted)} and nothing more",
                got=f"isn't all: {'; '.join(more)}",
                next_step="'Get Observed Input' tells every key",
            )
        said = f" Beside it came: {', '.join(buttons)}." if buttons else ""
        logger.info(
            f"Proved: {named(vm)} has seen {MASK if is_secret else shown(wanted)} typed, in order and once.{said}"
        )

    @keyword(tags=["Verification", "Assertion"])
    def no_input_should_arrive(
        self,
        for_: timedelta = timedelta(seconds=2),
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Watches a VM for a while, and fails as soon as its guest sees any key, button or motion.

        Input that a program in the guest has to itself (``EVIOCGRAB`` on Linux) reaches that program alone: where one has a
        keyboard or pointer to itself at the beginning or the end, this fails, because nothing is proved; so it does where the
        agent is too old to tell. To find out, the agent has each device to itself for a moment. In Windows and in a browser
        nobody tells.

        - ``for_``: how long nothing must come, more than ``0 s``; 2 s by default.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answers; by default ``timeouts.agent`` of the configuration (60 s).

        Example:
        | Connect To VM    win11
        | No Input Should Arrive    2 s
        """
        quiet, seconds = in_seconds(for_), self.seconds(timeout, "agent")
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
                f"No input to {named(vm)}", wanted=f"arrive for {quiet:g} s", got=f"some did: {_some(lines)}"
            )
        logger.info(f"Proved: {named(vm)} has seen no input for {quiet:g} s.")

    @keyword(tags=["Verification", "Assertion"])
    def mouse_should_be_at(
        self,
        x: float,
        y: float,
        tolerance: float = 0.005,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless the absolute pointer (tablet) of a VM is at a place, as the guest's kernel has it, whoever moved it there.

        - ``x``, ``y``: parts of the screen's width and height, from ``0`` (left, top) to ``1`` (right, bottom).
        - ``tolerance``: how far off each may be, above 0 and below 0.5; ``0.005`` is 4 pixels of 800.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answer; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Move Mouse    0.5    0.25
        | Mouse Should Be At    0.5    0.25
        """
        check_places([Place(x, y)], tolerance)
        seconds = self.seconds(timeout, "command")

        async def look() -> tuple[list[tuple[float, float]], bool]:
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                session = await machine.agent(seconds)
                places = [*(await session.pointers_at(seconds)).values()]
            return places, any(device.pointer == "absolute" for device in session.devices.values())

        places, has_tablet = self.wait(look(), seconds, f"Asking the agent of {named(vm)} where the pointer is")
        off = [max(abs(at[0] - x), abs(at[1] - y)) for at in places]
        if not off or min(off) > tolerance:
            raise VerificationError.about(
                f"The pointer of {named(vm)}",
                wanted=f"be at {x:g}, {y:g}, within {tolerance:g}",
                got="is at " + " and ".join(f"{at[0]:.4f}, {at[1]:.4f}" for at in places)
                if places
                else "has not moved yet"
                if has_tablet
                else "isn't there",
                next_step=""
                if places
                else "The browser tells where it is once it has moved over the page: move it first"
                if has_tablet
                else "Add a tablet to the VM: a relative mouse has no place that its guest's kernel knows",
            )
        logger.info(f"Proved: the guest's kernel has the pointer within {min(off):.4f} of {x:g}, {y:g}.")

    @keyword(tags=["Verification", "Assertion"])
    def drag_should_match(
        self,
        *places: Place,
        button: Literal["left", "middle", "right", "side", "extra"] = "left",
        tolerance: float = 0.01,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless the last drag that a VM's guest has seen went along the straight lines between places.

        `Start Watching Input` must have been used before. The drag must begin at the first place and end at the last, pass each in
        its order, and go forward: no observed place may be farther from the line that it is on, nor farther back on it, than the
        tolerance. The button must have come up. Only absolute pointers (tablets) tell places.

        - ``places``: as for `Drag Along`: two or more, from ``0,0`` (left, top) to ``1,1`` (right, bottom).
        - ``button``: the button that is held.
        - ``tolerance``: how far off each axis may be, a fraction of the screen above 0 and below 0.5; ``0.01`` is 8 of 800 pixels.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answer; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Start Watching Input
        | Drag Along    0.2,0.2    0.8,0.2    0.8,0.6
        | Drag Should Match    0.2,0.2    0.8,0.2    0.8,0.6    tolerance=0.02
        """
        if len(places) < 2:
            raise InputError("A drag has two places or more: where it begins and where it ends.")
        check_places(places, tolerance)
        expected = [(place.x, place.y) for place in places]

        async def look(machine: Machine, watch: InputWatch, left: Left) -> tuple[list[tuple[float, float]], bool]:
            from ATPLibrary.verifier.watching import drag_path

            await watch.settle(left())
            watch.check_is_whole()
            return drag_path(watch.seen, watch.session.devices, button, watch.places), f"{button} button" in watch.down

        path, is_down = self._look(look, vm, timeout)

        from ATPLibrary.verifier.drag_paths import strays

        difference = "has not ended: the button is still down" if is_down else strays(path, expected, tolerance)
        if difference:
            raise VerificationError.about(
                f"The {button} drag in {named(vm)}",
                wanted=f"go through {' '.join(f'{x:g},{y:g}' for x, y in expected)}, within {tolerance:g}",
                got=difference,
                last_seen="observed were " + " ".join(f"{x:.3f},{y:.3f}" for x, y in path[:SHOWN]) if path else "",
            )
        logger.info(f"Proved: {named(vm)} has seen the drag through {len(expected)} places, within {tolerance:g}.")

    def _look(
        self,
        look: Callable[[Machine, InputWatch, Left], Awaitable[T]],
        vm: str | None,
        timeout: timedelta | None,
    ) -> T:
        seconds = self.seconds(timeout or None, "command")  # of 0 s, nothing is waited for but the agent's answer

        async def looked() -> T:
            left = remaining(seconds)
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                return await look(machine, machine.watches.current(), left)

        return self.wait(looked(), seconds, f"Looking at what {named(vm)} has seen")


def _typed(machine: Machine, watch: InputWatch, *, masked: bool = False) -> Typed:
    from ATPLibrary.verifier.typed import read

    return read(watch.edges, machine.layout(), held=watch.held, caps_lock=watch.caps_lock, masked=masked)


def _some(lines: list[str]) -> str:
    if not lines:
        return "nothing was seen"
    more = f", and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return f"{', '.join(lines[:SHOWN])}{more}"


def _first_difference(got: str, wanted: str) -> str:
    position = next(
        (i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), min(len(got), len(wanted))
    )
    return f"They differ from character {position + 1} on. " if got != wanted else ""
