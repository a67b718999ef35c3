"""A virtio-serial channel as a `Protocol`: the base of protocols of one's own that speak to a program in the guest."""

from __future__ import annotations

import json
from typing import Any

from ATPLibrary.errors import ChannelError, InputError
from ATPLibrary.protocol.interface import Protocol, ProtocolType
from ATPLibrary.protocol.virtio_serial.codecs import CODECS
from ATPLibrary.protocol.virtio_serial.conversation import Conversation
from ATPLibrary.protocol.virtio_serial.opening import open_channel
from ATPLibrary.transport import Domain


class VirtioSerialProtocol(Protocol):
    """Port `channel` of a VM. Messages go through a codec ("raw", "lines", ...), which takes `options`; JSON is given as text."""

    def __init__(self, channel: str, codec: str = "raw", **options: Any) -> None:
        self._channel = channel
        self._codec_name = codec
        self._codec = CODECS.create(codec, **options)
        self._conversation: Conversation | None = None

    @property
    def protocol_type(self) -> ProtocolType:
        return ProtocolType("virtio-serial", self._channel)

    async def connect(self, domain: Domain, timeout: float) -> None:
        channel = await open_channel(domain, self._channel, timeout=timeout)
        subject = f"channel '{self._channel}' of VM '{domain.name}'"
        self._conversation = Conversation(subject, channel, self._codec, self._codec_name)

    async def send(self, data: bytes, timeout: float) -> None:
        message: Any = data
        if self._codec.structured:
            try:
                message = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise InputError.about(
                    f"A message for codec '{self._codec_name}'", wanted="be JSON", got=f"is {data[:60]!r}"
                ) from error
        await self._connected().send(message, timeout)

    async def receive(self, timeout: float) -> bytes:
        message = await self._connected().receive(timeout)
        if isinstance(message, bytes):
            return message
        text = (
            message
            if isinstance(message, str) and not self._codec.structured
            else json.dumps(message, ensure_ascii=False)
        )
        return text.encode()

    async def disconnect(self) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    def _connected(self) -> Conversation:
        if self._conversation is None:
            raise ChannelError.about(f"Channel '{self._channel}'", wanted="be connected", got="is not")
        return self._conversation
