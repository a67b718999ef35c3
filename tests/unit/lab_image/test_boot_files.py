"""What the guest boots from: the initramfs archive, the kernel's modules, the kernel without compression."""

from __future__ import annotations

import lzma
import struct

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab.image import modules
from ATPLibrary.lab.image.cpio import CpioArchive
from ATPLibrary.lab.image.flat import flat

pytestmark = pytest.mark.unit


def read_cpio(data: bytes) -> dict[str, tuple[int, int, bytes]]:
    """Name -> (mode, uid, content), read as the kernel's init/initramfs.c does."""
    entries: dict[str, tuple[int, int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        body = (at + 110 + fields[11] + 3) & ~3
        if name == "TRAILER!!!":
            return entries
        entries[name] = (fields[1], fields[2], data[body : body + fields[6]])
        at = (body + fields[6] + 3) & ~3


def test_an_initramfs_holds_files_links_and_the_console_device_all_of_them_roots() -> None:
    archive = CpioArchive()
    archive.directory("bin")
    archive.file("bin/tool", b"12345", 0o755)
    archive.symlink("init", "bin/tool")
    archive.character_device("dev/console", 5, 1)
    assert read_cpio(archive.finish()) == {
        "bin": (0o040755, 0, b""),
        "bin/tool": (0o100755, 0, b"12345"),
        "init": (0o120777, 0, b"bin/tool"),
        "dev/console": (0o020600, 0, b""),
    }


def module(depends: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0retpoline=Y\0"


MODULES = {
    "usbcore": module("usb-common"),
    "usb_common": module(""),
    "hid": module(""),
    "usbhid": module("hid,usbcore"),
}


def test_modules_are_loaded_after_the_ones_they_need() -> None:
    assert modules.load_order(["usbhid"], MODULES) == ["hid", "usb_common", "usbcore", "usbhid"]


def test_a_module_that_the_kernel_package_lacks_is_named_with_who_needs_it() -> None:
    with pytest.raises(LabError, match=r"'usbcore' should be there \(usbhid needs it\) but is missing"):
        modules.load_order(["usbhid"], {name: data for name, data in MODULES.items() if name != "usbcore"})


def test_modules_dep_lists_for_each_module_what_modprobe_must_load_first_last() -> None:
    text = modules.modules_dep(["usbhid"], MODULES, "{name}.ko")
    assert text == b"usbhid.ko: usbcore.ko usb_common.ko hid.ko\n"


def test_a_slim_module_has_no_signature_and_no_btf_but_all_else() -> None:
    body = b"\x7fELF code\0.text\0.BTF\0.data\0"
    signature = bytes(range(200))
    signed = body + signature + struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(signature)) + b"~Module signature appended~\n"
    assert modules.slim(signed) == body.replace(b".BTF", b".xtf")


def kernel_elf() -> bytes:
    """Two segments at 16 MiB with a hole between, zeros (.bss) at the end."""
    text, data = b"\x90" * 64, b"\x01" * 24
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0x200, 0, 0x1000000, len(text), len(text), 0x1000)
    headers += struct.pack("<IIQQQQQQ", 1, 6, 0x300, 0, 0x1001000, len(data), 0x4000, 0x1000)
    header = b"\x7fELF\x02\x01".ljust(24, b"\0") + struct.pack("<QQ", 0x1000000, 64)
    elf = header.ljust(54, b"\0") + struct.pack("<HH", 56, 2)
    return (elf.ljust(64, b"\0") + headers).ljust(0x200, b"\0") + text.ljust(0x100, b"\0") + data


def bzimage(compressed: bytes) -> bytes:
    setup = bytearray(b"\xaa" * 512 * 3)
    setup[0x1F1] = 2
    setup[0x202:0x206] = b"HdrS"
    return bytes(setup) + b"decompressor" + compressed + b"tail"


def test_a_flat_kernel_keeps_the_set_up_and_carries_the_kernel_as_it_is_in_memory() -> None:
    image = flat(bzimage(lzma.compress(kernel_elf(), lzma.FORMAT_XZ)))
    setup, protected = image[: 3 * 512], image[3 * 512 :]
    assert setup[0x202:0x206] == b"HdrS"
    assert setup[:0x1F1] == b"\xaa" * 0x1F1, "the real-mode code is Debian's own"
    assert struct.unpack_from("<I", setup, 0x214) == (0x100000,)
    kernel = protected[0x7000:]
    assert kernel[:64] == b"\x90" * 64
    assert kernel[0x1000:] == b"\x01" * 24, "without the zeros at the end"
    assert struct.unpack_from("<I", setup, 0x1F4)[0] * 16 >= len(protected)


def test_a_flat_kernels_page_tables_map_4_gib_one_to_one() -> None:
    tables = flat(bzimage(lzma.compress(kernel_elf(), lzma.FORMAT_XZ)))[3 * 512 + 0x1000 :]
    for address in (0, 0x1000000, 0x5FFFFFFF, 0xFFFFFFFF):
        (pml4,) = struct.unpack_from("<Q", tables, 0)
        (pdpt,) = struct.unpack_from("<Q", tables, (pml4 & ~0xFFF) - 0x101000 + 8 * (address >> 30))
        (page,) = struct.unpack_from("<Q", tables, (pdpt & ~0xFFF) - 0x101000 + 8 * ((address >> 21) & 511))
        assert page == (address & ~0x1FFFFF) | 0x83


@pytest.mark.parametrize(
    ("image", "says"),
    [(b"\0" * 2048, "isn't a bzImage"), (bzimage(b"\xfd7zXZ\0 but no xz"), "isn't compressed with xz")],
)
def test_what_is_no_debian_kernel_is_refused_with_a_sentence(image: bytes, says: str) -> None:
    with pytest.raises(LabError, match=says):
        flat(image)
