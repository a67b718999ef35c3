"""USB devices of this library in a real guest, through SPICE: enumerated, driven, read, written, unplugged in the middle of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conftest import LabVm, start_vm, stop_vm
from tests.spice.qemu import qemu

from ATPLibrary.config import Config
from ATPLibrary.errors import ATPError, ChannelError, DeadlineError
from ATPLibrary.lab.image.cache import cache_directory
from ATPLibrary.lab.image.packages import Apt, matcher, members
from ATPLibrary.lab.image.recipe import KERNEL_META_PACKAGE
from ATPLibrary.lab.machine import SPICE_FOLDER, SPICE_PORT
from ATPLibrary.orchestrator import Machine, Workspace, guest_usb
from ATPLibrary.orchestrator.guest_usb import GuestUsbDevice
from ATPLibrary.orchestrator.spice_ports import find_folder_port, open_port, port_of
from ATPLibrary.orchestrator.spice_smartcard import insert, reader_of
from ATPLibrary.orchestrator.spice_usb import AttachedUsb, new_serial, type_edges
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.protocol.spice.channels import UsbredirConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.smartcard import ScriptedCard
from ATPLibrary.protocol.usbredir import UsbDevice, UsbState
from ATPLibrary.protocol.usbredir.devices import DiskImage, UsbKeyboard, UsbSerialLine, UsbStorage
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.e2e

RESOURCES = Path(__file__).parents[2] / "resources"
TEXT = "Hello, USB world! 42"
EV_KEY = 1


@pytest.fixture(scope="module")
def vm(lab_host: Any, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    """One for all tests here: with two USB redirections, a port, a folder and a smartcard reader."""
    running = start_vm(lab_host, guest_image, accelerator, "atp-linux", spice_devices=True)
    try:
        yield running
    finally:
        stop_vm(running)


@pytest_asyncio.fixture
async def workspace(lab_host: Any) -> AsyncIterator[Workspace]:
    workspace = Workspace(Config.model_validate({"hosts": {"here": {"uri": lab_host.uri}}}))
    yield workspace
    await workspace.close(10)


@pytest_asyncio.fixture
async def machine(workspace: Workspace, vm: LabVm) -> Machine:
    return await workspace.machine(vm.name, timeout=30)


async def in_guest(machine: Machine, command: str | list[str], timeout: float = 60) -> str:
    """What a command prints that must succeed: a shell's line, or a program and its arguments."""
    told = await (await machine.qga(60)).exec(command, timeout=timeout)
    assert told.exit_code == 0, told
    return told.stdout


async def driven(machine: Machine, attached: AttachedUsb, node: str) -> GuestUsbDevice:
    """As the guest knows it, once each interface has a driver and there is such a node."""

    def is_there(device: GuestUsbDevice | None) -> bool:
        return device is not None and device.is_ready(node)

    seen = await guest_usb.wait_until(await machine.qga(60), attached.serial, is_there, f"have /dev/{node}", 30)
    assert seen is not None
    return seen


async def gone(machine: Machine, serial: str) -> None:
    """Until the guest has no such device any more."""
    await guest_usb.wait_until(await machine.qga(60), serial, lambda seen: seen is None, "lose the device", 10)


async def attach(
    workspace: Workspace, machine: Machine, kind: type[UsbDevice], *more: Any, **named: Any
) -> AttachedUsb:
    serial = new_serial()
    return await workspace.usb.attach(machine, kind(*more, serial, **named), None, serial, 30)


async def until_read(attached: AttachedUsb, blocks: int) -> None:
    """Until the guest has read so many more blocks."""
    disk = attached.device
    assert isinstance(disk, UsbStorage)
    wanted = disk.disk.reads + blocks
    await attached.speaking.wait_until(lambda: disk.disk.reads >= wanted, 30, "be read")


def image_of(path: Path, megabytes: int) -> Path:
    path.write_bytes(os.urandom(megabytes << 20))
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_guest_without_the_driver_is_told_from_one_that_has_it(workspace: Workspace, machine: Machine) -> None:
    serial = new_serial()
    with pytest.raises(DeadlineError, match=r"has enumerated the device, and no driver of it .* modprobe cdc_acm"):
        await workspace.usb.attach(machine, UsbSerialLine(serial), None, serial, 4)
    assert workspace.usb.of(machine) == []
    await gone(machine, serial)
    await in_guest(machine, "modprobe -a usb_storage sd_mod cdc_acm")


