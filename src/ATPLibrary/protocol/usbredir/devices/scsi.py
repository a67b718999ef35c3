"""A disk as SCSI knows it: the commands that Linux and Windows give a USB disk. Source: SPC-4 and SBC-3."""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.protocol.usbredir.devices.storage import Medium

BLOCK = 512
_LARGEST_TRANSFER = 16 << 20


class Command(enum.IntEnum):
    TEST_UNIT_READY = 0x00
    REQUEST_SENSE = 0x03
    INQUIRY = 0x12
    MODE_SENSE_6 = 0x1A
    START_STOP_UNIT = 0x1B
    PREVENT_ALLOW_REMOVAL = 0x1E
    READ_FORMAT_CAPACITIES = 0x23
    READ_CAPACITY_10 = 0x25
    READ_10 = 0x28
    WRITE_10 = 0x2A
    VERIFY_10 = 0x2F
    SYNCHRONIZE_CACHE_10 = 0x35
    MODE_SENSE_10 = 0x5A
    READ_CAPACITY_16 = 0x9E
    REPORT_LUNS = 0xA0


@dataclass(frozen=True, slots=True)
class Sense:
    """Why a command failed: sense key, additional code."""

    key: int
    code: int


NO_SENSE = Sense(0, 0)
UNKNOWN_COMMAND = Sense(5, 0x20)
OUT_OF_RANGE = Sense(5, 0x21)
UNKNOWN_FIELD = Sense(5, 0x24)
WRITE_PROTECTED = Sense(7, 0x27)
MEDIUM_ERROR = Sense(3, 0x11)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command gives: data, or the failure that REQUEST SENSE tells of next."""

    data: bytes = b""
    failed: bool = False


class Refused(Exception):
    def __init__(self, sense: Sense) -> None:
        super().__init__(sense)
        self.sense = sense


class Disk:
    """One logical unit over a medium. `reads` and `writes` count blocks."""

    def __init__(self, medium: Medium, serial: str) -> None:
        self.medium = medium
        self.serial = serial or "0"
        self.reads = 0
        self.writes = 0
        self.synchronized = 0  # how often the guest had its cache written
        self._sense = NO_SENSE

    @property
    def blocks(self) -> int:
        return self.medium.size // BLOCK

    def wants(self, block: bytes, size: int) -> Answer:
        """Whether a command that sends `size` bytes of data is taken, before its data comes."""
        return self._answered(lambda: self._check_write(block, size))

    def execute(self, block: bytes, data: bytes = b"") -> Answer:
        """One command block, with the data that came for it."""
        return self._answered(lambda: self._run(block, data))

    def _answered(self, run: Callable[[], bytes]) -> Answer:
        try:
            return Answer(run())
        except Refused as refused:
            self._sense = refused.sense
        except OSError:
            self._sense = MEDIUM_ERROR
        return Answer(failed=True)

    def _run(self, block: bytes, data: bytes) -> bytes:
        block = block.ljust(16, b"\0")
        match block[0]:
            case Command.TEST_UNIT_READY | Command.START_STOP_UNIT | Command.PREVENT_ALLOW_REMOVAL | Command.VERIFY_10:
                return b""
            case Command.REQUEST_SENSE:
                sense, self._sense = self._sense, NO_SENSE
                told = struct.pack(">BBBIBIBBBBBB", 0x70, 0, sense.key, 0, 10, 0, sense.code, 0, 0, 0, 0, 0)
                return told[: block[4]]
            case Command.INQUIRY:
                return self._inquiry(block)[: struct.unpack_from(">H", block, 3)[0]]
            case Command.MODE_SENSE_6:
                return bytes([3, 0, self._protection, 0])[: block[4]]
            case Command.MODE_SENSE_10:
                return bytes([0, 6, 0, self._protection, 0, 0, 0, 0])[: struct.unpack_from(">H", block, 7)[0]]
            case Command.READ_FORMAT_CAPACITIES:
                capacities = struct.pack(">IIBBH", 8, min(self.blocks, 0xFFFFFFFF), 2, 0, BLOCK)
                return capacities[: struct.unpack_from(">H", block, 7)[0]]
            case Command.READ_CAPACITY_10:
                return struct.pack(">II", min(self.blocks - 1, 0xFFFFFFFF), BLOCK)
            case Command.READ_CAPACITY_16 if block[1] & 0x1F == 0x10:
                capacity = struct.pack(">QI20x", self.blocks - 1, BLOCK)
                return capacity[: struct.unpack_from(">I", block, 10)[0]]
            case Command.READ_10:
                at, size = self._place(block)
                self.reads += size // BLOCK
                return self.medium.read(at, size)
            case Command.WRITE_10:
                return self._write(block, data)
            case Command.SYNCHRONIZE_CACHE_10:
                self.synchronized += 1
                return b""
            case Command.REPORT_LUNS:
                return struct.pack(">IIQ", 8, 0, 0)[: struct.unpack_from(">I", block, 6)[0]]
        raise Refused(UNKNOWN_COMMAND)

    @property
    def _protection(self) -> int:
        return 0x80 if self.medium.read_only else 0

    def _inquiry(self, block: bytes) -> bytes:
        if not block[1] & 1:
            if block[2]:
                raise Refused(UNKNOWN_FIELD)
            # A direct-access device, removable, SPC-4; 31 more bytes.
            return bytes([0, 0x80, 6, 2, 31, 0, 0, 0]) + b"ATP     " + b"Scripted disk   " + b"1.0 "
        serial = self.serial.encode("ascii", "replace")[:32]
        identity = b"ATP     " + serial
        page = {
            0x00: bytes([0x00, 0x80, 0x83]),
            0x80: serial,
            0x83: bytes([2, 1, 0, len(identity)]) + identity,
        }.get(block[2])
        if page is None:
            raise Refused(UNKNOWN_FIELD)
        return bytes([0, block[2], 0, len(page)]) + page

    def _place(self, block: bytes) -> tuple[int, int]:
        """Where a READ or WRITE (10) begins and how much it moves, in bytes."""
        first, count = struct.unpack_from(">I", block, 2)[0], struct.unpack_from(">H", block, 7)[0]
        if first + count > self.blocks or count * BLOCK > _LARGEST_TRANSFER:
            raise Refused(OUT_OF_RANGE)
        return first * BLOCK, count * BLOCK

    def _check_write(self, block: bytes, size: int) -> bytes:
        block = block.ljust(16, b"\0")
        if block[0] != Command.WRITE_10:
            raise Refused(UNKNOWN_COMMAND)
        if self.medium.read_only:
            raise Refused(WRITE_PROTECTED)
        if self._place(block)[1] != size:
            raise Refused(UNKNOWN_FIELD)
        return b""

    def _write(self, block: bytes, data: bytes) -> bytes:
        self._check_write(block, len(data))
        at, size = self._place(block)
        self.medium.write(at, data)
        self.writes += size // BLOCK
        return b""
