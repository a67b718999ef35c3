"""The keyboard, the disk and the serial line, as a guest's drivers ask them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.unit.usbredir.guest import Guest, Memory, storage

from ATPLibrary.errors import ChannelError, ConfigError, InputError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.protocol.usbredir import packets
from ATPLibrary.protocol.usbredir.devices import DiskImage, UsbKeyboard, UsbSerialLine, UsbStorage
from ATPLibrary.protocol.usbredir.devices.keyboard import KEYS
from ATPLibrary.protocol.usbredir.devices.serial_line import FROM_GUEST as LINE_OUT
from ATPLibrary.protocol.usbredir.devices.serial_line import LIMIT, TO_GUEST
from ATPLibrary.protocol.usbredir.devices.storage import FROM_GUEST
from ATPLibrary.protocol.usbredir.devices.storage import TO_GUEST as DISK_IN
from ATPLibrary.protocol.usbredir.devices.usages import USAGE_OF_QCODE
from ATPLibrary.protocol.usbredir.packets import Status

pytestmark = pytest.mark.unit


def test_every_key_with_a_usage_is_one_that_qemu_names() -> None:
    assert USAGE_OF_QCODE.keys() <= EVDEV_OF_QCODE.keys()


def listening() -> tuple[Guest, UsbKeyboard]:
    guest, keyboard = Guest(), UsbKeyboard("S1")
    guest.plug(keyboard)
    guest.say(packets.StartInterruptReceiving(endpoint=KEYS))
    assert guest.next(packets.InterruptReceivingStatus).status == Status.SUCCESS
    return guest, keyboard


def reports(guest: Guest) -> list[str]:
    guest.listen()
    taken, guest.got = guest.got, []
    return [each.data.hex() for each in taken if isinstance(each, packets.InterruptPacket)]


def test_keys_go_down_and_up_in_reports_of_eight_bytes() -> None:
    guest, keyboard = listening()
    for qcode, down in (("shift", True), ("a", True), ("a", False), ("shift", False), ("shift", False)):
        keyboard.key(qcode, down)
    assert reports(guest) == ["0200000000000000", "0200040000000000", "0200000000000000", "0000000000000000"]


def test_keys_before_the_guest_listens_wait_for_it_and_seven_at_once_are_too_many() -> None:
    guest, keyboard = Guest(), UsbKeyboard()
    guest.plug(keyboard)
    for key in "abcdefg":
        keyboard.key(key, True)
    assert keyboard.unsent == 7
    guest.say(packets.StartInterruptReceiving(endpoint=KEYS))
    got = reports(guest)
    assert (got[5], got[6]) == ("0000040506070809", "0000010101010101")
    keyboard.release_all()
    assert reports(guest) == ["0000000000000000"]


def test_the_guest_s_lights_are_known_and_its_report_descriptor_is_given() -> None:
    guest, keyboard = listening()
    assert guest.control(0x21, 9, 0x0200, data=b"\2").status == Status.SUCCESS
    assert keyboard.lights == 2
    descriptor = guest.control(0x81, 6, 0x2200, 0, 255).data
    assert (len(descriptor), descriptor[:6].hex(), descriptor[-1]) == (64, "05010906a101", 0xC0)
    assert guest.control(0x81, 6, 0x2100, 0, 255).data[7:9] == struct.pack("<H", len(descriptor))
    with pytest.raises(InputError, match="should have the key 'mail'"):
        keyboard.key("mail", True)


def test_a_serial_line_takes_what_the_guest_writes_and_gives_back() -> None:
    guest, line = Guest(), UsbSerialLine(echo=True)
    guest.plug(line)
    guest.control(0x21, 0x20, data=struct.pack("<IBBB", 115200, 0, 0, 8))
    assert (line.baud, guest.control(0xA1, 0x21, length=7).data.hex()) == (115200, "00c20100000008")
    guest.control(0x21, 0x22, 3)
    assert line.is_open
    assert guest.bulk_out(LINE_OUT, b"ping").status == Status.SUCCESS
    assert bytes(line.received) == b"ping"
    assert guest.bulk_in(TO_GUEST, 512).data == b"ping"


def test_a_serial_line_that_nobody_reads_says_so_on_either_side() -> None:
    guest, line = Guest(), UsbSerialLine()
    guest.plug(line)
    line.write(bytes(LIMIT))
    with pytest.raises(ChannelError, match="should read what is written to it but left 4194304 bytes"):
        line.write(b"x")
    guest.bulk_out(LINE_OUT, bytes(LIMIT))
    with pytest.raises(ChannelError, match="that nobody took"):
        guest.bulk_out(LINE_OUT, b"x")


class Scsi:
    """A guest's disk driver: bulk-only transport, by the book."""

    def __init__(self, disk: UsbStorage) -> None:
        self.guest, self.disk = Guest(), disk
        self.guest.plug(disk)
        self._tag = 0

    def command(self, block: bytes, wants: int = 0, sends: bytes = b"") -> tuple[int, bytes, int]:
        """Status (0 good, 1 failed), data, residue."""
        self._tag += 1
        size = len(sends) or wants
        wrapper = struct.pack("<4sIIBBB16s", b"USBC", self._tag, size, 0x80 if wants else 0, 0, len(block), block)
        assert self.guest.bulk_out(FROM_GUEST, wrapper).status == Status.SUCCESS
        data = b""
        if sends and self.guest.bulk_out(FROM_GUEST, sends).status == Status.STALL:
            assert self.guest.control(0x02, 1, 0, FROM_GUEST).status == Status.SUCCESS
        while len(data) < wants:
            piece = self.guest.bulk_in(DISK_IN, min(wants - len(data), 1024))
            if piece.status == Status.STALL:
                assert self.guest.control(0x82, 0, 0, DISK_IN, 2).data == b"\1\0"
                assert self.guest.control(0x02, 1, 0, DISK_IN).status == Status.SUCCESS
                break
            data += piece.data
            if piece.size < 512:
                break
        status = self.guest.bulk_in(DISK_IN, 13).data
        signature, tag, residue, failed = struct.unpack("<4sIIB", status)
        assert (signature, tag) == (b"USBS", self._tag)
        return failed, data, residue

    def sense(self) -> tuple[int, int]:
        failed, data, _ = self.command(bytes([3, 0, 0, 0, 18, 0]), 18)
        assert failed == 0
        return data[2], data[12]


