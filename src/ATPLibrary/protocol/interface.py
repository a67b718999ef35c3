"""What a protocol is: one way to talk to one VM in bytes. Anything that does this can be registered and used by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.transport import Domain


@dataclass(frozen=True, slots=True)
class ProtocolType:
    """Which protocol this is, as logs say it: "qmp", "virtio-serial com.example.test". `channel` is the VM's port, if any."""

    name: str
    channel: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.channel}".rstrip()


class Protocol(ABC):
    """One conversation with one VM. Made unconnected; connected once; belongs to the asyncio loop that it was connected on.

    NEW -connect-> CONNECTED -disconnect, or the VM ends it-> ENDED, for good: make another.

    Every wait takes `timeout` in seconds and raises `DeadlineError` when it is over; what else goes wrong is an `ATPError` whose
    sentence names the VM. A cancelled `receive` loses nothing. Nobody sends, or receives, twice at the same time.
    """

    @property
    @abstractmethod
    def protocol_type(self) -> ProtocolType:
        """Which protocol this is; known before it is connected."""

    @abstractmethod
    async def connect(self, domain: Domain, timeout: float) -> None:
        """Open the way to that VM. `ChannelError` when the VM hasn't got it, `VmStateError` when the VM is off."""

    @abstractmethod
    async def send(self, data: bytes, timeout: float) -> None:
        """Send one message, whole; waits while the other side doesn't read."""

    @abstractmethod
    async def receive(self, timeout: float) -> bytes:
        """The next message, in the order of arrival. `ChannelError` at the end."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Give it up; a second time, or before `connect`, does nothing. Ends within a moment whatever the VM does."""
