"""What a VM's screen shows as its SPICE client has drawn it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.events import Event

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace


async def spice_screen(workspace: Workspace, machine: Machine, timeout: float) -> bytes:
    """A PNG of the open channel display:0, once its server has said that there is a picture.

    Where the client could not draw all that the server said, a warning says so beside it.
    """
    from ATPLibrary.protocol.screen.picture import WORKERS
    from ATPLibrary.protocol.spice.channels import DisplayConversation
    from ATPLibrary.protocol.spice.display.picture import image_of, png_of
    from ATPLibrary.transport.spice import SpiceChannelType

    speaking = workspace.spice_sessions.speaking(machine, SpiceChannelType.DISPLAY, 0)
    display = speaking.conversation
    assert isinstance(display, DisplayConversation)
    await speaking.wait_until(
        lambda: display.is_marked and display.painter.screen is not None, timeout, "have a picture"
    )
    screen = display.painter.screen
    if screen is None:
        raise ChannelError.about(speaking.channel.subject, wanted="have a picture", got="its surface has just gone")
    if not display.painter.is_exact:
        missing = ", ".join(display.wire.statistics.unhandled)
        notice = f"The picture of {speaking.channel.subject} is not all that its server drew: {missing} is not drawn by this client"
        workspace.bus.publish(Event(machine.source, "spice.picture-not-exact", notice=notice, is_warning=True))
    # The copy is made here, where nothing draws meanwhile.
    image = image_of(screen)
    return await WORKERS.call(png_of, image, timeout=timeout, what=f"The picture of {speaking.channel.subject}")
