"""Lines of JSON into a file, without keeping who writes them: a thread puts them there, short ones many at a time."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

Mask = Callable[[bytes], bytes]

_BUFFER = 1 << 20
# What is shorter is masked and packed in less than half a millisecond, and goes to the thread with others, so many bytes at a time;
# a picture of a whole screen takes a hundred.
_LONG = 64 << 10
# Of one body at a time, a multiple of three: between two of these others get their turn.
_PIECE = 192 << 10
# Who writes more than the disk takes is to wait until less than this is to be written, and so does the server that sends it.
_MOST_PENDING = 32 << 20
# A disk that takes nothing for so long is given up.
_STUCK_SECONDS = 20.0


class LineFile:
    """Packed with gzip where its name ends in ".gz". `failure` says why nothing is written any more. All but
    `wait_closed` is called from one thread, which waits for the disk in that alone.

    The lines keep their order. Who writes looks at `is_full` now and then, and waits `until_room` where it is.
    """

    def __init__(self, path: Path) -> None:
        """`OSError` when the file can't be made."""
        self.failure = ""
        self._under: IO[bytes] = path.open("wb", buffering=_BUFFER)
        packed = path.suffix == ".gz"
        self._file: IO[bytes] | gzip.GzipFile = (
            gzip.GzipFile(fileobj=self._under, mode="wb", compresslevel=1) if packed else self._under
        )
        self._short = bytearray()  # lines that the thread has not been given yet
        self._waiting: deque[tuple[int, Iterator[bytes | bytearray]]] = deque()
        self._pending = 0  # bytes of what waits, and of what the thread has in its hands
        self._changed = threading.Condition()
        self._for_room: list[Callable[[], object]] = []  # told once there is some
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def is_full(self) -> bool:
        """The disk is behind by as much as is kept for it."""
        return self._pending >= _MOST_PENDING and not self.failure

    async def until_room(self) -> None:
        """Until it isn't full. A disk that is stuck is a `failure`, for which nobody waits any more."""
        loop, room = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(room.set)

        with self._changed:
            if not self.is_full:
                return
            self._for_room.append(tell)
        try:
            async with asyncio.timeout(_STUCK_SECONDS):
                await room.wait()
        except TimeoutError:
            self.failure = self.failure or _stuck()
        finally:
            with self._changed:
                self._for_room = [each for each in self._for_room if each is not tell]

    def write(self, line: Mapping[str, Any], body: bytes | None, mask: Mask) -> None:
        """A line; `body` stands in it as "body", masked and in base64."""
        if self._closed or self.failure:
            return
        head = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace")
        size, text = len(head) + len(body or b""), _text(head, body, mask)
        if size >= _LONG:
            self._hand_over_short()
            self._hand_over(size, text)
            return
        try:
            self._short += b"".join(text)
        except Exception as error:  # noqa: BLE001 - as for a long one
            self._fail(error)
        if len(self._short) >= _LONG:
            self._hand_over_short()

    def close(self) -> None:
        """Once all is written. A second time does nothing."""
        self.end()
        self.wait_closed()

    def end(self) -> None:
        """No more lines: the thread writes what waits, and closes the file, however long that takes."""
        self._hand_over_short()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._begin_thread()

    def wait_closed(self) -> None:
        """After `end`: until the file is closed. Blocking; a disk that is stuck is a `failure`."""
        assert self._thread is not None
        self._thread.join(_STUCK_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or _stuck()

    def _hand_over_short(self) -> None:
        short, self._short = self._short, bytearray()
        if short:
            self._hand_over(len(short), iter((short,)))

    def _hand_over(self, size: int, text: Iterator[bytes | bytearray]) -> None:
        with self._changed:
            self._waiting.append((size, text))
            self._pending += size
            self._changed.notify_all()
        self._begin_thread()

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
                size, text = self._waiting.popleft()
            if not self.failure:
                self._put(text)
            with self._changed:
                self._pending -= size
                told, self._for_room = ([], self._for_room) if self.is_full else (self._for_room, [])
            for tell in told:
                with contextlib.suppress(RuntimeError):  # its loop has gone
                    tell()
        try:
            try:
                self._file.close()
            finally:
                self._under.close()  # gzip leaves it open, with what it has packed last in its buffer
        except Exception as error:  # noqa: BLE001 - as for a line
            self._fail(error)

    def _put(self, text: Iterator[bytes | bytearray]) -> None:
        try:
            for piece in text:
                self._file.write(piece)
        except Exception as error:  # noqa: BLE001 - whatever it is, the session goes on, and who closes the file is told
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or (
            str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        )


def _text(head: bytes, body: bytes | None, mask: Mask) -> Iterator[bytes]:
    if body is None:
        yield head + b"\n"
        return
    masked = mask(body)
    yield head[:-1] + b', "body": "'
    for at in range(0, len(masked), _PIECE):
        yield base64.b64encode(masked[at : at + _PIECE])
    yield b'"}\n'


def _stuck() -> str:
    return f"the disk has taken nothing for {_STUCK_SECONDS:g} s"
