"""A USB keyboard (HID boot protocol). Source: HID 1.11, appendix B and chapter 7.2."""

from __future__ import annotations

import enum
import struct
from collections import deque

from ATPLibrary.protocol.usbredir.descriptors import Configuration, DeviceDescription, Endpoint, Interface, TransferType
from ATPLibrary.protocol.usbredir.device import Setup, UsbDevice
from ATPLibrary.protocol.usbredir.devices.usages import FIRST_MODIFIER, usage_of
from ATPLibrary.protocol.usbredir.packets import Speed

KEYS = 0x81
REPORT_BYTES = 8
_HID, _REPORT = 0x21, 0x22
# Eight modifiers, a reserved byte, five lights, six keys: usages up to 0x91.
_REPORT_DESCRIPTOR = bytes.fromhex(
    "05010906a101 050719e029e71500250175019508 8102 950175088101 95057501050819012905 9102 95017503 9101"
    "95067508150026910005071900 2991 8100 c0"
)
# At most so many keys are down at once.
ROLLOVER = 6
INTERVAL_MS = 4


class HidRequest(enum.IntEnum):
    GET_REPORT = 1
    GET_IDLE = 2
    GET_PROTOCOL = 3
    SET_REPORT = 9
    SET_IDLE = 10
    SET_PROTOCOL = 11


class UsbKeyboard(UsbDevice):
    """Keys go down and up by QEMU's names. `lights` are those that the guest has lit: bit 0 Num, 1 Caps, 2 Scroll Lock."""

    kind = "keyboard"
    driver = "usbhid"

    def __init__(self, serial: str = "") -> None:
        hid = struct.pack("<BBHBBBH", 9, _HID, 0x0111, 0, 1, _REPORT, len(_REPORT_DESCRIPTOR))
        keys = Endpoint(KEYS, TransferType.INTERRUPT, REPORT_BYTES, INTERVAL_MS)
        interface = Interface(0, 3, 1, 1, (keys,), extra=hid)
        super().__init__(
            DeviceDescription(
                0x1209, 0xA7B1, (Configuration((interface,)),), name="ATP keyboard", serial=serial, speed=Speed.FULL
            )
        )
        self.lights = 0
        self.is_listened_to = False
        self._down: list[int] = []
        self._reports: deque[bytes] = deque()
        self._idle = 0
        self._protocol = 1

    def key(self, qcode: str, down: bool) -> None:
        """One edge. A key that is down already, or up already, changes nothing. `InputError` for a key that it doesn't have."""
        usage = usage_of(qcode)
        if down is (usage in self._down):
            return
        if down:
            self._down.append(usage)
        else:
            self._down.remove(usage)
        self._reports.append(self._report())
        self.tell(KEYS)

    def release_all(self) -> None:
        """All keys up, in one report."""
        if self._down:
            self._down.clear()
            self._reports.append(self._report())
            self.tell(KEYS)

    @property
    def unsent(self) -> int:
        """Reports that the guest hasn't asked for yet."""
        return len(self._reports)

    def control(self, setup: Setup, data: bytes) -> bytes:
        match setup.request:
            case HidRequest.GET_REPORT:
                return self._report() if setup.value >> 8 == 1 else bytes([self.lights])
            case HidRequest.GET_IDLE:
                return bytes([self._idle])
            case HidRequest.GET_PROTOCOL:
                return bytes([self._protocol])
            case HidRequest.SET_REPORT:
                self.lights = data[0] if data else self.lights
                return b""
            case HidRequest.SET_IDLE:
                self._idle = setup.value >> 8
                return b""
            case HidRequest.SET_PROTOCOL:
                self._protocol = setup.value & 0xFF
                return b""
        return super().control(setup, data)

    def descriptor(self, type: int, index: int) -> bytes:
        if type == _REPORT:
            return _REPORT_DESCRIPTOR
        if type == _HID:
            return self.description.configurations[0].interfaces[0].extra
        return super().descriptor(type, index)

    def take(self, endpoint: int, size: int) -> bytes | None:
        return self._reports.popleft() if self._reports else None

    def started(self, endpoint: int) -> None:
        self.is_listened_to = True

    def reset(self) -> None:
        self._down.clear()
        self._reports.clear()
        self.is_listened_to = False
        self.lights = 0

    def _report(self) -> bytes:
        modifiers = sum(1 << usage - FIRST_MODIFIER for usage in self._down if usage >= FIRST_MODIFIER)
        keys = [usage for usage in self._down if usage < FIRST_MODIFIER]
        if len(keys) > ROLLOVER:
            keys = [1] * ROLLOVER  # ErrorRollOver
        return bytes([modifiers, 0, *keys]).ljust(REPORT_BYTES, b"\0")
