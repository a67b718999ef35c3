"""A USB serial line (CDC ACM): a terminal device in the guest, text here. Source: USB CDC 1.2, PSTN 1.2."""

from __future__ import annotations

import enum
import struct

from ATPLibrary.errors import ChannelError
from ATPLibrary.protocol.usbredir.descriptors import Configuration, DeviceDescription, Endpoint, Interface, TransferType
from ATPLibrary.protocol.usbredir.device import Setup, UsbDevice

FROM_GUEST, TO_GUEST, NOTICES = 0x02, 0x82, 0x81
# What nobody has taken yet, in either direction: then the other side has to wait, or is told.
LIMIT = 4 << 20


class CdcRequest(enum.IntEnum):
    SET_LINE_CODING = 0x20
    GET_LINE_CODING = 0x21
    SET_CONTROL_LINE_STATE = 0x22
    SEND_BREAK = 0x23


class UsbSerialLine(UsbDevice):
    """`received` gathers what the guest writes until it is taken. With `echo` each byte goes back to the guest as well."""

    kind = "serial"
    driver = "cdc_acm"

    def __init__(self, serial: str = "", *, echo: bool = False) -> None:
        functions = bytes.fromhex("05240001100524010001042402020524060001")
        control = Interface(0, 2, 2, 1, (Endpoint(NOTICES, TransferType.INTERRUPT, 16, 9),), extra=functions)
        data = Interface(
            1, 10, 0, 0, (Endpoint(FROM_GUEST, TransferType.BULK, 512), Endpoint(TO_GUEST, TransferType.BULK, 512))
        )
        super().__init__(
            DeviceDescription(
                0x1209, 0xA7B3, (Configuration((control, data)),), name="ATP serial line", serial=serial, class_code=2
            )
        )
        self.echo = echo
        self.received = bytearray()
        self.line_coding = struct.pack("<IBBB", 9600, 0, 0, 8)
        self.is_open = False  # the guest has raised DTR: a program has it open
        self.breaks = 0
        self._unsent = bytearray()

    @property
    def baud(self) -> int:
        return int(struct.unpack_from("<I", self.line_coding)[0])

    def write(self, data: bytes) -> None:
        """Towards the guest. `ChannelError` when it leaves too much unread."""
        if len(self._unsent) + len(data) > LIMIT:
            raise ChannelError.about(
                "The USB serial line's guest", wanted="read what is written to it", got=f"left {len(self._unsent)} bytes unread",
                next_step="Let a program in the guest read /dev/ttyACM0",
            )  # fmt: skip
        self._unsent += data
        self.tell(TO_GUEST)

    @property
    def unsent(self) -> int:
        """Bytes that the guest hasn't asked for yet."""
        return len(self._unsent)

    def control(self, setup: Setup, data: bytes) -> bytes:
        match setup.request:
            case CdcRequest.SET_LINE_CODING if len(data) == 7:
                self.line_coding = data
                return b""
            case CdcRequest.GET_LINE_CODING:
                return self.line_coding
            case CdcRequest.SET_CONTROL_LINE_STATE:
                self.is_open = bool(setup.value & 1)
                return b""
            case CdcRequest.SEND_BREAK:
                self.breaks += setup.value != 0
                return b""
        return super().control(setup, data)

    def receive(self, endpoint: int, data: bytes) -> None:
        if endpoint != FROM_GUEST:
            super().receive(endpoint, data)
        if len(self.received) + len(data) > LIMIT:
            raise ChannelError.about(
                "The USB serial line", wanted="be read here", got=f"has {len(self.received)} bytes that nobody took",
                next_step="Read it with 'Expect On USB Serial Line'",
            )  # fmt: skip
        self.received += data
        if self.echo:
            self.write(data)

    def take(self, endpoint: int, size: int) -> bytes | None:
        if endpoint != TO_GUEST or not self._unsent:
            return None
        data = bytes(self._unsent[:size])
        del self._unsent[:size]
        return data

    def reset(self) -> None:
        self.is_open = False
        self._unsent.clear()
