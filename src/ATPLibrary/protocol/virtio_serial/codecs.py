"""The codecs that ATPLibrary brings: raw, lines, json, length. Others are registered, or come from installed packages."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ATPLibrary.errors import ChannelError, CommandError, ConfigError, InputError
from ATPLibrary.protocol.registry import Registry
from ATPLibrary.protocol.virtio_serial.codec import (
    MESSAGE_LIMIT_BYTES,
    MORE,
    Codec,
    Kind,
    as_bytes,
    shown,
    size_of,
)

_LENGTH_BYTES = 4


class RawCodec(Codec):
    """No messages, only bytes: what is read is whatever has come by then."""

    def encode(self, message: Any) -> bytes:
        return as_bytes(message, "raw")

    def take(self) -> Any:
        if not self.buffer:
            return MORE
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def end(self) -> None:
        """Bytes have no middle to end in."""


class DelimitedCodec(Codec):
    """Messages that end with `ending`, which doesn't occur inside them."""

    def __init__(self, ending: str = "\n", limit: int = MESSAGE_LIMIT_BYTES) -> None:
        super().__init__(limit)
        if not ending:
            raise ConfigError.about("The codec's option 'ending'", wanted="have at least one character", got="is empty")
        self._ending = ending.encode()
        self._searched = 0  # so many bytes of the buffer hold no ending

    def frame(self, data: bytes) -> bytes:
        if (data + self._ending).find(self._ending) != len(data):
            raise InputError.about(
                f"A message to {self.subject}", wanted=f"be one line (without {self._ending.decode()!r} in it)",
                got=f"is {shown(data)}", next_step="Send each line by itself: the codec ends it",
            )  # fmt: skip
        if len(data) > self.limit:
            raise self.too_large_to_send(len(data))
        return data + self._ending

    def line(self) -> bytes | None:
        """The first whole line, without its ending, removed from the buffer."""
        at = self.buffer.find(self._ending, self._searched)
        if at < 0:
            self._searched = max(0, len(self.buffer) - len(self._ending) + 1)
            if self._searched > self.limit:
                raise self.too_large_to_take(f"more and still no end: {shown(self.buffer)}")
            return None
        if at > self.limit:
            raise self.too_large_to_take(size_of(at))
        line = bytes(self.buffer[:at])
        del self.buffer[: at + len(self._ending)]
        self._searched = 0
        return line


class LinesCodec(DelimitedCodec):
    """Lines of UTF-8 text, without their `ending` ("\\n", or "\\r\\n" for many a Windows program)."""

    def encode(self, message: Any) -> bytes:
        return self.frame(as_bytes(message, "lines"))

    def take(self) -> Any:
        line = self.line()
        if line is None:
            return MORE
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise ChannelError.about(
                f"A line of {self.subject}", wanted="be UTF-8 text",
                got=f"has byte 0x{line[error.start]:02x} at {error.start}: {shown(line)}",
                next_step="Open the channel with codec=raw for bytes",
            ) from error  # fmt: skip


class JsonCodec(DelimitedCodec):
    """A value a line, wrapped in an object: `{"data": VALUE}` goes out, `{"result": VALUE}` comes back.

    An object with `error_field` is the guest's refusal (`CommandError`). With an empty `request_field` or `response_field` the line
    is the value itself. With an `id_field` each request carries a number, and only what carries it back is its answer.
    """

    structured: ClassVar[bool] = True

    def __init__(
        self,
        request_field: str = "data",
        response_field: str = "result",
        error_field: str = "error",
        id_field: str = "",
        limit: int = MESSAGE_LIMIT_BYTES,
    ) -> None:
        super().__init__("\n", limit)
        self._request_field = request_field
        self._response_field = response_field
        self._error_field = error_field
        self._id_field = id_field
        self._number = 0  # of the last request
        self.matches_answers = bool(id_field)

    def encode(self, message: Any) -> bytes:
        return self._line({self._request_field: message} if self._request_field else message)

    def encode_request(self, message: Any) -> bytes:
        if not self._id_field:
            return self.encode(message)
        whole = {self._request_field: message} if self._request_field else message
        if not isinstance(whole, dict):
            raise InputError.about(
                "A request with an id", wanted="be a JSON object", got=f"is a {type(message).__name__}",
                next_step="Open the channel with a request_field=, or send an object",
            )  # fmt: skip
        line = self._line({**whole, self._id_field: self._number + 1})
        self._number += 1
        return line

    def kind(self, message: Any) -> Kind:
        number = message.get(self._id_field) if self._id_field and isinstance(message, dict) else None
        if not self._id_field or number == self._number:
            return Kind.ANSWER
        late = isinstance(number, int) and 0 < number < self._number
        return Kind.LATE_ANSWER if late else Kind.UNASKED

    def value(self, message: Any) -> Any:
        if isinstance(message, dict) and self._error_field and message.get(self._error_field) is not None:
            said = message[self._error_field]
            description = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
            raise CommandError.about(
                f"The guest's program at {self.subject}",
                wanted="answer",
                got=f"refused: {description}",
                description=description,
            )
        if not self._response_field:
            return message
        if isinstance(message, dict) and self._response_field in message:
            return message[self._response_field]
        got = f"has {', '.join(map(repr, message)) or 'none'}" if isinstance(message, dict) else f"is {message!r:.60}"
        raise ChannelError.about(
            f"A message of {self.subject}", wanted=f"have the field '{self._response_field}'", got=got,
            next_step="Open the channel with response_field= as the guest's program names it",
        )  # fmt: skip

    def take(self) -> Any:
        while (line := self.line()) is not None:
            if line.strip():  # an empty line is how some programs cut off what was left of an earlier message
                return self._parsed(line)
        return MORE

    def _line(self, whole: Any) -> bytes:
        try:
            text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return self.frame(text.encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError.about(
                "A message for codec 'json'", wanted="be something that JSON has", got=f"is not: {error}"
            ) from error

    def _parsed(self, line: bytes) -> Any:
        try:
            return json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise ChannelError.about(
                f"A message of {self.subject}", wanted="be JSON", got=f"is not ({reason}): {shown(line)}",
                next_step="Check that the guest's program writes one JSON object a line",
            ) from error  # fmt: skip


class LengthCodec(Codec):
    """Bytes behind their length, a big-endian number of 4 bytes."""

    def encode(self, message: Any) -> bytes:
        data = as_bytes(message, "length")
        if len(data) > self.limit:
            raise self.too_large_to_send(len(data))
        return len(data).to_bytes(_LENGTH_BYTES, "big") + data

    def take(self) -> Any:
        if len(self.buffer) < _LENGTH_BYTES:
            return MORE
        length = int.from_bytes(self.buffer[:_LENGTH_BYTES], "big")
        if length > self.limit:
            raise self.too_large_to_take(f"{length} bytes, says its length {shown(self.buffer[:_LENGTH_BYTES])}")
        end = _LENGTH_BYTES + length
        if len(self.buffer) < end:
            return MORE
        message = bytes(self.buffer[_LENGTH_BYTES:end])
        del self.buffer[:end]
        return message


CODECS: Registry[Codec] = Registry(
    "codec",
    Codec,  # type: ignore[type-abstract]
    "atp.codecs",
    {name: f"{__name__}:{cls.__name__}" for name, cls in (
        ("raw", RawCodec), ("lines", LinesCodec), ("json", JsonCodec), ("length", LengthCodec),
    )},
)  # fmt: skip
