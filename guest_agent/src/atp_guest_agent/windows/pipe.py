"""The line to the host on Windows: a virtio-serial port, or a named pipe, read and written with overlapped I/O."""

from __future__ import annotations

import ctypes
from ctypes import byref

from atp_guest_agent.lines import LineReader
from atp_guest_agent.links.chooser import QUEUE_LIMIT
from atp_guest_agent.links.link import Link
from atp_guest_agent.windows import structures, win32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    from atp_guest_agent.links.link import Messages

READ_SIZE = 64 * 1024
WRITE_SIZE = 64 * 1024
DEVICES = "\\\\.\\Global\\"


class Pipe(Link):
    """A read is always under way while it is open, and a write while there is something to write.

    virtio-win's driver ends both with an error while no host has opened the port: then it is CLOSED, and opened again by and by.
    """

    def __init__(self, api: win32.Win32, name: str) -> None:
        super().__init__()
        self.name = name
        self.path = name if "\\" in name else DEVICES + name
        self._api = api
        self._handle: Optional[int] = None
        self._lines = LineReader()
        self._cut = True
        self._read = structures.OVERLAPPED()
        self._write = structures.OVERLAPPED()
        self._incoming = ctypes.create_string_buffer(READ_SIZE)
        self._outgoing: Optional[ctypes.Array[ctypes.c_char]] = None  # Windows reads it until the write is done
        self._writing = 0  # how many bytes of it
        self._is_unheard = False  # what has come is left unread for now

    @property
    def events(self) -> List[int]:
        """What to wait for: the read's end, unless nobody wants to hear it now, and the write's."""
        if self._handle is None:
            return []
        deaf = self._is_unheard or (self.queued > QUEUE_LIMIT and self._writing)
        return [self._write.hEvent] if deaf else [self._read.hEvent, self._write.hEvent]

    @property
    def is_announced(self) -> bool:
        """Whether Windows announces it when it comes: it could, and the agent doesn't listen."""
        return False

    @property
    def wants_write(self) -> bool:
        return bool(self._writing)

    def open(self) -> None:
        api = self._api
        access = win32.GENERIC_READ | win32.GENERIC_WRITE
        handle = api.CreateFileW(self.path, access, 0, None, win32.OPEN_EXISTING, win32.FILE_FLAG_OVERLAPPED, None)
        if not handle or handle == win32.INVALID_HANDLE:
            raise api.error(self.path)
        self._handle = handle
        for overlapped in (self._read, self._write):
            overlapped.hEvent = api.check(api.CreateEventW(None, True, False, None), "Windows makes no event")
        self.fd = 0  # open; what is waited for are `events`
        self.state = self.CONNECTED
        self.opened += 1
        self._lines.reset()
        self._cut = True
        self._begin_reading()
        self.flush()

    def close(self, why: str = "closed") -> None:
        if self._handle is None:
            return
        self.why = why
        api, handle, self._handle = self._api, self._handle, None
        # Windows writes into the buffers until it has said that it won't any more.
        for overlapped in (self._read, self._write):
            api.CancelIoEx(handle, byref(overlapped))
            if overlapped is self._read or self._writing:
                api.GetOverlappedResult(handle, byref(overlapped), byref(ctypes.c_uint32()), True)
        api.CloseHandle(handle)
        api.CloseHandle(self._read.hEvent)
        api.CloseHandle(self._write.hEvent)
        self.fd = -1
        self._writing = 0
        self._outgoing = None
        self.state = self.CLOSED

    def look(self) -> None:
        """A host is there as long as the read goes on; what it has said is left unread."""
        self._is_unheard = True

    def receive(self) -> Messages | None:
        self._is_unheard = False
        data = self._take_read()
        return None if data is None else self._lines.feed(data)

    def flush(self) -> None:
        """A write at a time, of as many lines as fit: what comes meanwhile waits for its end."""
        if self._handle is None or not self._is_written():
            return
        if self._cut or self._queue:
            data = b"\n" if self._cut else b""
            self._cut = False
            while self._queue and (not data or len(data) + len(self._queue[0]) <= WRITE_SIZE):
                data += self._queue.pop(0)
            self._begin_writing(data)

    def clear(self) -> list[bytes]:
        # What is under way goes out whole.
        lines, self._queue = self._queue, []
        self.queued = self._writing
        return lines

    def cut(self) -> None:
        self._cut = True

    def give_up(self) -> None:
        self.close("given up")

    # one read, one write

    def _begin_reading(self) -> None:
        if self._handle is not None and not self._api.ReadFile(
            self._handle, self._incoming, READ_SIZE, None, byref(self._read)
        ):
            self._check_pending()

    def _take_read(self) -> bytes | None:
        """What the read has brought; then the next is under way."""
        got = ctypes.c_uint32(0)
        if self._handle is None or self._api.WaitForSingleObject(self._read.hEvent, 0) != win32.WAIT_OBJECT_0:
            return None
        if not self._api.GetOverlappedResult(self._handle, byref(self._read), byref(got), False) or not got.value:
            self.close("the host has closed it")
            return None
        data = self._incoming.raw[: got.value]
        self._begin_reading()
        return data

    def _begin_writing(self, data: bytes) -> None:
        self._outgoing = ctypes.create_string_buffer(data, len(data))
        self._writing = len(data)
        self.queued = self._writing + sum(map(len, self._queue))
        assert self._handle is not None
        if not self._api.WriteFile(self._handle, self._outgoing, len(data), None, byref(self._write)):
            self._check_pending()

    def _is_written(self) -> bool:
        """Whether another write may begin."""
        if not self._writing:
            return True
        done = ctypes.c_uint32(0)
        if self._api.WaitForSingleObject(self._write.hEvent, 0) != win32.WAIT_OBJECT_0:
            return False
        assert self._handle is not None
        assert self._outgoing is not None
        if not self._api.GetOverlappedResult(self._handle, byref(self._write), byref(done), False):
            self.close("the host has closed it")
            return False
        self._api.ResetEvent(self._write.hEvent)  # else it would wake the agent for nothing
        rest = self._outgoing.raw[done.value : self._writing]
        self._writing, self._outgoing = 0, None
        self.queued = sum(map(len, self._queue))
        if rest:
            self._begin_writing(rest)
            return False
        return True

    def _check_pending(self) -> None:
        error = self._api.error(self.path)
        if _number(error) != win32.ERROR_IO_PENDING:
            self.close(str(error))


def _number(error: OSError) -> int | None:
    return getattr(error, "winerror", None) or error.errno
