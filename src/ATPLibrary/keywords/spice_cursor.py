"""Keywords about the guest's mouse pointer as its SPICE server tells of it: whether it is to be seen, its shape, where it is."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import DeadlineError, InputError, VerificationError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.spice_words import doubt_for, warn_of

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.channels import CursorConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.cursor_shapes import CursorShape


class SpiceCursorKeywords(Component):
    @keyword(tags=["SPICE", "Getter", "Assertion"])
    def get_cursor(
        self,
        field: str | None = None,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        display: int = 0,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what a VM's SPICE server has said of the guest's mouse pointer, or one field of it.

        ``visible`` (not where every pixel of the shape is clear: so programs in X hide theirs); ``x`` and ``y``, pixels of the
        display: where the guest has put it, which the server tells while the mouse is in ``server`` mode (in ``client`` mode each
        client draws it where its own mouse is); ``mouse_mode``; and of its shape ``type`` (``alpha``, ``mono``, ``color4`` to
        ``color32``), ``width``, ``height``, ``hot_spot_x``, ``hot_spot_y``: ``None`` while the guest has set none. Guests that draw
        their pointer into the picture themselves set none at all. Where a fault on purpose (`Drop Next Message` and the like) has
        harmed the channel's messages, or acknowledgements are withheld, it is what was told last: a warning says so, and an
        assertion fails.

        - ``field``: one of the names above; without it the whole dictionary is returned.
        - ``operator``, ``expected``: an assertion about it, such as ``==    64``.
        - ``display``: the number of the channel ``cursor``, which must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    cursor
        | &{cursor} =    Get Cursor
        | Get Cursor    visible    ==    ${False}
        """
        seconds = self.seconds(timeout, "command")

        subject = f"The mouse pointer of {named(vm)}"

        async def ask() -> tuple[dict[str, Any], str]:
            machine = await self.machine(vm, seconds)
            speaking, conversation = self._cursor(machine, display)
            return _told(conversation, self._mouse_mode(machine)), doubt_for(speaking, subject, operator)

        told, why = self.wait(ask(), seconds, f"Asking for the mouse pointer of {named(vm)}")
        warn_of(subject, why)
        if field is None:
            check(subject, told, operator, expected)
            return told
        name = field.strip().lower().replace(" ", "_")
        if name not in told:
            raise InputError.about("A mouse pointer", wanted=f"have '{field}'", got=f"has {', '.join(told)}")
        value = told[name]
        check(f"{name} of the mouse pointer of {named(vm)}", value, operator, expected)
        return value

    @keyword(tags=["SPICE", "Assertion"])
    def cursor_should_be_visible(
        self, visible: bool = True, *, display: int = 0, vm: str | None = None, timeout: timedelta | None = None
    ) -> None:
        """Waits until a VM's guest shows its mouse pointer, or hides it, as its SPICE server says; else fails with what it is.

        It fails too where a fault on purpose (`Drop Next Message` and the like) has harmed the channel's messages, or
        acknowledgements are withheld: what is to be seen isn't known then.

        - ``visible``: ``False`` waits until there is none to be seen: none set, hidden, or one whose every pixel is clear, with
          which programs in X hide theirs.
        - ``display``: the number of the channel ``cursor``, which must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long it may take; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    cursor
        | Cursor Should Be Visible    False    timeout=2 s
        """
        seconds = self.seconds(timeout, "command")

        async def until() -> None:
            from ATPLibrary.protocol.spice.doubt import doubt, require_known

            speaking, conversation = self._cursor(await self.machine(vm, seconds), display)
            subject, wanted = f"The mouse pointer of {named(vm)}", "be visible" if visible else "not be visible"
            try:
                await speaking.wait_until(
                    lambda: bool(doubt(conversation.wire)) or conversation.visible is visible, seconds, "say so"
                )
            except DeadlineError:
                raise VerificationError.about(
                    subject,
                    wanted=wanted,
                    waited=seconds,
                    got="is" if conversation.visible else f"is not: {_why_unseen(conversation)}",
                ) from None
            require_known(speaking, subject, wanted)

        self.wait(until(), seconds, f"Waiting for the mouse pointer of {named(vm)}")

    @keyword(tags=["SPICE"])
    def save_cursor(
        self,
        file: str | None = None,
        *,
        display: int = 0,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Saves the shape of a guest's mouse pointer as a PNG file with transparency and links it in the log. Returns its path.

        Pixels that invert what is below them (old pointers have such) are half transparent grey. Fails while there is no shape.

        - ``file``: where to save it; by default beside the log, named after the VM, with a number. A relative path is
          relative to the log.
        - ``display``: the number of the channel ``cursor``, which must be open.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Open SPICE Channel    cursor
        | ${path} =    Save Cursor    pointer.png
        """
        seconds = self.seconds(timeout, "command")

        async def save() -> tuple[str, bytes]:
            from ATPLibrary.protocol.screen.picture import WORKERS
            from ATPLibrary.protocol.spice.display.picture import png_of_shape

            machine = await self.machine(vm, seconds)
            _, conversation = self._cursor(machine, display)
            shape = conversation.shape
            if shape is None or not shape.width * shape.height:
                raise VerificationError.about(
                    f"The mouse pointer of {named(vm)}", wanted="have a shape to be saved", got="has none",
                    next_step="The guest draws it into its picture itself, or shows none: see 'Take Screenshot'",
                )  # fmt: skip
            what = f"The shape of the mouse pointer of {named(vm)}"
            return machine.name, await WORKERS.call(png_of_shape, shape, timeout=seconds, what=what)

        name, png = self.wait(save(), seconds, f"Saving the mouse pointer of {named(vm)}")
        if file is None:
            path, link = output.write_beside_log("screenshots", f"{name} pointer", ".png", png)
        else:
            path = output.write(output.directory() / file, png)
            link = output.link(path)
        shown = f'<a href="{link}"><img src="{link}" alt="{link}"></a>'
        logger.info(f"Mouse pointer of VM '{escape(name)}': {shown}", html=True)
        return str(path)

    def _cursor(self, machine: Machine, display: int) -> tuple[SpeakingChannel, CursorConversation]:
        """`ChannelError` where that channel isn't open."""
        from ATPLibrary.protocol.spice.channels import CursorConversation
        from ATPLibrary.transport.spice import SpiceChannelType

        speaking = self.workspace.spice_sessions.speaking(machine, SpiceChannelType.CURSOR, display)
        assert isinstance(speaking.conversation, CursorConversation)
        return speaking, speaking.conversation

    def _mouse_mode(self, machine: Machine) -> str:
        from ATPLibrary.protocol.spice.channels import MainConversation
        from ATPLibrary.transport.spice import SpiceChannelType

        main = self.workspace.spice_sessions.speaking(machine, SpiceChannelType.MAIN, 0).conversation
        assert isinstance(main, MainConversation)
        return "client" if main.mouse_mode == 2 else "server"


def _why_unseen(conversation: CursorConversation) -> str:
    if conversation.shape is None:
        return "none is set"
    return "every pixel of its shape is clear" if conversation.is_shown else "it is hidden"


def _told(conversation: CursorConversation, mouse_mode: str) -> dict[str, Any]:
    shape: CursorShape | None = conversation.shape
    x, y = conversation.position
    spot = shape.hot_spot if shape is not None else (None, None)
    return {
        "visible": conversation.visible,
        "x": x,
        "y": y,
        "mouse_mode": mouse_mode,
        "type": shape.type.name.lower() if shape is not None else None,
        "width": shape.width if shape is not None else None,
        "height": shape.height if shape is not None else None,
        "hot_spot_x": spot[0],
        "hot_spot_y": spot[1],
    }
