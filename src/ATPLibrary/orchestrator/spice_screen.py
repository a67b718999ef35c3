"""What a VM's screen shows as its SPICE client has drawn it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError, DeadlineError
from ATPLibrary.events import Event
from ATPLibrary.orchestrator.spice_life import require_alive

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.channels import DisplayConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel


def subject_of(channel: SpeakingChannel) -> str:
    """What starts a sentence about the screen that a display channel shows."""
    return f"The screen of VM '{channel.channel.connection.vm}' ({channel.channel.name})"


class SpiceScreen:
    """A display channel, opened at the first look where it wasn't. It is looked for at each: it may have been opened anew."""

    def __init__(self, workspace: Workspace, machine: Machine, display: int, timeout: float) -> None:
        self._workspace = workspace
        self._machine = machine
        self._display = display
        self._timeout = timeout
        self._seen = 0
        self._told: set[str] = set()

    async def look(self) -> bytes:
        """A PPM of what the channel shows now, once its server has said that there is a picture.

        Where that isn't what the server meant, a warning says so, once.
        """
        from ATPLibrary.protocol.screen.picture import WORKERS
        from ATPLibrary.protocol.spice.display.picture import ppm_of

        speaking, display = await self._open()
        await speaking.wait_until(
            lambda: display.is_marked and display.painter.screen is not None, self._timeout, "have a picture"
        )
        screen = display.painter.screen
        if screen is None:
            raise ChannelError.about(speaking.channel.subject, wanted="have a picture", got="its surface has just gone")
        self._warn(speaking, display)
        self._seen = display.painter.strokes
        # The copy is made here, where nothing draws meanwhile.
        return await WORKERS.call(
            ppm_of, bytes(screen.data), screen.width, screen.height, timeout=self._timeout,
            what=f"The picture of {speaking.channel.subject}",
        )  # fmt: skip

    async def drawn(self, longest: float) -> None:
        """Until something was drawn since the last look, for `longest` seconds at most. `ChannelError` when the channel ends."""
        speaking, display = await self._open()
        with contextlib.suppress(DeadlineError):
            await speaking.wait_until(lambda: display.painter.strokes != self._seen, longest, "be drawn on")

    async def require_known(self, wanted: str) -> None:
        """`VerificationError` where what is drawn here proves nothing of the guest's screen: a test disturbs the channel."""
        from ATPLibrary.protocol.spice.doubt import require_known

        speaking, _ = await self._open()
        require_known(speaking, subject_of(speaking), wanted)

    async def require_alive(self, wanted: str) -> None:
        """`VerificationError` where QEMU doesn't answer: a server that is frozen draws nothing either."""
        speaking, _ = await self._open()
        await require_alive(self._machine, subject_of(speaking), wanted, self._timeout)

    async def _open(self) -> tuple[SpeakingChannel, DisplayConversation]:
        from ATPLibrary.protocol.spice.channels import DisplayConversation

        speaking = await self._workspace.spice_sessions.display(self._machine, self._display, self._timeout)
        display = speaking.conversation
        assert isinstance(display, DisplayConversation)
        return speaking, display

    def _warn(self, speaking: SpeakingChannel, display: DisplayConversation) -> None:
        from ATPLibrary.protocol.spice.doubt import doubt

        if display.painter.is_exact:
            return
        wire = display.wire
        if missing := ", ".join(wire.statistics.unhandled):
            why = f"not all that its server drew: {missing} is not drawn by this client"
        elif wire.seam.is_harmed:
            why = f"not what the guest drew: {doubt(wire)}"
        elif wire.acks_owed:
            why = f"maybe not what the guest shows by now: {doubt(wire)}"
        else:
            lossy = "as video" if display.streams.is_drawn else "as JPEG"
            why = f"not what the guest drew: its server sent some of it {lossy}"
        text = f"The picture of {speaking.channel.subject} is {why}"
        if text not in self._told:
            self._told.add(text)
            event = Event(self._machine.source, "spice.picture-not-exact", notice=text, is_warning=True)
            self._workspace.bus.publish(event)
