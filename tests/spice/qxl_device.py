"""A qxl without a guest: its driver is the test, which writes commands into the device's memory through QEMU's test port (qtest).

So every drawing command that a guest's driver may send goes to the real SPICE server, which sends it on, and draws it by itself for
QEMU's `screendump`. The layouts are those of spice-protocol's `qxl_dev.h`. The guest's processor stands still; its firmware has
given the device its addresses.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.spice.drawing_guest import booting
from tests.spice.qemu import Qemu, qemu

Rect = tuple[int, int, int, int]  # left, top, right, bottom
_STOP = bytes.fromhex("fa f4 ebfc")  # cli / hlt / jmp back
# Ports of its own.
_NOTIFY, _RESET, _ADD_SLOT, _CREATE_PRIMARY = 0, 5, 8, 12
# In its memory's header.
_MEMORY_MAGIC, _COMMANDS, _SLOT, _PRIMARY = 0x41525851, 4108, 5276, 5292
_RING_SIZE, _RING_HEAD = 32, 20
_DRAWABLE_BYTES = 400
_DRAW, _SURFACE = 1, 5
_NOWHERE = (0, 0, 0, 0)
# Kinds of drawing.
FILL, OPAQUE, COPY, COPY_BITS, BLEND, BLACKNESS, WHITENESS, INVERS, ROP3 = range(1, 10)
STROKE, TEXT, TRANSPARENT, ALPHA_BLEND = range(10, 14)


@dataclass
class QxlDriver:
    """What a driver does. Memory is never freed: a test draws less than there is."""

    port: socket.socket

    def __post_init__(self) -> None:
        self._received = b""
        self._numbers = itertools.count(1)
        bars = [self._config(0x10 + 4 * each) for each in range(4)]
        self._memory, rom, self._ports = bars[0] & ~15, bars[2] & ~15, bars[3] & ~3
        *_, pages, _, _, screen_bytes, header = struct.unpack("<12I", self.read(rom, 48))
        self._header = self._memory + header
        assert struct.unpack("<I", self.read(self._header, 4)) == (_MEMORY_MAGIC,)
        self._out(_RESET, 0)
        first_slot, _, generation_bits, id_bits = self.read(rom + 64, 4)
        self._slot = first_slot << (64 - id_bits) | self.read(rom + 68, 1)[0] << (64 - id_bits - generation_bits)
        self._free = screen_bytes
        self._produced = 0
        end = self._memory + screen_bytes + pages * 4096
        self.write(self._header + _SLOT, struct.pack("<QQ", self._memory, end))
        self._out(_ADD_SLOT, first_slot)

    def create_primary(self, width: int, height: int) -> None:
        """The screen: 32 bits a pixel, black."""
        self.write(self._memory, bytes(width * height * 4))
        created = struct.pack("<IIiIIIIIQ", width, height, width * 4, 32, 0, 1, 0, 0, self._slot)
        self.write(self._header + _PRIMARY, created)
        self._out(_CREATE_PRIMARY, 0)

    def create_surface(self, id: int, width: int, height: int, format: int = 96) -> None:
        """One that isn't on the screen."""
        data = self._put(bytes(width * height * 4))
        self._send(_SURFACE, struct.pack("<IBIIIIiQ", id, 0, 0, format, width, height, width * 4, data))

    def draw(
        self, kind: int, box: Rect, what: bytes, *, clips: Sequence[Rect] = (), surface: int = 0, reads: Sequence[int] = ()
    ) -> None:  # fmt: skip
        """`what` is the command's own part; `reads` are the surfaces that it takes pixels from."""
        clip = struct.pack("<IQ", 0, 0)
        if clips:
            rects = b"".join(rect(each) for each in clips)
            chunk = struct.pack("<IIQQ", len(clips), len(rects), 0, 0) + rects
            clip = struct.pack("<IQ", 1, self._put(chunk))
        sources = [*reads, -1, -1, -1][:3]
        everything = rect((0, 0, 4096, 4096))
        body = struct.pack("<IBBB", surface, 0, kind, 0) + rect(_NOWHERE) + rect(box) + clip + struct.pack("<I", 0)
        body += struct.pack("<3i", *sources) + everything * 3 + what
        self._send(_DRAW, body.ljust(_DRAWABLE_BYTES, b"\0"))

    def bitmap(
        self, width: int, height: int, data: bytes, format: int = 8, colors: Sequence[int] = (), *, keep: bool = False
    ) -> int:
        """The address of an image with that data, rows from the top down without gaps beyond whole bytes. `keep`: in the cache."""
        number, palette = next(self._numbers), 0
        if colors:
            palette = self._put(struct.pack(f"<QH{len(colors)}I", number, len(colors), *colors))
        chunk = self._put(struct.pack("<IQQ", len(data), 0, 0) + data)
        descriptor = struct.pack("<QBBII", number, 0, int(keep), width, height)
        plain = struct.pack("<BBIIIQQ", format, 4, width, height, len(data) // height, palette, chunk)
        return self._put(descriptor + plain)

    def surface_image(self, id: int) -> int:
        """The address of an image that is what a surface shows."""
        return self._put(struct.pack("<QBBIII", next(self._numbers), 104, 0, 0, 0, id).ljust(64, b"\0"))

    def read(self, address: int, size: int) -> bytes:
        return bytes.fromhex(self._ask(f"read {address:#x} {size}")[2:])

    def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), 4096):
            part = data[at : at + 4096]
            self._ask(f"write {address + at:#x} {len(part)} 0x{part.hex()}")

    def _put(self, data: bytes) -> int:
        """Into memory, at an address as commands have it."""
        at, self._free = self._free, self._free + (len(data) + 15) // 16 * 16
        self.write(self._memory + at, data)
        return self._slot | at

    def _send(self, kind: int, body: bytes) -> None:
        address = self._put(struct.pack("<Q", next(self._numbers)) + body)
        ring = self._header + _COMMANDS
        deadline = time.monotonic() + 10
        while True:
            consumed = struct.unpack("<I", self.read(ring + 12, 4))[0]
            if (self._produced - consumed) & 0xFFFFFFFF < _RING_SIZE:
                break
            assert time.monotonic() < deadline, "the server takes no commands"
        at = ring + _RING_HEAD + self._produced % _RING_SIZE * 16
        self.write(at, struct.pack("<QII", address, kind, 0))
        self._produced += 1
        self.write(ring + 4, struct.pack("<I", self._produced))
        self._out(_NOTIFY, 0)

    def _out(self, port: int, value: int) -> None:
        self._ask(f"outb {self._ports + port:#x} {value:#x}")

    def _config(self, register: int) -> int:
        """A register of PCI device 2."""
        self._ask(f"outl 0xcf8 {0x80000000 | 2 << 11 | register:#x}")
        return int(self._ask("inl 0xcfc"), 16)

    def _ask(self, command: str) -> str:
        self.port.sendall(command.encode() + b"\n")
        while b"\n" not in self._received:
            self._received += self.port.recv(65536)
        line, _, self._received = self._received.partition(b"\n")
        answer = line.decode()
        assert answer.startswith("OK"), f"{command[:80]}: {answer}"
        return answer[2:].strip()