async def test_a_suspended_guest_is_told_as_that(workspace: Workspace, machine: Machine) -> None:
    serial = new_serial()
    await machine.domain.suspend(10)
    try:
        with pytest.raises(DeadlineError, match=r"says nothing while its VM is suspended"):
            await workspace.usb.attach(machine, UsbKeyboard(serial), None, serial, 1)
    finally:
        await machine.domain.resume(10)


async def test_a_keyboard_types_in_the_guest_through_usb(workspace: Workspace, machine: Machine) -> None:
    attached = await attach(workspace, machine, UsbKeyboard)
    seen = await driven(machine, attached, "input/event")
    assert (seen.id, set(seen.drivers.values())) == ("1209:a7b1", {"usbhid"})
    assert attached.conversation.host.ids_have_64_bits
    agent = await machine.agent(60)
    await agent.wait_for_device(lambda device: device.name == "ATPLibrary ATP keyboard", 30)
    edges = machine.layout().edges(TEXT)
    wanted = [(EVDEV_OF_QCODE[each.qcode], int(each.down)) for each in edges]
    got: list[tuple[int, int]] = []
    with agent.observations.subscribe() as stream:
        await type_edges(attached, edges, 30)
        async with asyncio.timeout(30):
            async for seen_edge in stream:
                if seen_edge.type == EV_KEY:
                    got.append((seen_edge.code, seen_edge.value))
                if len(got) == len(wanted):
                    break
    assert got == wanted
    await workspace.usb.detach(machine, attached.name, 10)


async def test_a_disk_has_in_the_guest_what_its_image_has_and_takes_what_the_guest_writes(
    workspace: Workspace, machine: Machine, tmp_path: Path
) -> None:
    image = image_of(tmp_path / "disk.img", 4)
    attached = await attach(workspace, machine, UsbStorage, DiskImage(image))
    await driven(machine, attached, "sd")
    assert (await in_guest(machine, "sha256sum /dev/sda")).split()[0] == sha256(image.read_bytes())
    written = await in_guest(
        machine,
        "dd if=/dev/urandom of=/tmp/x bs=64k count=16 2>/dev/null; dd if=/tmp/x of=/dev/sda bs=64k seek=4 2>/dev/null;"
        " sync; sha256sum /tmp/x",
    )
    assert sha256(image.read_bytes()[256 << 10 : (256 << 10) + (1 << 20)]) == written.split()[0]
    assert (
        sha256(image.read_bytes()[: 256 << 10])
        == (await in_guest(machine, "head -c 262144 /dev/sda | sha256sum")).split()[0]
    )
    await workspace.usb.detach(machine, attached.name, 10)
    await gone(machine, attached.serial)


async def test_a_read_only_disk_is_not_written(workspace: Workspace, machine: Machine, tmp_path: Path) -> None:
    image = image_of(tmp_path / "disk.img", 1)
    before = image.read_bytes()
    attached = await attach(workspace, machine, UsbStorage, DiskImage(image, read_only=True))
    await driven(machine, attached, "sd")
    assert (await in_guest(machine, "cat /sys/block/sda/ro")).strip() == "1"
    refused = await (await machine.qga(60)).exec("dd if=/dev/zero of=/dev/sda bs=4k count=1 conv=fsync", timeout=30)
    assert refused.exit_code != 0
    assert image.read_bytes() == before
    await workspace.usb.detach(machine, attached.name, 10)


async def test_a_serial_line_carries_text_both_ways(workspace: Workspace, machine: Machine) -> None:
    attached = await attach(workspace, machine, UsbSerialLine)
    line = attached.device
    assert isinstance(line, UsbSerialLine)
    await driven(machine, attached, "ttyACM")
    script = "stty -F /dev/ttyACM0 115200 raw -echo; exec 3<>/dev/ttyACM0; echo ready >&3; read -r heard <&3; echo heard $heard >&3"
    talking = asyncio.create_task(in_guest(machine, script))
    await attached.speaking.wait_until(lambda: b"ready\n" in line.received, 30, "hear the guest")
    assert (line.is_open, line.baud) == (True, 115200)
    line.write(b"from outside\n")
    await attached.push(5)
    await attached.speaking.wait_until(lambda: b"heard from outside\n" in line.received, 30, "hear the guest again")
    await talking
    await attached.speaking.wait_until(lambda: not line.is_open, 10, "see the guest close it")
    await workspace.usb.detach(machine, attached.name, 10)


