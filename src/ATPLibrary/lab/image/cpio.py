"""Writes a "newc" cpio archive, the form of an initramfs (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).

Written here because cpio(1) can't give files to root, or make device nodes, without being root.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field


@dataclass
class CpioArchive:
    """An archive in memory: every entry belongs to root and has time 0, so the same entries give the same bytes."""

    _parts: list[bytes] = field(default_factory=list)
    _entries: int = 0

    def directory(self, name: str, mode: int = 0o755) -> None:
        self._add(name, stat.S_IFDIR | mode)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, data)

    def symlink(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._add(name, stat.S_IFCHR | mode, device=(major, minor))

    def finish(self) -> bytes:
        """The whole archive, closed by its trailer."""
        return b"".join([*self._parts, *_entry(0, "TRAILER!!!", 0)])

    def _add(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> None:
        self._entries += 1
        self._parts.extend(_entry(self._entries, name, mode, data, device))


def _entry(
    number: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
) -> tuple[bytes, bytes, bytes]:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % value for value in fields)
    return header + encoded + _padding(len(header) + len(encoded)), data, _padding(len(data))


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
