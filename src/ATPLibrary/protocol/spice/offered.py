"""The channels that a VM's SPICE server offers, as its main channel has them, and what is said of one that isn't among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.protocol.spice.errors import SpiceLinkError
from ATPLibrary.transport.spice import SpiceChannelType as Type

if TYPE_CHECKING:
    from ATPLibrary.transport.spice_connection import SpiceChannel, SpiceVmConnection

# What gives a VM one more channel of a kind. Keyboard, mouse and pointer it always has, one of each.
_SOURCES = {
    Type.DISPLAY: "a <video> to the VM",
    Type.PLAYBACK: "<sound>, with <audio type='spice'/>, to the VM",
    Type.RECORD: "<sound>, with <audio type='spice'/>, to the VM",
    Type.SMARTCARD: "<smartcard mode='passthrough' type='spicevmc'/> to the VM",
    Type.USBREDIR: "<redirdev bus='usb' type='spicevmc'/> to the VM",
    Type.PORT: "<channel type='spiceport'> to the VM",
    Type.WEBDAV: "<channel type='spiceport'> with <source channel='org.spice-space.webdav.0'/> to the VM",
}


def ids_of(connection: SpiceVmConnection, type: Type) -> list[int]:
    """The numbers of the channels of that kind."""
    return sorted(id for each, id in connection.offered() if each == type)


def names(connection: SpiceVmConnection) -> list[str]:
    """All of them: "display:0", "inputs:0"."""
    known = {int(each): each.name.lower() for each in Type}
    return sorted(f"{known.get(type, f'type {type}')}:{id}" for type, id in connection.offered())


def not_offered(channel: SpiceChannel, refusal: SpiceLinkError) -> SpiceLinkError:
    """What a tester reads of a channel that its server doesn't offer, and whose link it has refused."""
    source = _SOURCES.get(channel.type, "")
    stage = f" in stage {refusal.stage.name}" if refusal.stage is not None else ""
    return SpiceLinkError.about(
        channel.subject, wanted="be one that its server has",
        got=f"it has {', '.join(names(channel.connection))}; asked for another, it refused the link{stage}",
        next_step="Say one of these" + (f", or add {source}" if source else ""),
        stage=refusal.stage, code=refusal.code, is_end=refusal.is_end, in_sasl=refusal.in_sasl,
    )  # fmt: skip
