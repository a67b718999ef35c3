"""Channels that carry another protocol's bytes: redirected USB devices, named ports, WebDAV.

Their data may come packed by LZ4, where that was announced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ATPLibrary.errors import ChannelError, ConfigError
from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import devices
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.usbredir.host import UsbHost, UsbState
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType

# What a packed message may unpack to: a server reads its device by 64 KiB.
LARGEST_UNPACKED = 1 << 20
# What a port's guest has written and nobody has taken.
MOST_UNREAD = 4 << 20
_LZ4 = 1
# A piece of what is sent: the server hands it to its device as it is.
_PIECE = 256 << 10


class PipeConversation(Conversation):
    """READY at once: the other protocol's greeting is the data's affair."""

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self._secrets: dict[str, Secret] = {}

    def keep(self, secret: Secret) -> None:
        """Have it known for one as long as the channel lives: the guest may send back what was written to it."""
        self._secrets.setdefault(secret.reveal(), secret)

    def handle(self, message: Message) -> None:
        match message:
            case devices.PipeData(data):
                self.received(bytes(data))
            case devices.PipeCompressedData():
                self.received(self._unpacked(message))

    def received(self, data: bytes) -> None:
        """Bytes of the other protocol."""

    def pass_on(self, data: bytes) -> None:
        """Queue bytes of the other protocol."""
        for at in range(0, len(data), _PIECE):
            self.wire.send(devices.ClientPipeData(data[at : at + _PIECE]))

    def _unpacked(self, message: devices.PipeCompressedData) -> bytes:
        if message.type == 0:
            return bytes(message.data)
        size = message.uncompressed_size or 0
        if message.type != _LZ4:
            raise self.wrong(message, "type", f"is {message.type}, which there is not")
        if size > LARGEST_UNPACKED:
            raise self.wrong(message, "uncompressed_size", f"says {size} bytes, at most {LARGEST_UNPACKED} are allowed")
        try:
            from lz4 import block
        except ImportError as error:
            raise ConfigError.about(
                f"Packed data on {self.subject}", wanted="be unpacked by the Python package lz4", got="it is not installed",
                next_step="pip install 'robotframework-atp[spice]'",
            ) from error  # fmt: skip
        try:
            data = bytes(block.decompress(bytes(message.data), uncompressed_size=size))
        except (block.LZ4BlockError, ValueError, MemoryError) as error:
            raise self.wrong(message, "data", f"can't be unpacked: {error}") from None
        if len(data) != size:
            raise self.wrong(message, "data", f"unpacks to {len(data)} bytes where {size} are told of")
        return data


class UsbredirConversation(PipeConversation):
    """READY at once. `host` is the device's side of usbredir: its greeting is the first thing said."""

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.host = UsbHost(f"The USB device on {self.subject}")
        self.host.changed = self._tell_of

    def begin(self) -> None:
        super().begin()
        self.push()

    def received(self, data: bytes) -> None:
        self.host.feed(data)
        self.push()

    def push(self) -> None:
        """Queue what the device's side has to say by now."""
        self.pass_on(self.host.output())

    def _tell_of(self, state: UsbState) -> None:
        device = self.host.device
        self.tell("usb", {"state": state.value, "device": device.kind if device is not None else ""})


class PortConversation(PipeConversation):
    """STARTING -INIT-> READY (port, webdav). `name` is the port's, `opened` whether a program in the guest has it open.

    What the guest writes gathers until it is taken; too much of it ends the channel. `closings` counts how often its program went.
    """

    first: ClassVar[type[Message] | None] = devices.PortInit

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.name = ""
        self.opened = False
        self.closings = 0
        self.unread = bytearray()
        self.reader: Callable[[bytes], None] | None = None  # who takes it at once, instead

    def handle(self, message: Message) -> None:
        match message:
            case devices.PortInit(_, name, opened):
                self.name = bytes(name or b"").rstrip(b"\0").decode("utf-8", "replace")
                self.opened = bool(opened)
            case devices.PortEvent(event) if event in (0, 1):
                self.opened = event == 0
                self.closings += event
                self.tell("port", {"port": self.name, "opened": self.opened})
            case _:
                super().handle(message)

    def received(self, data: bytes) -> None:
        if self.reader is not None:
            self.reader(data)
            return
        if len(self.unread) + len(data) > MOST_UNREAD:
            raise ChannelError.about(
                f"Port '{self.name}' on {self.subject}", wanted="be read here",
                got=f"has {len(self.unread)} bytes that nobody took", next_step="Read it with 'Expect On SPICE Port'",
            )  # fmt: skip
        self.unread += data
