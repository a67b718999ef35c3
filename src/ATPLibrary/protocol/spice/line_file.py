"""Lines of JSON into a file, without keeping who writes them: short ones at once, long ones on a thread."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

Mask = Callable[[bytes], bytes]

_BUFFER = 1 << 20
# What is shorter takes less than half a millisecond, plain; a picture of a whole screen takes a hundred.
_LONG = 64 << 10
# Of one body at a time, a multiple of three: between two of these others get their turn.
_PIECE = 192 << 10
# Who writes more than the disk takes waits until less than this is to be written, and so does the server that sends it.
_MOST_PENDING = 32 << 20
# A disk that takes nothing for so long is given up.
_STUCK_SECONDS = 20.0


class LineFile:
    """Packed with gzip where its name ends in ".gz". `failure` says why nothing is written any more. All but
    `wait_closed` is called from one thread.

    The lines keep their order: behind a long one that is still to be written all go to the thread.
    """

    def __init__(self, path: Path) -> None:
        """`OSError` when the file can't be made."""
        self.failure = ""
        self._under: IO[bytes] = path.open("wb", buffering=_BUFFER)
        packed = path.suffix == ".gz"
        self._file: IO[bytes] | gzip.GzipFile = (
            gzip.GzipFile(fileobj=self._under, mode="wb", compresslevel=1) if packed else self._under
        )
        self._waiting: deque[tuple[bytes, bytes | None, Mask]] = deque()
        self._pending = 0  # bytes of what waits, and of what the thread has in its hands
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def write(self, line: Mapping[str, Any], body: bytes | None, mask: Mask) -> None:
        """A line; `body` stands in it as "body", masked and in base64."""
        if self._closed or self.failure:
            return
        head = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace")
        size = len(head) + len(body or b"")
        if size < _LONG and not self._pending:
            self._put(head, body, mask)
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._pending < _MOST_PENDING, _STUCK_SECONDS):
                self.failure = f"the disk has taken nothing for {_STUCK_SECONDS:g} s"
                return
            self._waiting.append((head, body, mask))
            self._pending += size
            self._changed.notify_all()
        self._begin_thread()

    def close(self) -> None:
        """Once all is written. A second time does nothing."""
        self.end()
        self.wait_closed()

    def end(self) -> None:
        """No more lines: the thread writes what waits, and closes the file, however long that takes."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._begin_thread()

    def wait_closed(self) -> None:
        """After `end`: until the file is closed. Blocking; a disk that is stuck is a `failure`."""
        assert self._thread is not None
        self._thread.join(_STUCK_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or f"the disk has taken nothing for {_STUCK_SECONDS:g} s"

    def _begin_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="atp-recording", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    break
                head, body, mask = self._waiting.popleft()
            if not self.failure:
                self._put(head, body, mask)
            with self._changed:
                self._pending -= len(head) + len(body or b"")
                self._changed.notify_all()
        try:
            self._file.close()
        except Exception as error:  # noqa: BLE001 - as for a line
            self._fail(error)
        finally:
            with contextlib.suppress(OSError):
                self._under.close()  # gzip leaves it open

    def _put(self, head: bytes, body: bytes | None, mask: Mask) -> None:
        try:
            if body is None:
                self._file.write(head + b"\n")
                return
            masked = mask(body)
            self._file.write(head[:-1] + b', "body": "')
            for at in range(0, len(masked), _PIECE):
                self._file.write(base64.b64encode(masked[at : at + _PIECE]))
            self._file.write(b'"}\n')
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on, and who closes the file is told
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or (
            str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        )
