"""What a codec is: how messages become bytes on a channel and bytes become messages again. No input or output happens here."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from ATPLibrary.errors import ChannelError, ConfigError, InputError

# The largest message, in bytes, that is taken or given unless a channel says otherwise. What the agent's protocol says, too.
MESSAGE_LIMIT_BYTES = 10 * 1024 * 1024
_SHOWN_BYTES = 60


class Kind(enum.Enum):
    """What a message is while an answer is waited for."""

    ANSWER = "the answer"
    LATE_ANSWER = "the answer to an earlier request that was given up"
    UNASKED = "something else"


class Codec(ABC):
    """The state of one channel's stream. What arrives is `feed`, in whatever pieces; `messages` gives what is whole by now.

    It keeps at most one message of `limit` bytes and the piece that was fed last. Errors are `ChannelError`s. After one that
    says the stream is lost every later call says so again; after any other the next message is read as usual.
    """

    # What its messages are: True for values (dictionaries, lists, numbers), False for text or bytes.
    structured: ClassVar[bool] = False
    # Whether `kind` can tell the answer to one request from that to another.
    matches_answers: bool = False

    def __init__(self, limit: int = MESSAGE_LIMIT_BYTES) -> None:
        self.limit = positive("limit", limit)
        self.buffer = bytearray()
        self.subject = "a channel"  # whose messages these are, as sentences say it
        self._lost: str = ""

    @abstractmethod
    def encode(self, message: Any) -> bytes:
        """The bytes of one message. `InputError` for one that this codec can't carry, or that is larger than `limit`."""

    @abstractmethod
    def take(self) -> Any:
        """Remove the first whole message from `buffer` and return it; `MORE` when more bytes are needed."""

    def encode_request(self, message: Any) -> bytes:
        """The bytes of a message that will be answered."""
        return self.encode(message)

    def kind(self, message: Any) -> Kind:
        """What a message is, as `messages` gave it, to whom has just encoded a request."""
        return Kind.ANSWER

    def value(self, message: Any) -> Any:
        """What a receiver gets of a message. `CommandError` where the guest says no in it."""
        return message

    def feed(self, data: bytes) -> None:
        """Append what has arrived."""
        if not self._lost:
            self.buffer += data

    def messages(self) -> Iterator[Any]:
        """What is whole by now, each message once."""
        while True:
            if self._lost:
                raise ChannelError(self._lost)
            message = self.take()
            if message is MORE:
                return
            yield message

    def end(self) -> None:
        """The stream is over: `ChannelError` when it ended in the middle of a message."""
        if self.buffer and not self._lost:
            raise ChannelError.about(
                f"The last message of {self.subject}", wanted="be whole",
                got=f"the channel ended in the middle of it, after {size_of(len(self.buffer))}: {shown(self.buffer)}",
                next_step="Check why the guest's program ended",
            )  # fmt: skip

    def lost(self, error: ChannelError) -> ChannelError:
        """Remember that nothing after this can be understood, and return the error to raise."""
        self._lost = str(error)
        self.buffer.clear()
        return error

    def too_large_to_send(self, size: int) -> InputError:
        return InputError.about(
            f"A message to {self.subject}", wanted=f"have at most {size_of(self.limit)}", got=f"has {size_of(size)}",
            next_step="Send it in parts, or open the channel with a larger limit=",
        )  # fmt: skip

    def too_large_to_take(self, size: str) -> ChannelError:
        error = ChannelError.about(
            f"A message of {self.subject}", wanted=f"have at most {size_of(self.limit)}", got=f"has {size}",
            next_step="Nothing after it can be read: close the channel, and check that both sides use the same codec",
        )  # fmt: skip
        return self.lost(error)


class _More:
    def __repr__(self) -> str:
        return "MORE"


MORE = _More()


def positive(name: str, value: Any) -> int:
    """An option that counts something, however it was written."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ConfigError.about(
            f"The codec's option '{name}'", wanted="be a whole number from 1 on", got=f"is {value!r}"
        )
    return number


def size_of(count: int) -> str:
    if count >= 1024 * 1024 and count % (1024 * 1024) == 0:
        return f"{count // (1024 * 1024)} MiB"
    return f"{count} byte{'' if count == 1 else 's'}"


def shown(data: bytes | bytearray) -> str:
    """The beginning of what came, for a sentence."""
    text = repr(bytes(data[:_SHOWN_BYTES]))
    return text + (" ..." if len(data) > _SHOWN_BYTES else "")


def as_bytes(message: Any, kind: str) -> bytes:
    if isinstance(message, str):
        try:
            return message.encode()
        except UnicodeEncodeError as error:
            raise InputError.about(
                f"A message for codec '{kind}'", wanted="be text that UTF-8 has",
                got=f"has {message[error.start]!r} at {error.start}",
            ) from error  # fmt: skip
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message)
    raise InputError.about(
        f"A message for codec '{kind}'", wanted="be text or bytes", got=f"is a {type(message).__name__}",
        next_step="Open the channel with codec=json to send values",
    )  # fmt: skip
