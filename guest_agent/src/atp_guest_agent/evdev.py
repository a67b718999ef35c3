"""Input devices of the Linux kernel: finding, describing and reading `/dev/input/event*`.

ioctl numbers are those of x86, ARM and RISC-V.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from atp_guest_agent.codes import ABS_X, ABS_Y, EV_ABS, EV_KEY, EV_REL, EV_SYN
from atp_guest_agent.description import Description

EV_LED = 0x11
SYN_REPORT, SYN_DROPPED = 0, 3
CLOCK_MONOTONIC = 1

INPUT_EVENT = struct.Struct("@llHHi")  # struct timeval, type, code, value
READ_SIZE = INPUT_EVENT.size * 64

_KEY_BYTES = 0x300 // 8  # KEY_CNT
_ABS_BYTES = 0x40 // 8
_REL_BYTES = 0x10 // 8
_LED_BYTES = 0x10 // 8
_SET_CLOCK = 0x400445A0  # EVIOCSCLOCKID
_GRAB = 0x40044590  # EVIOCGRAB
_GET_ID = 0x80084502  # EVIOCGID
_GET_NAME, _GET_PHYS, _GET_KEYS, _GET_LEDS, _GET_BITS = 0x06, 0x07, 0x18, 0x19, 0x20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.codes import Event


class OverrunError(Exception):
    """The kernel threw events away (SYN_DROPPED) and the device is in step again; `held` are the codes down now."""

    def __init__(self, held: list[int]) -> None:
        super().__init__()
        self.held = held


class InputDevice:
    """One open device, read without blocking.

    States: IN_STEP -> DROPPING (SYN_DROPPED came: what follows up to SYN_REPORT belongs to a torn packet) -> IN_STEP.
    """

    IN_STEP, DROPPING = range(2)

    def __init__(self, number: int, path: str, fd: int, description: Description) -> None:
        self.number = number
        self.path = path
        self.fd = fd
        self.description = description
        self.state = self.IN_STEP
        self._rest = b""

    def read(self, events: list[Event]) -> bool:
        """Append what has come, up to 64 events, to `events`. Returns whether there may be more.

        Raises OverrunError after SYN_DROPPED, when in step again; the events before the gap were appended. Raises OSError
        when the device is gone.
        """
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            raise OSError(errno.ENODEV, "end of file")
        is_full = len(data) == READ_SIZE
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if len(data) % INPUT_EVENT.size:  # the kernel never tears an event; a pipe may
            whole = len(data) - len(data) % INPUT_EVENT.size
            self._rest = data[whole:]
            data = data[:whole]
        number = self.number
        resynchronised = False
        for seconds, micros, kind, code, value in INPUT_EVENT.iter_unpack(data):
            if kind == EV_SYN:
                if code == SYN_DROPPED:
                    self.state = self.DROPPING
                elif code == SYN_REPORT and self.state == self.DROPPING:
                    self.state = self.IN_STEP
                    resynchronised = True
            elif kind <= EV_ABS and self.state == self.IN_STEP and not resynchronised:
                # After the gap this chunk's events are thrown away too: the key state asked for below is newer than they are.
                events.append((number, kind, code, value, seconds * 1000000 + micros))
        if resynchronised and self.state == self.IN_STEP:
            raise OverrunError(self.resynchronise())
        return is_full

    def resynchronise(self) -> list[int]:
        """Codes of the keys and buttons that are down now. The kernel throws away the key events queued before this answer."""
        return _set_bits(_get(self.fd, _GET_KEYS, _KEY_BYTES))

    def held(self) -> list[int]:
        """Codes of the keys and buttons that are down now, without losing queued events: asked through a file of its own.

        Raises OSError when the device is gone.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _set_bits(_get(fd, _GET_KEYS, _KEY_BYTES))
        finally:
            os.close(fd)

    def leds(self) -> list[tuple[int, int]]:
        """The lights that it has, and whether each is lit (1) or dark (0). Raises OSError when the device is gone."""
        lit = _set_bits(_get(self.fd, _GET_LEDS, _LED_BYTES))
        return [(led, int(led in lit)) for led in sorted(_bits(self.fd, EV_LED, _LED_BYTES))]

    def axis(self, code: int) -> int:
        """The present value of an absolute axis."""
        value: int = struct.unpack("6i", _get(self.fd, 0x40 + code, 24))[0]
        return value

    def grab(self, wanted: bool) -> None:
        """Take what this device says away from everybody else in the guest, or give it back. Raises OSError.

        The kernel gives it back by itself when the file is closed, however that comes about.
        """
        fcntl.ioctl(self.fd, _GRAB, int(wanted))

    def message(self) -> dict[str, object]:
        return self.description.message(self.number, self.path)

    def close(self) -> None:
        os.close(self.fd)


class InputDirectory:
    """The devices that there are: `/dev/input/event*`."""

    def __init__(self, path: str = "/dev/input") -> None:
        self._path = path

    def paths(self) -> list[str]:
        try:
            names = [name for name in os.listdir(self._path) if name.startswith("event") and name[5:].isdigit()]
        except OSError:
            return []
        return [f"{self._path}/{name}" for name in sorted(names, key=lambda name: int(name[5:]))]

    def open(self, path: str, number: int) -> InputDevice:
        """Open and describe a device, its clock set to CLOCK_MONOTONIC. Raises OSError."""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, _SET_CLOCK, struct.pack("i", CLOCK_MONOTONIC))
            return InputDevice(number, path, fd, describe(fd))
        except BaseException:
            os.close(fd)
            raise


def describe(fd: int) -> Description:
    """Ask the kernel what the device behind `fd` is."""
    bustype, vendor, product, _version = struct.unpack("4H", bytes(fcntl.ioctl(fd, _GET_ID, bytes(8))))
    kinds = _bits(fd, 0, 4)
    axes = _bits(fd, EV_ABS, _ABS_BYTES) if EV_ABS in kinds else frozenset()
    return Description(
        name=_text(fd, _GET_NAME),
        phys=_text(fd, _GET_PHYS),
        bustype=bustype,
        vendor=vendor,
        product=product,
        keys=_bits(fd, EV_KEY, _KEY_BYTES) if EV_KEY in kinds else frozenset(),
        relative=_bits(fd, EV_REL, _REL_BYTES) if EV_REL in kinds else frozenset(),
        ranges={axis: struct.unpack("6i", _get(fd, 0x40 + axis, 24))[1:3] for axis in (ABS_X, ABS_Y) if axis in axes},
    )


def _get(fd: int, number: int, size: int) -> bytes:
    """ioctl _IOR('E', number, size)."""
    buffer = bytearray(size)
    fcntl.ioctl(fd, 2 << 30 | size << 16 | ord("E") << 8 | number, buffer)
    return bytes(buffer)


def _text(fd: int, number: int) -> str:
    try:
        return _get(fd, number, 256).split(b"\0", 1)[0].decode("utf-8", "replace")
    except OSError:  # a device without a physical path has none to tell
        return ""


def _bits(fd: int, kind: int, size: int) -> frozenset[int]:
    return frozenset(_set_bits(_get(fd, _GET_BITS + kind, size)))


def _set_bits(data: bytes) -> list[int]:
    return [index * 8 + bit for index, byte in enumerate(data) if byte for bit in range(8) if byte >> bit & 1]