async def test_all_channels_in_use_are_named_and_one_becomes_free(workspace: Workspace, machine: Machine) -> None:
    first, second = [await attach(workspace, machine, UsbKeyboard) for _ in range(2)]
    assert (first.name, second.name) == ("keyboard", "keyboard-2")
    with pytest.raises(ChannelError, match=r"free SPICE channel for USB but all 2 are in use, by keyboard, keyboard-2"):
        await attach(workspace, machine, UsbKeyboard)
    await workspace.usb.detach(machine, "keyboard", 10)
    assert (await attach(workspace, machine, UsbKeyboard)).name == "keyboard"


async def test_a_disk_is_unplugged_and_plugged_in_again_while_it_is_read(
    workspace: Workspace, machine: Machine, tmp_path: Path
) -> None:
    image = image_of(tmp_path / "disk.img", 8)
    qga = await machine.qga(60)
    for _ in range(3):
        attached = await attach(workspace, machine, UsbStorage, DiskImage(image))
        node = next(each for each in (await driven(machine, attached, "sd")).nodes if each.startswith("sd"))
        endless = (
            f"while dd if=/dev/{node} of=/dev/null bs=64k iflag=direct 2>/tmp/said; do :; done; cat /tmp/said; exit 7"
        )
        reading = asyncio.create_task(qga.exec(endless, timeout=60))
        await until_read(attached, 4096)
        await workspace.usb.detach(machine, attached.name, 10)
        assert (await reading).exit_code == 7  # the read ended with an error, and the guest goes on
        await gone(machine, attached.serial)
    attached = await attach(workspace, machine, UsbStorage, DiskImage(image))
    node = next(each for each in (await driven(machine, attached, "sd")).nodes if each.startswith("sd"))
    assert (await in_guest(machine, f"sha256sum /dev/{node}")).split()[0] == sha256(image.read_bytes())


async def test_a_channel_that_breaks_takes_its_device_out_of_the_guest(workspace: Workspace, machine: Machine) -> None:
    attached = await attach(workspace, machine, UsbKeyboard)
    await driven(machine, attached, "input/event")
    attached.speaking.drop("a test dropped it")
    with pytest.raises(ATPError, match="a test dropped it"):
        await type_edges(attached, machine.layout().edges("x"), 5)
    assert workspace.usb.of(machine) == []
    await guest_usb.wait_until(await machine.qga(60), attached.serial, lambda device: device is None, "see it go", 20)
    await attach(workspace, machine, UsbKeyboard)


async def test_a_port_talks_with_a_program_in_the_guest(workspace: Workspace, machine: Machine) -> None:
    with pytest.raises(ChannelError, match=r"should have the SPICE port 'nobody' but has com\.example\.spice"):
        await open_port(workspace, machine, "nobody", 10)
    channel = await open_port(workspace, machine, SPICE_PORT, 10)
    port = port_of(channel)
    assert not port.opened
    talking = asyncio.create_task(
        in_guest(
            machine,
            f"exec 3<>{await node_of(machine, SPICE_PORT)}; echo ready >&3; read -r heard <&3; echo heard $heard >&3",
        )
    )
    await channel.wait_until(lambda: port.opened, 30, "be opened in the guest")
    await channel.wait_until(lambda: b"ready\n" in port.unread, 30, "hear the guest")
    port.pass_on("von außen\n".encode())
    await channel.pass_on("what is queued", 5)
    await channel.wait_until(lambda: "heard von außen\n".encode() in port.unread, 30, "hear the guest again")
    await talking
    await channel.wait_until(lambda: not port.opened, 30, "be closed in the guest")


