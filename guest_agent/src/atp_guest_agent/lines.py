"""Lines out of a stream of bytes, in bounded memory."""

from __future__ import annotations

MAX_LINE = 10 * 1024 * 1024


class LineReader:
    """Cuts a byte stream at newlines.

    States: COLLECTING (a line is being put together) -> SKIPPING (it grew over `limit`; its bytes are thrown away) ->
    COLLECTING (its newline came). Holds at most `limit` bytes and one chunk.
    """

    COLLECTING, SKIPPING = range(2)

    def __init__(self, limit: int = MAX_LINE) -> None:
        self.limit = limit
        self.state = self.COLLECTING
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> int:
        """Bytes held of a line that has no newline yet."""
        return self._size

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """The lines that `chunk` completes, without their newline; None stands for a line over the limit (said once, at once)."""
        found: list[bytes | None] = []
        pieces = chunk.split(b"\n")
        for piece in pieces[:-1]:
            self._add(piece, found)
            if self.state == self.COLLECTING:
                found.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
            self.reset()
        self._add(pieces[-1], found)
        return found

    def reset(self) -> None:
        """Forget the half line: its other half won't come."""
        self.state = self.COLLECTING
        self._parts = []
        self._size = 0

    def _add(self, piece: bytes, found: list[bytes | None]) -> None:
        if self.state == self.SKIPPING:
            return
        if self._size + len(piece) > self.limit:
            found.append(None)
            self.state = self.SKIPPING
            self._parts = []
            self._size = 0
        elif piece:
            self._parts.append(piece)
            self._size += len(piece)
            if len(self._parts) > 1024:  # a line that comes a byte at a time: its parts cost more than its bytes
                self._parts = [b"".join(self._parts)]