def read10(at: int, count: int) -> bytes:
    return struct.pack(">BBIBHB", 0x28, 0, at, 0, count, 0)


def write10(at: int, count: int) -> bytes:
    return struct.pack(">BBIBHB", 0x2A, 0, at, 0, count, 0)


def test_a_disk_says_what_it_is() -> None:
    scsi = Scsi(storage())
    assert scsi.guest.control(0xA1, 0xFE, length=1).data == b"\0"
    failed, inquiry, residue = scsi.command(bytes([0x12, 0, 0, 0, 36, 0]), 36)
    assert (failed, inquiry[:2].hex(), inquiry[8:32], residue) == (0, "0080", b"ATP     Scripted disk   ", 0)
    assert scsi.command(bytes([0x12, 1, 0x80, 0, 255, 0]), 255)[1:] == (b"\0\x80\0\2S1", 249)
    assert scsi.command(bytes(6)) == (0, b"", 0)
    assert scsi.command(bytes([0x25]) + bytes(9), 8)[1] == struct.pack(">II", 63, 512)
    assert scsi.command(bytes([0x1A, 0, 0x3F, 0, 192, 0]), 192)[1:] == (b"\3\0\0\0", 188)


def test_blocks_are_read_and_written_where_they_are_told() -> None:
    scsi = Scsi(storage())
    failed, data, residue = scsi.command(read10(3, 2), 1024)
    assert (failed, data, residue) == (0, b"\3" * 512 + b"\4" * 512, 0)
    assert scsi.command(write10(10, 2), sends=b"w" * 1024) == (0, b"", 0)
    assert scsi.command(read10(9, 4), 2048)[1] == b"\x09" * 512 + b"w" * 1024 + b"\x0c" * 512
    assert scsi.command(bytes([0x35]) + bytes(9)) == (0, b"", 0)
    assert (scsi.disk.disk.reads, scsi.disk.disk.writes, scsi.disk.disk.synchronized) == (6, 2, 1)