async def test_a_smartcard_is_read_in_the_guest_through_its_ccid_reader(workspace: Workspace, machine: Machine) -> None:
    card = ScriptedCard(
        answers={bytes.fromhex("00A40400"): bytes.fromhex("9000"), bytes.fromhex("00B0"): b"Hello\x90\0"}
    )
    await insert(workspace, machine, card, 30)
    asks = [*PYTHON, (RESOURCES / "ask_smartcard.py").read_text(), "00A4040005A000000001", "00B0000005", "0084000008"]
    lines = (await in_guest(machine, asks)).split()
    assert lines == [card.atr.hex(), "9000", "48656c6c6f9000", "6d00"]
    assert [asked.hex() for asked, _ in card.commands] == ["00a4040005a000000001", "00b0000005", "0084000008"]
    speaking_channel, reader = reader_of(workspace, machine)
    reader.remove()
    await speaking_channel.pass_on("what is queued", 5)
    gone = await (await machine.qga(60)).exec(asks, timeout=30)
    assert gone.exit_code == 3, gone  # the reader says that no card is there


async def test_a_folder_is_served_to_the_other_half_of_its_port(
    workspace: Workspace, machine: Machine, tmp_path: Path
) -> None:
    """The other half is a script that speaks as `spice-webdavd` does."""
    (tmp_path / "a.bin").write_bytes(content := os.urandom(200_000))
    folder = await workspace.folders.share(machine, tmp_path, False, 10)
    node = await node_of(machine, SPICE_FOLDER)
    asks = ("OPTIONS /", "PROPFIND /", "GET /a.bin", "PUT /new.txt written in the guest")
    told = await in_guest(machine, [*PYTHON, (RESOURCES / "ask_folder.py").read_text(), node, *asks])
    options, listing, got, put = told.split("\n")[:4]
    assert options.startswith("OPTIONS / 200 ")
    assert listing.startswith("PROPFIND / 207 ")
    assert got == f"GET /a.bin 200 {len(content)} {sha256(content)}"
    assert put.startswith("PUT /new.txt 201 ")
    assert (tmp_path / "new.txt").read_bytes() == b"written in the guest"
    assert folder.requests == ["OPTIONS / 200", "PROPFIND / 207", "GET /a.bin 200", "PUT /new.txt 201"]


async def test_a_folder_is_served_to_debian_s_spice_webdavd(
    workspace: Workspace, machine: Machine, tmp_path: Path
) -> None:
    """The program itself, brought into the guest on a USB disk of ours. Only mDNS, which nobody answers there, is left out."""
    await in_guest(machine, "modprobe -a usb_storage sd_mod; ifconfig lo 127.0.0.1 up")
    archive = await asyncio.to_thread(spice_webdavd, tmp_path)
    attached = await attach(workspace, machine, UsbStorage, DiskImage(archive, read_only=True))
    node = next(each for each in (await driven(machine, attached, "sd")).nodes if each.startswith("sd"))
    await in_guest(machine, f"mkdir -p /tmp/dav && tar -x -C /tmp/dav -f /dev/{node}")
    await workspace.usb.detach(machine, attached.name, 10)

    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "a.bin").write_bytes(content := os.urandom(300_000))
    folder = await workspace.folders.share(machine, shared, False, 10)
    start = (
        "/lib64/ld-linux-x86-64.so.2 --library-path /tmp/dav:/usr/lib/x86_64-linux-gnu /tmp/dav/spice-webdavd -p 9843"
    )
    await in_guest(machine, f"{start} >/tmp/dav/said 2>&1 & echo $! >/tmp/dav/pid")
    try:
        port = find_folder_port(workspace, machine)
        channel = workspace.spice_sessions.speaking(machine, Type.WEBDAV, 0)
        await channel.wait_until(lambda: port.opened, 30, "be opened by spice-webdavd")
        got = await in_guest(machine, "wget -q -O - http://127.0.0.1:9843/a.bin | sha256sum")
        assert got.split()[0] == sha256(content)
        assert folder.requests == ["GET /a.bin 200"]
    finally:
        await in_guest(machine, "kill $(cat /tmp/dav/pid)")


