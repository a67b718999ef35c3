"""What keywords hold open of one VM beside QMP and the guest agents: virtio-serial channels, and protocols chosen by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ChannelError
from ATPLibrary.orchestrator.opened import Opened
from ATPLibrary.protocol.foreign import in_its_name

if TYPE_CHECKING:
    from ATPLibrary.protocol.interface import Protocol
    from ATPLibrary.protocol.virtio_serial import Codec, Conversation
    from ATPLibrary.transport import ByteChannel, Domain


class Channels:
    """The open channels by name. One that is only used is opened with codec raw; `open_bytes(name, timeout)` opens the port.

    A channel that has ended is opened again at its next use, with the same codec. Where an answer may have been lost with it, one
    error says so first; messages that had come and nobody has received outlive a lost host, not the VM's restart.
    """

    def __init__(self, vm: str, open_bytes: Callable[[str, float], Awaitable[ByteChannel]]) -> None:
        self._vm = vm
        self._open_bytes = open_bytes
        self._opened: dict[str, Opened[Conversation]] = {}
        self._unreceived: dict[str, list[tuple[Any, int]]] = {}

    async def get(self, name: str, timeout: float) -> Conversation:
        """The conversation on channel `name`, opened if it isn't."""
        if name not in self._opened:
            from ATPLibrary.protocol.virtio_serial import CODECS

            self._opened[name] = self._lazily(name, "raw", lambda: CODECS.create("raw"))
        opened = self._opened[name]
        if opened.value is not None and opened.value.is_over:
            before = opened.value
            opened.take()
            self._unreceived[name] = before.take_aside()
            await before.close()
        return await opened.get(timeout)

    async def open(self, name: str, codec_name: str, make: Callable[[], Codec], timeout: float) -> Conversation:
        """Open channel `name` with a codec that `make` makes; one that has ended is opened anew. `ChannelError` while open."""
        from ATPLibrary.protocol.virtio_serial import ConversationState

        before = self._opened[name].value if name in self._opened else None
        if before is not None:
            if before.state is ConversationState.OPEN and not before.is_over:
                if before.codec_name == codec_name == "raw":
                    return before
                raise ChannelError.about(
                    self._subject(name), wanted=f"be closed, to be opened with codec {codec_name}",
                    got=f"is open with codec {before.codec_name}", next_step="Use 'Close Channel' first",
                )  # fmt: skip
            await before.close()
        self._unreceived.pop(name, None)
        self._opened[name] = self._lazily(name, codec_name, make)
        return await self._opened[name].get(timeout)

    @property
    def names(self) -> list[str]:
        return sorted(name for name, opened in self._opened.items() if opened.value is not None)

    async def close(self, name: str) -> None:
        """Close channel `name`. `ChannelError` when it isn't open."""
        opened = self._opened.pop(name, None)
        self._unreceived.pop(name, None)
        conversation = opened.take() if opened is not None else None
        if conversation is None:
            raise ChannelError.about(
                self._subject(name), wanted="be open", got=f"open are: {', '.join(self.names) or 'none'}",
                next_step="Open it with 'Open Channel'",
            )  # fmt: skip
        await conversation.close()

    def take_all(self) -> list[Conversation]:
        """Have no channel open any more; the caller closes what is returned."""
        self._unreceived.clear()  # of the guest before its restart
        return [conversation for each in self._opened.values() if (conversation := each.take()) is not None]

    def _lazily(self, name: str, codec_name: str, make: Callable[[], Codec]) -> Opened[Conversation]:
        async def open_(timeout: float) -> Conversation:
            from ATPLibrary.protocol.virtio_serial import Conversation

            bytes_ = await self._open_bytes(name, timeout)
            conversation = Conversation(f"channel '{name}' of VM '{self._vm}'", bytes_, make(), codec_name)
            conversation.put_aside(self._unreceived.pop(name, []))
            return conversation

        return Opened(self._subject(name), open_)

    def _subject(self, name: str) -> str:
        return f"Channel '{name}' of VM '{self._vm}'"


class OpenProtocols:
    """The connected protocols, each by the name that the tester gave it."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._open: dict[str, Protocol] = {}

    @property
    def names(self) -> Mapping[str, str]:
        """What is open: the tester's name and the type."""
        return {name: str(protocol.protocol_type) for name, protocol in sorted(self._open.items())}

    async def open(self, name: str, protocol: Protocol, timeout: float) -> Protocol:
        """Connect `protocol` and keep it under that name. `ChannelError` when the name is taken. One that fails isn't kept."""
        if name in self._open:
            raise ChannelError.about(
                self._subject(name), wanted="be closed, to be opened", got="is open",
                next_step="Use 'Close Protocol' first, or open a second one with another alias=",
            )  # fmt: skip
        self._open[name] = protocol
        try:
            with self._in_its_name(name):
                await protocol.connect(self.domain, timeout)
        except BaseException:
            self._open.pop(name, None)
            await protocol.disconnect()
            raise
        return protocol

    async def send(self, name: str, data: bytes, timeout: float) -> None:
        """Send one message by the connected protocol of that name."""
        protocol = self.get(name)
        with self._in_its_name(name):
            await protocol.send(data, timeout)

    async def receive(self, name: str, timeout: float) -> bytes:
        """Its next message."""
        protocol = self.get(name)
        with self._in_its_name(name):
            return await protocol.receive(timeout)

    def get(self, name: str) -> Protocol:
        """The connected protocol of that name."""
        if name in self._open:
            return self._open[name]
        near = get_close_matches(name, self._open, n=1)
        raise ChannelError.about(
            self._subject(name), wanted="be open", got=f"open are: {', '.join(sorted(self._open)) or 'none'}",
            next_step=f"Did you mean '{near[0]}'?" if near else "Open it with 'Open Protocol'",
        )  # fmt: skip

    async def close(self, name: str) -> None:
        """Disconnect it and forget it."""
        protocol = self.get(name)
        del self._open[name]
        with self._in_its_name(name):
            await protocol.disconnect()

    def take_all(self) -> list[Protocol]:
        """Forget every protocol; the caller disconnects what is returned."""
        opened, self._open = self._open, {}
        return list(opened.values())

    def _in_its_name(self, name: str) -> AbstractContextManager[None]:
        advice = "Look into the protocol's own code; --loglevel DEBUG shows where"
        return in_its_name(self._subject(name), self.domain.name, ChannelError, advice)

    def _subject(self, name: str) -> str:
        return f"Protocol '{name}' of VM '{self.domain.name}'"
