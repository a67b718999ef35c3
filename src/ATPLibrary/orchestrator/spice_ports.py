"""A VM's named SPICE ports: found by their names, which a server tells only once a channel is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError, DeadlineError, VerificationError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.channels import PortConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.transport.spice import SpiceChannelType
    from ATPLibrary.transport.spice_connection import SpiceVmConnection

_TELLS_STATE = "EVENT"


async def open_port(workspace: Workspace, machine: Machine, name: str | None, timeout: float) -> SpeakingChannel:
    """The port of that name, opened unless it is; without a name the VM's only one. Begins the session where there is none.

    The ports that had to be opened to be asked for their names are closed again. `ChannelError` lists those that there are.
    """
    from ATPLibrary.protocol.spice.offered import ids_of
    from ATPLibrary.transport.spice import SpiceChannelType

    left = remaining(timeout)
    connection = await workspace.spice_sessions.connect(machine, timeout)
    ids = ids_of(connection, SpiceChannelType.PORT)
    names: list[str] = []
    for id in ids:
        before = connection.channel(SpiceChannelType.PORT, id)
        was_open = before is not None and before.state.is_open
        speaking = await opened(connection, SpiceChannelType.PORT, id, left())
        port = port_of(speaking)
        if port.name == name or (name is None and len(ids) == 1):
            return speaking
        names.append(port.name)
        if not was_open:
            await connection.close_channel(SpiceChannelType.PORT, id)
    raise ChannelError.about(
        f"VM '{machine.name}'", wanted=f"have the SPICE port '{name}'" if name else "have one SPICE port",
        got=f"has {', '.join(names)}" if names else "has none",
        next_step="Say which" if names and name is None else "Add <channel type='spiceport'> to its XML",
    )  # fmt: skip


def find_port(workspace: Workspace, machine: Machine, name: str | None) -> SpeakingChannel:
    """An open port by its name; without one the only one. `ChannelError` lists those that are open."""
    from ATPLibrary.protocol.spice.client import speaking
    from ATPLibrary.transport.spice import SpiceChannelType

    channels = workspace.spice_sessions.of(machine).channels.items()
    there = [speaking(each) for (type, _), each in channels if type is SpiceChannelType.PORT and each.state.is_open]
    fitting = [each for each in there if name is None or port_of(each).name == name]
    if len(fitting) != 1:
        names = ", ".join(port_of(each).name for each in there) or "none"
        raise ChannelError.about(
            f"VM '{machine.name}'", wanted=f"have the SPICE port '{name}' open" if name else "have one SPICE port open",
            got=f"open are: {names}", next_step="Say 'Open SPICE Port' first" if not fitting else "Say which",
        )  # fmt: skip
    return fitting[0]


async def opened(connection: SpiceVmConnection, type: SpiceChannelType, id: int, timeout: float) -> SpeakingChannel:
    """A channel, opened unless it is."""
    from ATPLibrary.protocol.spice.client import speaking

    channel = connection.channel(type, id)
    if channel is None or not channel.state.is_open:
        channel = await connection.open_channel(type, id, timeout=timeout)
    return speaking(channel)


def port_of(speaking: SpeakingChannel) -> PortConversation:
    from ATPLibrary.protocol.spice.channels import PortConversation

    assert isinstance(speaking.conversation, PortConversation)
    return speaking.conversation


async def until_port(speaking: SpeakingChannel, *, opened: bool, timeout: float, next_step: str = "") -> None:
    """Until a program in the guest has the port open, or none has. `VerificationError` when that doesn't come in time, or a fault
    has harmed what the server told of it last.
    """
    from ATPLibrary.protocol.spice.doubt import doubt, require_known

    port, wire, state = port_of(speaking), speaking.conversation.wire, "opened" if opened else "closed"
    subject, wanted = (
        f"SPICE port '{port.name}' of VM '{speaking.channel.connection.vm}'",
        f"be {state} by a program in the guest",
    )
    try:
        await speaking.wait_until(
            lambda: bool(doubt(wire, _TELLS_STATE)) or port.opened is opened, timeout, f"be {state}"
        )
    except DeadlineError as error:
        raise VerificationError.about(
            subject, wanted=wanted, waited=timeout,
            got=f"is {'opened' if port.opened else 'closed'}", next_step=next_step,
        ) from error  # fmt: skip
    require_known(speaking, subject, wanted, _TELLS_STATE)


def find_folder_port(workspace: Workspace, machine: Machine) -> PortConversation:
    """The port of an open WebDAV channel."""
    from ATPLibrary.transport.spice import SpiceChannelType

    return port_of(workspace.spice_sessions.speaking(machine, SpiceChannelType.WEBDAV, 0))