def spice_webdavd(directory: Path) -> Path:
    """A tar archive with Debian's daemon and the libraries that the lab's guest doesn't have."""
    apt = Apt(cache_directory() / "packages", print)
    packages = [each for each in apt.resolve(KERNEL_META_PACKAGE, DAEMON) if each.name in DAEMON]
    picked = directory / "picked"
    picked.mkdir()
    for name, deb in apt.download(packages).items():
        for member, tar in members(deb, matcher(DAEMON[name])):
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:  # a library by the name that is asked for: two numbers less than the file's
                parts = Path(member.name).name.split(".so.")
                target = picked / (f"{parts[0]}.so.{parts[1].split('.')[0]}" if len(parts) > 1 else parts[0])
                target.write_bytes(file.read())
                target.chmod(0o755)
    source = directory / "mdns.c"
    source.write_text(
        "".join(f"void *ga_{name}(void) {{ return (void *) {value}; }}\n" for name, value in MDNS.items())
    )
    library = picked / "libavahi-gobject.so.0"
    flags = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libavahi-gobject.so.0"]
    subprocess.run(["gcc", *flags, "-o", str(library), str(source)], check=True, timeout=60)
    archive = directory / "spice-webdavd.tar"
    with tarfile.open(archive, "w") as tar:
        for each in sorted(picked.iterdir()):
            tar.add(each, each.name)
    return archive


DAEMON = {
    "spice-webdavd": ("usr/sbin/spice-webdavd",),
    "libglib2.0-0": ("usr/lib/x86_64-linux-gnu/libgio-2.0.so.0.*", "usr/lib/x86_64-linux-gnu/libgobject-2.0.so.0.*"),
    "libffi8": ("usr/lib/x86_64-linux-gnu/libffi.so.8.*",),
    "libmount1": ("usr/lib/x86_64-linux-gnu/libmount.so.1.*",),
    "libblkid1": ("usr/lib/x86_64-linux-gnu/libblkid.so.1.*",),
    "libselinux1": ("lib/x86_64-linux-gnu/libselinux.so.1",),
}
# What the daemon calls of its library for mDNS: it goes on where starting that succeeds.
MDNS = {
    "client_new": 0, "client_start": 1, "entry_group_new": 0, "entry_group_attach": 0, "entry_group_commit": 0,
    "entry_group_reset": 1, "entry_group_add_service_full": 0, "entry_group_service_freeze": 0,
    "entry_group_service_set": 0, "entry_group_service_thaw": 0,
}  # fmt: skip


async def node_of(machine: Machine, port: str) -> str:
    """The guest's device node of a virtio-serial port."""
    script = f'for p in /sys/class/virtio-ports/*; do read -r n <$p/name; [ "$n" = {port} ] && echo /dev/${{p##*/}}; done; true'
    return (await in_guest(machine, script)).strip()


PYTHON = ("/usr/bin/python3.11", "-I", "-S", "-c")


async def test_a_device_that_qemu_s_filter_rejects_is_known_with_the_filter() -> None:
    rules = "usb-redir,chardev=usb,filter=0x08:-1:-1:-1:0|-1:-1:-1:-1:1"
    with qemu(
        "-device", "qemu-xhci", "-chardev", "spicevmc,id=usb,name=usbredir", "-device", rules, paused=False
    ) as running:
        connection = running.connection()
        await connection.connect_main_channel(10)
        channel = speaking(await connection.open_channel(Type.USBREDIR, timeout=10))
        usb = channel.conversation
        assert isinstance(usb, UsbredirConversation)
        usb.host.attach(UsbStorage(_Nothing(), "S1"))
        usb.push()
        await channel.pass_on("what is queued", 5)
        await channel.wait_until(lambda: usb.host.state is UsbState.REJECTED, 10, "reject it")
        assert usb.host.filter.startswith("0x08,-1,-1,-1,0|-1,-1,-1,-1,1")
        usb.host.detach()
        usb.host.attach(UsbKeyboard("S2"))
        usb.push()
        await channel.pass_on("what is queued", 5)
        with pytest.raises(DeadlineError):
            await channel.wait_until(lambda: usb.host.state is UsbState.REJECTED, 1, "reject this one too")
        await connection.close()


class _Nothing:
    """A medium of one empty block."""

    size = 512
    read_only = True

    def read(self, at: int, size: int) -> bytes:
        return bytes(size)

    def write(self, at: int, data: bytes) -> None:
        raise OSError
