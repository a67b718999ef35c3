"""The agent's stream of bytes as messages: one JSON object a line (docs/agent-protocol.md), in bounded memory whatever comes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LINE_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no message: `why` is fit for a sentence ("a line of more than 10 MiB")."""

    why: str


class LineReader:
    """Cuts bytes into messages. Never keeps more than `limit` bytes of an unfinished line; a longer one is skipped to its end."""

    __slots__ = ("_kept", "_limit", "_pieces", "_skipping", "read", "refused")

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._kept = 0
        self._skipping = False
        self.read = 0  # bytes of the lines that were read as messages
        self.refused = 0  # how many lines were no message

    def feed(self, data: bytes) -> list[Mapping[str, Any] | Refused]:
        """The messages that `data` completes, in order; a refused line is reported once, as soon as it is known to be bad."""
        messages: list[Mapping[str, Any] | Refused] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._take(data[start:end], messages)
            self._end_line(messages)
            start = end + 1
        self._take(data[start:], messages)
        return messages

    def _take(self, piece: bytes, messages: list[Mapping[str, Any] | Refused]) -> None:
        if self._skipping or not piece:
            return
        if self._kept + len(piece) > self._limit:
            self._skipping = True
            self._pieces, self._kept = [], 0
            self._refuse(f"a line of more than {self._limit:,} bytes", messages)
            return
        self._pieces.append(piece)
        self._kept += len(piece)

    def _end_line(self, messages: list[Mapping[str, Any] | Refused]) -> None:
        line = b"".join(self._pieces).strip()
        skipped, self._skipping = self._skipping, False
        self._pieces, self._kept = [], 0
        if skipped or not line:
            return
        self.read += len(line)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(f"a line of {len(line):,} bytes that isn't JSON", messages)
            return
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            self._refuse("a line of JSON that isn't an object with a type", messages)
            return
        messages.append(message)

    def _refuse(self, why: str, messages: list[Mapping[str, Any] | Refused]) -> None:
        self.refused += 1
        messages.append(Refused(why))


def encode(message: Mapping[str, Any]) -> bytes:
    """One message as it travels."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
