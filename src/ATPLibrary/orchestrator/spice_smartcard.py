"""The smartcard that is in a VM's reader, through its SPICE session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.channels import SmartcardConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.smartcard import CardReader, ScriptedCard


async def insert(workspace: Workspace, machine: Machine, card: ScriptedCard, timeout: float) -> None:
    """Put a card in, and wait until QEMU shows it to the guest. `ChannelError` where there is no reader, or QEMU refuses it."""
    from ATPLibrary.orchestrator.spice_ports import opened
    from ATPLibrary.protocol.spice.offered import ids_of
    from ATPLibrary.protocol.spice.smartcard import CardState, VscCode
    from ATPLibrary.transport.spice import SpiceChannelType

    left = remaining(timeout)
    connection = await workspace.spice_sessions.connect(machine, timeout)
    if not ids_of(connection, SpiceChannelType.SMARTCARD):
        raise ChannelError.about(
            f"VM '{machine.name}'", wanted="have a smartcard reader for SPICE", got="has none",
            next_step="Add <smartcard mode='passthrough' type='spicevmc'/> to its XML",
        )  # fmt: skip
    speaking = await opened(connection, SpiceChannelType.SMARTCARD, 0, left())
    reader = _conversation(speaking).reader
    reader.insert(card)
    try:
        await speaking.pass_on("what is queued", left())
        await speaking.wait_until(
            lambda: reader.state in (CardState.IN, CardState.REFUSED),
            left(),
            "take the smartcard",
            lambda: reader.state.value,
        )
    except BaseException:
        reader.remove()
        raise
    if reader.state is CardState.REFUSED:
        known = next(
            (each.name.lower().replace("_", " ") for each in VscCode if each == reader.refusal), reader.refusal
        )
        reader.remove()
        raise ChannelError.about(
            f"The smartcard reader of VM '{machine.name}'", wanted="take the card", got=f"refused it: {known}",
            next_step="Check the card's ATR, and that no other client has the reader",
        )  # fmt: skip


def reader_of(workspace: Workspace, machine: Machine) -> tuple[SpeakingChannel, CardReader]:
    """The reader of an open smartcard channel. `ChannelError` where it isn't open."""
    from ATPLibrary.transport.spice import SpiceChannelType

    speaking = workspace.spice_sessions.speaking(machine, SpiceChannelType.SMARTCARD, 0)
    return speaking, _conversation(speaking).reader


def _conversation(speaking: SpeakingChannel) -> SmartcardConversation:
    from ATPLibrary.protocol.spice.channels import SmartcardConversation

    assert isinstance(speaking.conversation, SmartcardConversation)
    return speaking.conversation
