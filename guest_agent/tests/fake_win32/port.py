"""The fake Windows's files: a virtio-serial port, read and written with overlapped I/O. The test is its host."""

from __future__ import annotations

import ctypes

from atp_guest_agent.windows import win32
from fake_win32.kernel import ABORTED, BROKEN, IO_PENDING, NOT_FOUND, Kernel

PIPE_PATH = "\\\\.\\Global\\com.vmagent.sock"


class FilePipe:
    """A virtio-serial port: one read and one write under way, and the host's end of it."""

    def __init__(self):
        self.to_guest = b""
        self.from_guest = b""
        self.read = None  # buffer, size, overlapped
        self.write = None
        self.takes = True  # whether the host takes what is written


class Port(Kernel):
    def __init__(self):
        super().__init__()
        self.pipe = None

    # for the test

    def host_says(self, data):
        with self.lock:
            self.pipe.to_guest += data
            self._serve_pipe()

    def host_hears(self):
        with self.lock:
            said, self.pipe.from_guest = self.pipe.from_guest, b""
            return said

    def host_leaves(self):
        """The driver ends what is under way with an error."""
        with self.lock:
            pipe, self.pipe = self.pipe, None
            for under_way in (pipe.read, pipe.write):
                if under_way is not None:
                    self._complete(under_way[2], 0, BROKEN)

    # kernel32

    def CreateFileW(self, path, access, share, _security, disposition, flags, _template):
        assert (access, share, disposition) == (win32.GENERIC_READ | win32.GENERIC_WRITE, 0, win32.OPEN_EXISTING)
        assert flags & win32.FILE_FLAG_OVERLAPPED
        if path != PIPE_PATH or self.pipe is None:
            return self.fail(NOT_FOUND, win32.INVALID_HANDLE)
        return self.new(self.pipe)

    def ReadFile(self, handle, buffer, size, _count, overlapped):
        pipe = self.handles[handle]
        if pipe is not self.pipe:
            return self.fail(BROKEN)
        with self.lock:
            assert pipe.read is None, "a read is under way"
            pipe.read = (buffer, size, overlapped)
            self.handles[overlapped.contents.hEvent].is_set = False
            self._serve_pipe()
        return self.fail(IO_PENDING)

    def WriteFile(self, handle, buffer, size, _count, overlapped):
        pipe = self.handles[handle]
        if pipe is not self.pipe:
            return self.fail(BROKEN)
        with self.lock:
            assert pipe.write is None, "a write is under way"
            pipe.write = (buffer, size, overlapped)
            self.handles[overlapped.contents.hEvent].is_set = False
            self._serve_pipe()
        return self.fail(IO_PENDING)

    def GetOverlappedResult(self, handle, overlapped, count, wait):
        event = self.handles[overlapped.contents.hEvent]
        assert event.is_set or not wait, "it would wait for ever"
        if not event.is_set:
            return self.fail(996)
        count.contents.value = overlapped.contents.InternalHigh
        return 1 if not overlapped.contents.Internal else self.fail(overlapped.contents.Internal)

    def CancelIoEx(self, handle, overlapped):
        pipe = self.handles[handle]
        with self.lock:
            for kind in ("read", "write"):
                under_way = getattr(pipe, kind)
                if under_way and ctypes.addressof(under_way[2].contents) == ctypes.addressof(overlapped.contents):
                    setattr(pipe, kind, None)
                    self._complete(overlapped, 0, ABORTED)
        return 1

    def _serve_pipe(self):
        pipe = self.pipe
        if pipe.read is not None and pipe.to_guest:
            buffer, size, overlapped = pipe.read
            data, pipe.to_guest, pipe.read = pipe.to_guest[:size], pipe.to_guest[size:], None
            ctypes.memmove(buffer, data, len(data))
            self._complete(overlapped, len(data))
        if pipe.write is not None and pipe.takes:
            buffer, size, overlapped = pipe.write
            pipe.from_guest, pipe.write = pipe.from_guest + ctypes.string_at(buffer, size), None
            self._complete(overlapped, size)

    def _complete(self, overlapped, count, error=0):
        overlapped.contents.Internal, overlapped.contents.InternalHigh = error, count
        self.handles[overlapped.contents.hEvent].is_set = True
        self.lock.notify_all()

    # ws2_32

    def WSAEventSelect(self, _socket, _event, _mask):
        return 0

    def WSAEnumNetworkEvents(self, _socket, _event, _news):
        return 0
