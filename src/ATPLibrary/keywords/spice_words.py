"""How SPICE's keywords name a channel: "display", "display:1"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine, Workspace
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.transport.spice import SpiceChannelType


def speaking(workspace: Workspace, machine: Machine, channel: str) -> SpeakingChannel:
    """The client on that channel of the VM. `ChannelError` when it isn't open."""
    return workspace.spice_sessions.speaking(machine, *parsed(channel))


def parsed(channel: str) -> tuple[SpiceChannelType, int]:
    """ "display", "display:1". `InputError` names the kinds that there are."""
    from ATPLibrary.transport.spice import SpiceChannelType

    kind, _, number = channel.strip().lower().partition(":")
    found = next((each for each in SpiceChannelType if each.name.lower() == kind), None)
    if found is None or (number and not number.isdecimal()) or int(number or 0) > 255:
        kinds = ", ".join(each.name.lower() for each in SpiceChannelType)
        raise InputError.about(
            "A SPICE channel", wanted=f"be one of {kinds}, with a number such as display:1", got=f"is '{channel}'"
        )
    return found, int(number or 0)
