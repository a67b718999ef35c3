"""What the conversations of all channels share: their states, and how messages come in."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ATPLibrary.protocol.spice.errors import LinkCode, SpiceProtocolError
from ATPLibrary.protocol.spice.link import Linked
from ATPLibrary.protocol.spice.messages import base
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.protocol.spice.wire import Pause, Unknown, Wire
from ATPLibrary.transport.spice import SpiceChannelType


class ChannelState(enum.Enum):
    """STARTING -the message that the channel begins with-> READY; both -the server says goodbye-> LEAVING.

    A channel that begins with no message of the server's is READY at once. What ends the connection ends the conversation with it:
    that is the state of its `SpiceChannel`.
    """

    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class News:
    """What a tester may wait for: becomes an event `spice.KIND`. With a `notice` the log tells of it."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ""
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What takes milliseconds. `run` is called on a worker's thread, then `finish` on the loop with what it returned."""

    what: str
    run: Callable[[], Any]
    finish: Callable[[Any], None] = lambda result: None


class Conversation:
    """One linked channel, without I/O: `begin()`, then each message goes to `take`, once the work that is to be done before it is
    done. `session_time` is the session's clock in ms, None while nobody tells it.

    `waits_for` names what a channel that is STARTING waits for. `news` gathers until somebody takes it.
    """

    first: ClassVar[type[Message] | None] = None  # the message that makes it READY

    def __init__(self, type: SpiceChannelType, subject: str, linked: Linked, options: SpiceOptions) -> None:
        self.type = type
        self.subject = subject
        self.linked = linked
        self.options = options
        self.wire = Wire(type, subject, linked.mini_header)
        self.state = ChannelState.STARTING
        self.farewell = ""
        self.session_time: Callable[[], int | None] = lambda: None
        self._news: list[News] = []
        self._told_of: set[str] = set()

    @property
    def waits_for(self) -> str:
        return self.first.kind.name if self.first is not None and self.state is ChannelState.STARTING else ""

    def begin(self) -> None:
        """The link is made: what the client says first."""
        if self.first is None:
            self.state = ChannelState.READY

    def works_before(self, item: Message | Unknown | None) -> tuple[Work, ...]:
        """What is to be done, one behind the other, before `item` is taken; None: no more has come for now."""
        return ()

    def take(self, item: Message | Unknown) -> None:
        """One message of the server's."""
        match item:
            case Unknown(number):
                text = f"{self.subject} got message {number}, which the specification does not have; it is left alone"
                self.tell_once(f"unknown {number}", News("unknown-message", {"number": number}, text, is_warning=True))
            case base.Disconnecting(_, reason):
                known = next((each.name for each in LinkCode if each == reason), str(reason))
                self.farewell = f"the server said goodbye (reason {known})"
                self.state = ChannelState.LEAVING
            case base.Notify():
                text = bytes(item.text).rstrip(b"\0").decode("utf-8", "replace")
                self.tell("notify", {"severity": item.severity, "text": text})
            case base.Migrate(flags):
                self.tell("migrate", {"flags": flags})
            case base.MigrateData(data):
                self.tell("migrate-data", {"bytes": len(data)})
            case Message():
                self.handle(item)
                if self.first is not None and isinstance(item, self.first) and self.state is ChannelState.STARTING:
                    self.state = ChannelState.READY

    def handle(self, message: Message) -> None:
        """A message of this kind of channel."""

    def tell(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        self._news.append(News(kind, data or {}))

    def warn(self, kind: str, data: Mapping[str, Any], notice: str) -> None:
        self._news.append(News(kind, data, notice, is_warning=True))

    def tell_once(self, what: str, news: News) -> None:
        if what not in self._told_of:
            self._told_of.add(what)
            self._news.append(news)

    def take_news(self) -> list[News]:
        news, self._news = self._news, []
        return news

    def wrong(self, message: Message, field_name: str, reason: str) -> SpiceProtocolError:
        """The error for a message that its fields' bytes allow and its meaning doesn't."""
        return SpiceProtocolError.at(self.subject, message.kind.name, field_name, reason)


Received = Message | Unknown | Pause
