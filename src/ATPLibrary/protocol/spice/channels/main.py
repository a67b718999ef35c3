"""The main channel: what the session is, which channels there are, and the way to the agent in the guest."""

from __future__ import annotations

import time
import uuid
from typing import ClassVar

from ATPLibrary.protocol.spice.agent.agent import Agent
from ATPLibrary.protocol.spice.channels.conversation import Conversation
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import main
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.spice import SpiceChannelType


class MainConversation(Conversation):
    """STARTING -INIT, answered by ATTACH_CHANNELS; CHANNELS_LIST-> READY.

    Migration is decoded and told (`spice.migration`), not followed: the session stays with the host that it is with.
    """

    first: ClassVar[type[Message] | None] = main.ChannelsList

    session: main.Init | None = None
    channels: tuple[main.ChannelId, ...] = ()
    name = ""
    uuid = ""
    mouse_mode = 0  # 1 server (relative), 2 client (absolute)
    mouse_modes = 0  # those that the server allows now, as bits
    _time_at = 0.0
    _time = 0
    _asked_at = 0.0

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        super().__init__(type, subject, linked, options)
        self.agent = Agent(self)

    @property
    def waits_for(self) -> str:
        return main.Init.kind.name if self.session is None else super().waits_for

    def multi_media_time(self) -> int:
        """The session's clock now, in ms; it wraps at 2^32."""
        return (self._time + int((time.monotonic() - self._time_at) * 1000)) & 0xFFFFFFFF

    def handle(self, message: Message) -> None:
        match message:
            case main.Init():
                self._begin_session(message)
            case main.ChannelsList(channels):
                if not self.channels:
                    self.wire.statistics.round_trips.record((time.monotonic() - self._asked_at) * 1000)
                # Of a channel that the VM is given later the server tells with a list of that one.
                self.channels = tuple(dict.fromkeys((*self.channels, *channels)))
            case main.MouseMode(allowed, current):
                self.mouse_modes, self.mouse_mode = allowed, current
                self.tell("mouse-mode", {"mode": "client" if current == 2 else "server"})
            case main.MultiMediaTime(now):
                self._set_time(now)
            case main.AgentConnected():
                self.agent.connected(self.session.agent_tokens if self.session is not None else 0)
            case main.AgentConnectedTokens(tokens):
                self.agent.connected(tokens)
            case main.AgentDisconnected(error):
                self.agent.disconnected(error)
            case main.AgentToken(tokens):
                self.agent.more_tokens(tokens)
            case main.AgentData(data):
                self.agent.received(data)
            case main.Name(_, text):
                self.name = bytes(text).rstrip(b"\0").decode("utf-8", "replace")
            case main.Uuid(value):
                self.uuid = str(uuid.UUID(bytes=bytes(value)))
            case main.MigrateBegin(destination) | main.MigrateSwitchHost(destination):
                self._tell_of_migration(message, destination)
            case main.MigrateBeginSeamless(destination, _):
                self._tell_of_migration(message, destination)
            case main.MigrateCancel() | main.MigrateEnd():
                self.tell("migration", {"message": message.kind.name})

    def _begin_session(self, session: main.Init) -> None:
        self.session = session
        self.mouse_modes, self.mouse_mode = session.supported_mouse_modes, session.current_mouse_mode
        self._set_time(session.multi_media_time)
        self._asked_at = time.monotonic()
        self.wire.send(main.AttachChannels())
        if session.agent_connected:
            self.agent.connected(session.agent_tokens)

    def _set_time(self, now: int) -> None:
        self._time, self._time_at = now, time.monotonic()

    def _tell_of_migration(self, message: Message, destination: main.Destination) -> None:
        host = bytes(destination.host or b"").rstrip(b"\0").decode("utf-8", "replace")
        data = {"message": message.kind.name, "host": host, "port": destination.port, "tls_port": destination.tls_port}
        self.tell("migration", data)