def rect(area: Rect) -> bytes:
    left, top, right, bottom = area
    return struct.pack("<4i", top, left, bottom, right)


def color_brush(color: int) -> bytes:
    return struct.pack("<IIQI", 1, color, 0, 0)


def pattern_brush(image: int, x: int, y: int) -> bytes:
    return struct.pack("<IQii", 2, image, x, y)


NO_BRUSH = struct.pack("<IQii", 0, 0, 0, 0)


def mask(image: int = 0, x: int = 0, y: int = 0, *, is_inverse: bool = False) -> bytes:
    return struct.pack("<BiiQ", is_inverse, x, y, image)


@contextmanager
def qxl_driver(directory: Path) -> Iterator[tuple[Qemu, QxlDriver]]:
    """A QEMU whose processor has come to its end, and the driver of its qxl."""
    ours, its = socket.socketpair()
    with ours, its:
        arguments = ["-chardev", f"socket,id=qtest,fd={its.fileno()}", "-qtest", "chardev:qtest", "-qtest-log", "none"]
        with qemu(
            *booting(_STOP, directory), *arguments, video=("-vga", "qxl"), paused=False, more_fds=[its.fileno()]
        ) as running:
            ours.settimeout(30)
            deadline = time.monotonic() + 30
            while "IP=00007c02" not in running.execute("human-monitor-command", **{"command-line": "info registers"}):
                assert time.monotonic() < deadline, "the firmware has not come to its end"
                time.sleep(0.02)
            yield running, QxlDriver(ours)
