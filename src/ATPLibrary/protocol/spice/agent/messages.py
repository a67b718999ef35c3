"""What the agent and the client say to each other, in the words of the schema.

A number has one meaning in both directions. The clipboard's messages have fields that are there only when both sides have the
capability for them: `caps` are those that both have.
"""

from __future__ import annotations

import struct
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from ATPLibrary.protocol.spice.agent.enums import AgentCap, MonitorsFlag
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages.kinds import DATA, SMALL
from ATPLibrary.protocol.spice.schema import Message, Sender, Structure
from ATPLibrary.protocol.spice.schema.decoding import decode
from ATPLibrary.protocol.spice.schema.fields import (
    I32,
    U8,
    U16,
    U32,
    U64,
    Bytes,
    Counted,
    Given,
    Remaining,
    Sized,
    When,
)

_Caps: TypeAlias = Annotated[int, Given()]
_SELECTION, _SERIAL = AgentCap.CLIPBOARD_SELECTION.bit, AgentCap.CLIPBOARD_GRAB_SERIAL.bit


class AgentMessage(Message, number=-1, sender=Sender.CLIENT, channels=(), limit=0):
    """One message; `kind.limit` is how long its body may be. It isn't of a channel: it travels in AGENT_DATA."""

    kinds: ClassVar[dict[int, type[AgentMessage]]] = {}

    def __init_subclass__(cls, *, number: int, limit: int = SMALL, name: str = "") -> None:
        super().__init_subclass__(number=number, sender=Sender.CLIENT, channels=(), limit=limit, name=name)
        AgentMessage.kinds[number] = cls

    @classmethod
    def read(cls, body: Bytes, subject: str, caps: int) -> Self:
        """The message in `body` as it is between sides that both have `caps`. `SpiceProtocolError` names the field."""
        told: dict[str, Any] = {"caps": caps} if any(name == "caps" for name, _ in cls.layout()) else {}
        return decode(cls, body, subject, told)


def name_of(number: int) -> str:
    kind = AgentMessage.kinds.get(number)
    return kind.kind.name if kind is not None else f"agent message {number}"


def words(message: AgentMessage, field: str, subject: str) -> tuple[int, ...]:
    """The 32-bit numbers that a field's bytes are, up to the end of the message."""
    data = getattr(message, field)
    if len(data) % 4:
        raise SpiceProtocolError.at(
            subject, message.kind.name, field, f"has {len(data)} bytes, which are no whole 32-bit numbers"
        )
    return struct.unpack(f"<{len(data) // 4}I", data)


def packed(numbers: tuple[int, ...]) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


class Monitor(Structure):
    """In pixels; `width` and `height` 0 switch it off. `depth` in bits."""

    height: U32
    width: U32
    depth: U32
    x: I32
    y: I32


class MonitorSize(Structure):
    """In mm."""

    height: U16
    width: U16


class DisplayInfo(Structure):
    channel_id: U32
    monitor_id: U32
    device_display_id: U32
    address_length: U32
    address: Annotated[Bytes, Sized("address_length")]


class MouseState(AgentMessage, number=1):
    x: U32
    y: U32
    buttons: U32
    display_id: U8


class MonitorsConfig(AgentMessage, number=2):
    """The monitors that there shall be. `flags`: `MonitorsFlag`."""

    count: U32
    flags: U32
    monitors: Annotated[tuple[Monitor, ...], Counted("count")]
    sizes: Annotated[tuple[MonitorSize, ...] | None, Counted("count"), When("flags", MonitorsFlag.PHYSICAL_SIZE)]


class Reply(AgentMessage, number=3):
    """To the message of number `type`; `error` is a `ReplyError`."""

    type: U32
    error: U32


class Clipboard(AgentMessage, number=4, limit=DATA):
    """What was asked for: a `ClipboardType`, NONE where there is nothing (any more)."""

    caps: _Caps
    selection: Annotated[U8 | None, When("caps", _SELECTION)]
    reserved: Annotated[Bytes | None, Sized(3), When("caps", _SELECTION)]
    type: U32
    data: Remaining


class DisplayConfig(AgentMessage, number=5):
    flags: U32
    depth: U32


class AnnounceCapabilities(AgentMessage, number=6):
    """`words` are 32 capabilities each. `request` 1: the other side is to announce its own."""

    request: U32
    words: Remaining


class ClipboardGrab(AgentMessage, number=7):
    """Who sends it has something on the clipboard: its types, as 32-bit numbers. `serial` counts the grabs of both sides."""

    caps: _Caps
    selection: Annotated[U8 | None, When("caps", _SELECTION)]
    reserved: Annotated[Bytes | None, Sized(3), When("caps", _SELECTION)]
    serial: Annotated[U32 | None, When("caps", _SERIAL)]
    types: Remaining


class ClipboardRequest(AgentMessage, number=8):
    caps: _Caps
    selection: Annotated[U8 | None, When("caps", _SELECTION)]
    reserved: Annotated[Bytes | None, Sized(3), When("caps", _SELECTION)]
    type: U32


class ClipboardRelease(AgentMessage, number=9):
    """What was on the clipboard is gone. spice-vdagentd leaves the three reserved bytes away when its session ends."""

    caps: _Caps
    selection: Annotated[U8 | None, When("caps", _SELECTION)]
    reserved: Remaining


class FileXferStart(AgentMessage, number=10):
    """`data` is a GKeyFile with the group "vdagent-file-xfer", ended by a zero byte."""

    id: U32
    data: Remaining


class FileXferStatus(AgentMessage, number=11):
    """`result` is a `TransferStatus`; `data` more of it: the free bytes (64 bits) of NOT_ENOUGH_SPACE, an error's type and code."""

    id: U32
    result: U32
    data: Remaining


class FileXferData(AgentMessage, number=12, limit=1 << 20):
    id: U32
    size: U64
    data: Annotated[Bytes, Sized("size")]


class ClientDisconnected(AgentMessage, number=13):
    pass


class MaxClipboard(AgentMessage, number=14):
    """How many bytes of the guest's clipboard the client takes; -1: any number."""

    max: I32


class AudioVolumeSync(AgentMessage, number=15):
    is_playback: U8
    mute: U8
    channels: U8
    volume: Annotated[tuple[U16, ...], Counted("channels")]


class GraphicsDeviceInfo(AgentMessage, number=16):
    count: U32
    displays: Annotated[tuple[DisplayInfo, ...], Counted("count")]