@pytest.mark.parametrize(
    ("block", "wants", "sends", "sense"),
    [
        (read10(63, 2), 1024, b"", (5, 0x21)),
        (write10(64, 1), 0, bytes(512), (5, 0x21)),
        (write10(0, 2), 0, bytes(512), (5, 0x24)),
        (bytes([0xEE]), 0, b"", (5, 0x20)),
        (bytes([0x15, 0, 0, 0, 4, 0]), 0, bytes(4), (5, 0x20)),
        (bytes([0x12, 1, 0x99, 0, 255, 0]), 255, b"", (5, 0x24)),
    ],
)
def test_what_can_not_be_fails_with_its_reason_and_the_disk_goes_on(
    block: bytes, wants: int, sends: bytes, sense: tuple[int, int]
) -> None:
    scsi = Scsi(storage())
    before = bytes(scsi.disk.medium.read(0, 64 * 512))
    failed, data, residue = scsi.command(block, wants, sends)
    assert (failed, data, residue) == (1, b"", wants or len(sends))
    assert scsi.sense() == sense
    assert scsi.sense() == (0, 0)
    assert scsi.disk.medium.read(0, 64 * 512) == before
    assert scsi.command(read10(1, 1), 512)[1] == b"\1" * 512


def test_a_read_only_disk_says_so_and_takes_nothing() -> None:
    scsi = Scsi(storage(read_only=True))
    assert scsi.command(bytes([0x1A, 0, 0x3F, 0, 192, 0]), 192)[1][2] == 0x80
    assert scsi.command(write10(0, 1), sends=b"w" * 512)[0] == 1
    assert scsi.sense() == (7, 0x27)
    assert scsi.disk.medium.read(0, 512) == bytes(512)


def test_a_command_that_is_none_stalls_until_a_reset() -> None:
    scsi = Scsi(storage())
    assert scsi.guest.bulk_out(FROM_GUEST, b"x" * 31).status == Status.STALL
    scsi.guest.control(0x02, 1, 0, FROM_GUEST)
    assert scsi.guest.bulk_out(FROM_GUEST, bytes(31)).status == Status.STALL
    scsi.guest.control(0x21, 0xFF)
    for endpoint in (FROM_GUEST, DISK_IN):
        scsi.guest.control(0x02, 1, 0, endpoint)
    assert scsi.command(read10(1, 1), 512)[1] == b"\1" * 512


def test_an_image_file_has_at_once_what_the_guest_writes(tmp_path: Path) -> None:
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(8 * 512))
    image = DiskImage(file)
    scsi = Scsi(UsbStorage(image))
    assert scsi.command(write10(7, 1), sends=b"z" * 512)[0] == 0
    assert file.read_bytes() == bytes(7 * 512) + b"z" * 512
    image.close()
    # A file that is shorter by now, or gone bad, is an error of the medium.
    assert scsi.command(read10(0, 1), 512)[0] == 1
    assert scsi.sense() == (3, 0x11)


@pytest.mark.parametrize("size", [0, 511, 513])
def test_an_image_of_no_whole_blocks_is_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "disk.img"
    file.write_bytes(bytes(size))
    with pytest.raises(ConfigError, match=f"whole blocks of 512 bytes but has {size} bytes"):
        DiskImage(file)


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.img' should be opened but could not be: No such file"):
        DiskImage(tmp_path / "nothing.img")


def test_memory_is_a_medium_too() -> None:
    """What a disk's content is kept in is a matter of three methods."""
    memory = Memory()
    Scsi(UsbStorage(memory)).command(write10(0, 1), sends=b"m" * 512)
    assert memory.content[:512] == b"m" * 512
