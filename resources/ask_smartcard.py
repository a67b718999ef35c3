"""Asks the smartcard in a guest's reader: ask_smartcard.py COMMAND..., each in hexadecimal.

Waits for the reader, a CCID device that comes with its first card, and speaks with it by the kernel's files of USB devices: no
driver and no pcscd is needed. Prints the card's answer to reset, and each answer. Exit status 3: the reader says that no card is
there.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import struct
import sys
import time

VENDOR = "08e6"  # of QEMU's reader
DEVICES = "/sys/bus/usb/devices"
# linux/usbdevice_fs.h
CLAIM_INTERFACE, BULK = 0x8004550F, 0xC0185502
TO_READER, FROM_READER, BULK_MS = 0x03, 0x82, 5000
# CCID: messages to the reader, and its answer to them.
POWER_ON, COMMAND, ANSWER = 0x62, 0x6F, 0x80
NO_CARD, FAILED = 0x02, 0x40


def node() -> str:
    """The reader's file."""
    while True:
        for name in os.listdir(DEVICES):
            with contextlib.suppress(OSError):
                if read(name, "idVendor") == VENDOR:
                    return f"/dev/bus/usb/{int(read(name, 'busnum')):03}/{int(read(name, 'devnum')):03}"
        time.sleep(0.1)


def read(device: str, name: str) -> str:
    with open(f"{DEVICES}/{device}/{name}") as file:
        return file.read().strip()


class Reader:
    def __init__(self, file: str) -> None:
        self._file = os.open(file, os.O_RDWR)
        self._sent = 0
        fcntl.ioctl(self._file, CLAIM_INTERFACE, struct.pack("I", 0))

    def ask(self, kind: int, data: bytes = b"") -> bytes:
        self._sent += 1
        self._bulk(TO_READER, struct.pack("<BIBBBBB", kind, len(data), 0, self._sent, 0, 0, 0) + data)
        while True:
            told = self._bulk(FROM_READER, bytes(1024))
            if told[0] == ANSWER and told[6] == self._sent:
                break
        if told[7] & 3 == NO_CARD or told[7] & FAILED:
            sys.exit(3)
        return told[10 : 10 + struct.unpack_from("<I", told, 1)[0]]

    def _bulk(self, endpoint: int, data: bytes) -> bytes:
        held = array.array("B", data)
        order = struct.pack("IIIxxxxQ", endpoint, len(held), BULK_MS, held.buffer_info()[0])
        size = fcntl.ioctl(self._file, BULK, bytearray(order))
        return held.tobytes()[:size]


reader = Reader(node())
print(reader.ask(POWER_ON).hex())
for command in sys.argv[1:]:
    print(reader.ask(COMMAND, bytes.fromhex(command)).hex())
