"""What goes wrong in a SPICE session: each error says in which stage, on which channel, in which message and field."""

from __future__ import annotations

import enum
from typing import Self

from ATPLibrary.errors import ChannelError


class SpiceLinkError(ChannelError):
    """A channel could not be linked. `stage` is how far it had come; `code` the server's, where it told one; `is_end`: it
    told none, and the connection ended. `in_sasl`: SASL was spoken, not a plain ticket sent."""

    def __init__(
        self,
        message: str,
        stage: LinkStage | None = None,
        code: LinkCode | int | None = None,
        is_end: bool = False,
        in_sasl: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_end = is_end
        self.in_sasl = in_sasl
        self.stage = stage
        self.code = code


class SpiceProtocolError(ChannelError):
    """A message that can't be: a length that lies, a field that is missing."""

    def __init__(self, message: str, channel: str = "", name: str = "", field: str = "") -> None:
        super().__init__(message)
        self.channel = channel
        self.name = name
        self.field = field

    @classmethod
    def at(cls, channel: str, name: str, field: str, reason: str) -> Self:
        """`field` of the message `name` on `channel` is wrong: `reason` goes on from there."""
        where = f"The SPICE message {name}" + (f" on {channel}" if channel else "")
        subject = (
            f"Field '{field}' of the SPICE message {name}" + (f" on {channel}" if channel else "") if field else where
        )
        return cls.about(
            subject, got=reason, next_step="The server lies, or speaks another SPICE than the specification",
            channel=channel, name=name, field=field,
        )  # fmt: skip


class SpiceAgentError(ChannelError):
    """The SPICE agent in the guest is not there, can't do what was asked, or refused it."""


class LinkCode(enum.IntEnum):
    """What a server answers to a link. Source: spice-protocol, `enums.h`, `SpiceLinkErr`."""

    OK = 0
    ERROR = 1
    INVALID_MAGIC = 2
    INVALID_DATA = 3
    VERSION_MISMATCH = 4
    NEED_SECURED = 5
    NEED_UNSECURED = 6
    PERMISSION_DENIED = 7
    BAD_CONNECTION_ID = 8
    CHANNEL_NOT_AVAILABLE = 9


class LinkStage(enum.Enum):
    """REPLY_HEADER -> REPLY -> (MECHANISMS -> CHALLENGE ->) RESULT -> LINKED.

    Each says what the client waits for. The two in brackets are SASL's.
    """

    REPLY_HEADER = "the header of the link reply"
    REPLY = "the link reply"
    MECHANISMS = "the list of SASL mechanisms"
    CHALLENGE = "SASL's challenge"
    RESULT = "the result of the authentication"
    LINKED = "nothing more: it is linked"
