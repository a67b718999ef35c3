"""Keywords that judge where the pointer is and where it was dragged, whoever moved it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.places import Place, check_places
from ATPLibrary.keywords.watched import SHOWN, Left, Watched

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.watching import InputWatch


class WatchedPointerKeywords(Watched):
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
        if max(max(abs(each.x - places[0].x), abs(each.y - places[0].y)) for each in places) <= 2 * tolerance:
            raise InputError(
                f"Places as near to each other as that would match a click that went nowhere: the tolerance is {tolerance:g}."
            )
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
