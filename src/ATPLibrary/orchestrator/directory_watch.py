"""Being told when a file in a directory was written, replaced or closed: the kernel's inotify (man 7 inotify), without polling."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import struct
from pathlib import Path

_IN_NONBLOCK = os.O_NONBLOCK
_IN_CLOEXEC = os.O_CLOEXEC
# inotify.h: a file was closed after writing, closed after reading, or moved in.
_IN_CLOSE_WRITE, _IN_CLOSE_NOWRITE, _IN_MOVED_TO = 0x08, 0x10, 0x80
_HEADER = struct.Struct("iIII")


class DirectoryWatch:
    """Collects the names of files in `directory` that were written or put there, from now until `close()`; with `read` also of
    those that were only read.

    Belongs to the running asyncio loop. Where the kernel gives no watch (its limit of watches is reached) `works` is False and
    nothing ever comes: whoever waits must look for himself now and then.
    """

    def __init__(self, directory: Path, *, read: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._names: set[str] = set()
        self._fd = _watch(directory, _IN_CLOSE_WRITE | _IN_MOVED_TO | (_IN_CLOSE_NOWRITE if read else 0))
        if self.works:
            self._loop.add_reader(self._fd, self._read)

    @property
    def works(self) -> bool:
        return self._fd >= 0

    async def changed(self) -> set[str]:
        """Wait until something happened, and return the names of the files that it happened to since the last call."""
        await self._arrived.wait()
        self._arrived.clear()
        names, self._names = self._names, set()
        return names

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._loop.remove_reader(fd)
            os.close(fd)

    def __enter__(self) -> DirectoryWatch:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, 65536)
            at = 0
            while at < len(data):
                _, _, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                self._names.add(os.fsdecode(data[at : at + length].rstrip(b"\0")))
                at += length
            self._arrived.set()


def _watch(directory: Path, mask: int) -> int:
    """A descriptor of an inotify instance that watches the directory; -1 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        fd = int(libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC))
    except AttributeError:  # not Linux
        return -1
    if fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(directory), mask) < 0:
        os.close(fd)
        return -1
    return fd
