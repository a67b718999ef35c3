"""A log that can't fill the guest's memory or disk."""

from __future__ import annotations

import os

from atp_guest_agent import clock

MAX_BYTES = 256 * 1024


class Log:
    """Writes one line per `say` to a file, which starts again when it is full, or to standard error, which then stays silent.

    A line that repeats the one before is only counted. Logging never raises: a full disk mustn't stop the agent.
    """

    def __init__(self, path: str | None = None, limit: int = MAX_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._last = ""
        self._repeats = 0
        self._is_file = path is not None
        self._fd = 2
        if path is not None:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._size = os.fstat(self._fd).st_size

    def say(self, text: str) -> None:
        if text == self._last:
            self._repeats += 1
            return
        if self._repeats:
            self._write(f"(the line above came {self._repeats} more times)")
        self._last = text
        self._repeats = 0
        self._write(text)

    def _write(self, text: str) -> None:
        line = f"{clock.seconds():.3f} atp-guest-agent: {text[:2000]}\n".encode("utf-8", "backslashreplace")
        try:
            if self._size + len(line) > self._limit:
                if not self._is_file:
                    return
                os.ftruncate(self._fd, 0)
                self._size = 0
            self._size += len(line)
            os.write(self._fd, line)
        except OSError:
            pass
