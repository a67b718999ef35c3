"""Keywords about the mouse, a tablet that points at places of the screen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.component import named
from ATPLibrary.keywords.places import Place
from ATPLibrary.keywords.verified_input import How, VerifiedInput
from ATPLibrary.verifier.injector import Via

if TYPE_CHECKING:
    from ATPLibrary.verifier import InputReport

Button = Literal["left", "middle", "right", "side", "extra"]
Direction = Literal["up", "down", "left", "right"]


class MouseKeywords(VerifiedInput):
    @keyword(tags=["Input", "Mouse"])
    def move_mouse(
        self,
        x: float,
        y: float,
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Moves the pointer to a place of a VM's screen, and proves inside the guest that it got there.

        - ``x`` and ``y``: the place as a part of the screen's width and height, from ``0`` (left, top) to ``1`` (right, bottom).
        - ``verify``: ``False`` moves without an agent in the guest; the log says "not verified".
        - ``via``: ``qmp`` sends through QEMU's monitor; ``spice`` as a SPICE client does, as for `Type Text`: to the pixel of the
          channel ``display:0`` (opened where it wasn't) that is nearest to the place, with the session's mouse in ``client`` mode.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for all of it.

        Example:
        | Connect To VM    win11
        | Move Mouse    0.5    0.5
        | Move Mouse    0.5    0.5    via=spice
        """
        return self.point_with(
            "Moving the mouse", vm, How(verify, via), timeout, lambda pointer, s: pointer.move(x, y, timeout=s)
        )

    @keyword(tags=["Input", "Mouse"])
    def move_mouse_by(
        self,
        dx: int,
        dy: int,
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Moves a VM's relative mouse (PS/2, USB or virtio), and proves inside the guest that each step arrived.

        For games, boot menus and whatever else reads a mouse and not a tablet. How far the pointer moves on a desktop is the
        desktop's affair: it may speed the mouse up. By SPICE the session's mouse goes to its ``server`` mode for it.

        - ``dx``: counts to the right, negative to the left.
        - ``dy``: counts down, negative up.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Move Mouse By    150    -40
        """
        return self.point_with(
            "Moving the mouse", vm, How(verify, via), timeout, lambda pointer, s: pointer.move_by(dx, dy, timeout=s)
        )

    @keyword(tags=["Input", "Mouse"])
    def mouse_button_down(
        self,
        button: Button = "left",
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Presses a mouse button and leaves it down until `Mouse Button Up`, `Release All Keys` or the end of the test.

        - ``button``: as for `Click`.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Mouse Button Down
        | Move Mouse    0.9    0.5
        | Mouse Button Up
        """
        return self.point_with(
            f"Pressing the {button} button",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.button_down(button, timeout=s),
        )

    @keyword(tags=["Input", "Mouse"])
    def mouse_button_up(
        self,
        button: Button = "left",
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Lets a mouse button go that `Mouse Button Down` pressed.

        Fails, with the release sent all the same, where the guest has the button up already: see `Key Up`.

        - ``button``: as for `Click`.
        - ``verify``, ``via``: as they were for `Mouse Button Down`.
        - ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Mouse Button Down    right
        | Mouse Button Up    right
        """
        return self.point_with(
            f"Letting the {button} button go",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.button_up(button, timeout=s),
        )

    @keyword(tags=["Input", "Mouse"])
    def click(
        self,
        x: float | None = None,
        y: float | None = None,
        button: Button = "left",
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Clicks a mouse button, at a place or where the pointer is, and verifies it.

        - ``x`` and ``y``: where, as for `Move Mouse`; by default where the pointer is.
        - ``button``: ``left``, ``middle``, ``right``, ``side`` or ``extra``.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Click    0.5    0.5
        | Click    button=right
        """
        self._go_to(x, y, How(verify, via), vm, timeout)
        return self.point_with(
            f"Clicking {button}", vm, How(verify, via), timeout, lambda pointer, s: pointer.click(button, timeout=s)
        )

    @keyword(tags=["Input", "Mouse"])
    def double_click(
        self,
        x: float | None = None,
        y: float | None = None,
        button: Button = "left",
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Clicks a mouse button twice in quick succession, and verifies both clicks.

        The arguments are those of `Click`.

        Example:
        | Connect To VM    win11
        | Double Click    0.1    0.1
        """
        self._go_to(x, y, How(verify, via), vm, timeout)
        return self.point_with(
            f"Double-clicking {button}",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.double_click(button, timeout=s),
        )

    @keyword(tags=["Input", "Mouse"])
    def drag(
        self,
        from_x: float,
        from_y: float,
        to_x: float,
        to_y: float,
        *,
        button: Button = "left",
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Presses a mouse button at one place, moves to another with the button down, and lets it go there.

        - ``from_x``, ``from_y``, ``to_x``, ``to_y``: the places, as for `Move Mouse`.
        - ``button``: as for `Click`.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Drag    0.2    0.2    0.8    0.6
        """
        return self.point_with(
            f"Dragging with {button}",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.drag(to_x, to_y, button, start=(from_x, from_y), timeout=s),
        )

    @keyword(tags=["Input", "Mouse"])
    def drag_along(
        self,
        *places: Place,
        button: Button = "left",
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Presses a mouse button at the first place, moves through all others in turn, and lets it go at the last.

        - ``places``: two or more, each ``x,y`` as parts of the screen's width and height, as for `Move Mouse`.
        - ``button``: as for `Click`.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Drag Along    0.2,0.2    0.8,0.2    0.8,0.6    button=right
        """
        if len(places) < 2:
            raise InputError("A drag needs a place to begin and a place to end: give at least two.")
        begin, *through, end = [(place.x, place.y) for place in places]
        return self.point_with(
            f"Dragging with {button}",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.drag(*end, button, start=begin, through=through, timeout=s),
        )

    @keyword(tags=["Input", "Mouse"])
    def touch(self, *places: Place, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Taps a VM's touch screen with a finger at each place at once. The guest's agent doesn't verify touches.

        The VM needs the device ``virtio-multitouch-pci``, which QEMU has from 8.1 on. Without it the keyword fails and says so.

        - ``places``: one to ten, each ``x,y`` as parts of the screen's width and height, as for `Move Mouse`.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Touch    0.3,0.5    0.7,0.5
        """
        from ATPLibrary.protocol.qmp.touch import require_touch_screen, tap

        commands = tap([(place.x, place.y) for place in places])
        seconds = self.seconds(timeout, "command")

        async def act() -> str:
            machine = await self.machine(vm, seconds)
            qmp = await machine.qmp(seconds)
            await require_touch_screen(qmp, seconds)
            await qmp.execute_many(commands, timeout=seconds)
            return machine.name

        name = self.wait(act(), seconds, f"Touching the screen of {named(vm)}")
        logger.info(f"Touched the screen of VM '{name}' with {len(places)} fingers, not verified.")

    @keyword(tags=["Input", "Mouse"])
    def scroll(
        self,
        direction: Direction,
        notches: int = 1,
        *,
        verify: bool = True,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> InputReport:
        """Turns the mouse wheel, and verifies each notch.

        - ``direction``: ``up``, ``down``, ``left`` or ``right``; SPICE has only the first two.
        - ``notches``: how many.
        - ``verify``, ``via``, ``vm``, ``timeout``: as for `Move Mouse`.

        Example:
        | Connect To VM    win11
        | Scroll    down    3
        """
        if notches < 1 or notches != int(notches):  # Robot Framework makes a float of what is no int
            raise InputError(
                f"The wheel can't be turned by {notches} notches: give 1 or more, and the direction by its name."
            )
        amount = notches if direction in ("up", "right") else -notches
        return self.point_with(
            f"Scrolling {direction}",
            vm,
            How(verify, via),
            timeout,
            lambda pointer, s: pointer.scroll(amount, horizontal=direction in ("left", "right"), timeout=s),
        )

    def _go_to(
        self,
        x: float | None,
        y: float | None,
        how: How,
        vm: str | None,
        timeout: timedelta | None,
    ) -> None:
        """Move first, where a place is named."""
        if x is None and y is None:
            return
        if x is None or y is None:
            raise InputError(
                "A place on the screen needs both x and y. Give both, or neither to stay where the pointer is."
            )
        self.move_mouse(x, y, verify=how.verify, via=how.via, vm=vm, timeout=timeout)
