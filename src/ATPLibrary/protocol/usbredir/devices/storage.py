"""A USB disk: bulk-only transport over an image file. Source: USB Mass Storage Class, Bulk-Only Transport 1.0.

A command block (31 bytes) comes, then its data goes one way or the other, then a status block (13 bytes) goes back.
"""

from __future__ import annotations

import enum
import os
import struct
from pathlib import Path
from typing import Protocol

from ATPLibrary.errors import ConfigError
from ATPLibrary.protocol.usbredir.descriptors import Configuration, DeviceDescription, Endpoint, Interface, TransferType
from ATPLibrary.protocol.usbredir.device import Setup, Stall, UsbDevice
from ATPLibrary.protocol.usbredir.devices.scsi import BLOCK, Answer, Disk

FROM_GUEST, TO_GUEST = 0x02, 0x81
_COMMAND = struct.Struct("<4sIIBBB16s")


class Medium(Protocol):
    """What a disk's blocks are kept in. Calls don't wait for anything but the memory or file behind it."""

    @property
    def size(self) -> int: ...
    @property
    def read_only(self) -> bool: ...
    def read(self, at: int, size: int) -> bytes: ...
    def write(self, at: int, data: bytes) -> None: ...


class DiskImage:
    """A raw image file. What the guest writes is in the file at once; `close` when the disk isn't plugged in any more."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        try:
            self._file = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError.about(
                f"The image file '{path}'", wanted="be opened", got=f"could not be: {error.strerror}",
                next_step="Check the path" + ("" if read_only else ", or attach it with read_only=True"),
            ) from error  # fmt: skip
        self._size = os.fstat(self._file).st_size
        if self._size < BLOCK or self._size % BLOCK:
            os.close(self._file)
            raise ConfigError.about(
                f"The image file '{path}'", wanted=f"be a raw image of whole blocks of {BLOCK} bytes",
                got=f"has {self._size} bytes", next_step="Make one with 'truncate -s 16M FILE'",
            )  # fmt: skip

    @property
    def size(self) -> int:
        return self._size

    def read(self, at: int, size: int) -> bytes:
        return os.pread(self._file, size, at)

    def write(self, at: int, data: bytes) -> None:
        os.pwrite(self._file, data, at)

    def close(self) -> None:
        os.close(self._file)


class Phase(enum.Enum):
    """COMMAND -> (DATA_IN | DATA_OUT) -> STATUS -> COMMAND; BROKEN from a command block that can't be, until a reset."""

    COMMAND = "command"
    DATA_IN = "data in"
    DATA_OUT = "data out"
    STATUS = "status"
    BROKEN = "broken"


class BulkOnlyRequest(enum.IntEnum):
    GET_MAX_LUN = 0xFE
    RESET = 0xFF


class UsbStorage(UsbDevice):
    """`disk` knows SCSI; `disk.reads` and `disk.writes` count blocks."""

    kind = "storage"
    driver = "usb-storage"

    def __init__(self, medium: Medium, serial: str = "") -> None:
        endpoints = Endpoint(TO_GUEST, TransferType.BULK, 512), Endpoint(FROM_GUEST, TransferType.BULK, 512)
        interface = Interface(0, 8, 6, 0x50, endpoints)
        super().__init__(
            DeviceDescription(0x1209, 0xA7B2, (Configuration((interface,)),), name="ATP disk", serial=serial)
        )
        self.medium = medium
        self.disk = Disk(medium, serial)
        self.phase = Phase.COMMAND
        self._tag = 0
        self._expected = 0  # bytes that the guest wants to send or take
        self._moved = 0
        self._answer = Answer()
        self._block = b""
        self._incoming = bytearray()
        self._failed = 0

    def control(self, setup: Setup, data: bytes) -> bytes:
        match setup.request:
            case BulkOnlyRequest.RESET:
                self.reset()
                return b""
            case BulkOnlyRequest.GET_MAX_LUN:
                return b"\0"
        return super().control(setup, data)

    def reset(self) -> None:
        self.phase = Phase.COMMAND
        self._incoming.clear()

    def unhalted(self, endpoint: int) -> None:
        if self.phase is Phase.BROKEN:  # a stall that only a reset ends
            self.halted.add(endpoint)

    def receive(self, endpoint: int, data: bytes) -> None:
        match self.phase:
            case Phase.COMMAND:
                self._command(data)
            case Phase.DATA_OUT:
                self._take_data(data)
            case _:
                raise Stall

    def take(self, endpoint: int, size: int) -> bytes | None:
        match self.phase:
            case Phase.DATA_IN:
                return self._give_data(size)
            case Phase.STATUS:
                self.phase = Phase.COMMAND
                return struct.pack("<4sIIB", b"USBS", self._tag, self._expected - self._moved, self._failed)
            case Phase.BROKEN:
                raise Stall
        return None

    def _command(self, data: bytes) -> None:
        """A command block. One that can't be stalls both endpoints until a reset (chapter 6.6.1)."""
        if len(data) != _COMMAND.size or data[:4] != b"USBC" or not 1 <= data[14] & 0x1F <= 16 or data[13] & 0xF:
            self.phase = Phase.BROKEN
            self.halted |= {FROM_GUEST, TO_GUEST}
            raise Stall
        _, self._tag, self._expected, flags, _, length, block = _COMMAND.unpack(data)
        self._block = block[: length & 0x1F]
        self._moved = 0
        if flags & 0x80 or not self._expected:
            self._answer = self.disk.execute(self._block)
            self._finish(Phase.DATA_IN if self._expected else Phase.STATUS)
            return
        self._answer = self.disk.wants(self._block, self._expected)
        self._incoming.clear()
        if self._answer.failed:  # what it would send is refused: the endpoint stalls, and the status says why
            self.halted.add(FROM_GUEST)
            self._finish(Phase.STATUS)
        else:
            self.phase = Phase.DATA_OUT

    def _finish(self, phase: Phase) -> None:
        self._failed = int(self._answer.failed)
        self.phase = phase

    def _take_data(self, data: bytes) -> None:
        self._incoming += data
        self._moved += len(data)
        if self._moved < self._expected and len(data) % 512 == 0 and data:
            return
        self._answer = self.disk.execute(self._block, bytes(self._incoming))
        self._incoming.clear()
        self._finish(Phase.STATUS)

    def _give_data(self, size: int) -> bytes:
        left = self._answer.data[self._moved : self._expected]
        if not left:  # it wanted more than there is
            self.phase = Phase.STATUS
            raise Stall
        piece = left[:size]
        self._moved += len(piece)
        if self._moved == self._expected or len(piece) < size:  # a short packet ends it as well
            self.phase = Phase.STATUS
        return bytes(piece)
