"""Turns Debian's compressed bzImage into one that needs no decompression: 3 of 5 seconds of a boot under TCG.

Debian compresses its kernel with xz, and TCG takes 3 s to decompress it. QEMU could boot the uncompressed ELF by PVH, but then
nobody asks the BIOS about the screen and the guest has no text console. So the result is again a bzImage: Debian's own
real-mode set-up, then `_STUB` instead of the decompressor, then the kernel as it is in memory. The kernel itself isn't changed.

kernel: Documentation/x86/boot.rst (the header, the 32-bit entry), arch/x86/kernel/head_64.S (what startup_64 expects).
"""

from __future__ import annotations

import lzma
import struct
from typing import NamedTuple

from ATPLibrary.errors import LabError

_LOADED_AT = 0x100000  # where QEMU puts what follows the set-up
_TABLES_AT = _LOADED_AT + 0x1000
_TABLE_PAGES = 6  # one PML4, one PDPT, four page directories of 2 MiB pages: 4 GiB mapped one to one
_KERNEL_AT = _TABLES_AT + _TABLE_PAGES * 0x1000

_GDT_AT = _LOADED_AT + 0x200
_SEED_AT = _LOADED_AT + 0x300
_SETUP_RNG_SEED = 9  # struct setup_data: next, type, length, data

_XZ_MAGIC = b"\xfd7zXZ\0"
_PT_LOAD = 1


class _Memory(NamedTuple):
    """The kernel as it is in memory: `data` at physical `start`, zeros up to `end`, entered at `entry`."""

    start: int
    data: bytes
    end: int
    entry: int


def flat(bzimage: bytes) -> bytes:
    """The bzImage with its kernel uncompressed. Raises LabError if it isn't an x86-64 kernel compressed with xz."""
    if bzimage[0x202:0x206] != b"HdrS":
        raise LabError("The kernel package's vmlinuz isn't a bzImage: the recipe is for Debian 12's generic kernel.")
    sectors = bzimage[0x1F1] or 4
    setup = bytearray(bzimage[: (sectors + 1) * 512])
    memory = _memory(_decompress(bzimage))
    protected = _stub(memory).ljust(0x1000, b"\0") + _page_tables() + memory.data
    struct.pack_into("<I", setup, 0x1F4, -(-len(protected) // 16))  # syssize
    struct.pack_into("<I", setup, 0x214, _LOADED_AT)  # code32_start
    struct.pack_into("<B", setup, 0x234, 0)  # relocatable_kernel
    struct.pack_into("<H", setup, 0x236, 0)  # xloadflags: no 64-bit or EFI entry
    struct.pack_into("<II", setup, 0x248, 0, 0)  # payload_offset, payload_length
    struct.pack_into("<Q", setup, 0x250, _SEED_AT)  # setup_data
    struct.pack_into("<I", setup, 0x260, memory.end - memory.start)  # init_size
    struct.pack_into("<I", setup, 0x264, 0)  # handover_offset
    return bytes(setup) + protected


def _decompress(bzimage: bytes) -> bytes:
    """The ELF file inside. The magic can occur by chance, so each occurrence is tried."""
    at = bzimage.find(_XZ_MAGIC)
    while at >= 0:
        try:
            elf = lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(bzimage[at:])
        except lzma.LZMAError:
            elf = b""
        if elf.startswith(b"\x7fELF\x02\x01"):
            return elf
        at = bzimage.find(_XZ_MAGIC, at + 1)
    raise LabError(
        "The kernel package's vmlinuz isn't compressed with xz: the recipe is for Debian 12's generic kernel."
    )


def _memory(elf: bytes) -> _Memory:
    entry, headers_at = struct.unpack_from("<QQ", elf, 24)
    size, count = struct.unpack_from("<HH", elf, 54)
    segments = []
    for index in range(count):
        kind, _, offset, _, physical, in_file, in_memory, _ = struct.unpack_from(
            "<IIQQQQQQ", elf, headers_at + index * size
        )
        if kind == _PT_LOAD:
            segments.append((physical, elf[offset : offset + in_file], physical + in_memory))
    start = min(physical for physical, _, _ in segments)
    end = max(end for _, _, end in segments)
    memory = bytearray(end - start)
    for physical, data, _ in segments:
        memory[physical - start : physical - start + len(data)] = data
    data = bytes(memory.rstrip(b"\0"))
    data += b"\0" * (-len(data) % 8)
    return _Memory(start, data, end, entry)


def _page_tables() -> bytes:
    """Identity map of 4 GiB. Flags: 3 is present and writable, 0x83 is that for a 2 MiB page."""
    directories = [_TABLES_AT + 0x2000 + index * 0x1000 for index in range(4)]
    pml4 = struct.pack("<Q", (_TABLES_AT + 0x1000) | 3).ljust(0x1000, b"\0")
    pdpt = struct.pack("<4Q", *(address | 3 for address in directories)).ljust(0x1000, b"\0")
    return pml4 + pdpt + struct.pack("<2048Q", *((page << 21) | 0x83 for page in range(2048)))


def _stub(memory: _Memory) -> bytes:
    """From the set-up's 32-bit entry (paging off, flat segments, %esi: boot_params) to startup_64.

    The kernel is moved up to its own place back to front, for the two places overlap. What follows it is zeroed: after a
    reset memory isn't.

    It hands over a random seed as a boot loader does. Without one, and on a CPU without RDRAND, the guest's first program that
    asks for a random number (Python) waits 1 s until the kernel has gathered 256 timer ticks. The seed is no secret: a
    lab's guest keeps none, and a real machine must not be booted like this.
    """
    length = len(memory.data)
    into_long_mode = [
        b"\xfa",  # cli
        b"\x0f\x31\xa3" + _u32(_SEED_AT + 16) + b"\x89\x15" + _u32(_SEED_AT + 20),  # seed = rdtsc
        b"\x0f\x01\x15" + _u32(_GDT_AT + 0x20),  # lgdt
        b"\x0f\x20\xe0\x83\xc8\x20\x0f\x22\xe0",  # cr4 |= PAE
        b"\xb8" + _u32(_TABLES_AT) + b"\x0f\x22\xd8",  # cr3 = page tables
        b"\xb9\x80\x00\x00\xc0\x0f\x32\x0f\xba\xe8\x08\x0f\x30",  # EFER |= LME
        b"\x0f\x20\xc0\x0d\x00\x00\x00\x80\x0f\x22\xc0",  # cr0 |= PG
    ]
    far_jump = (
        b"\xea" + _u32(_LOADED_AT + sum(map(len, into_long_mode)) + 7) + b"\x10\x00"
    )  # to what follows it, 64-bit
    move_and_start = [
        b"\x89\xf5",  # mov %esi, %ebp
        b"\xbe" + _u32(_KERNEL_AT + length - 8),  # mov $the source's last eight bytes, %esi
        b"\xbf" + _u32(memory.start + length - 8),  # mov $the target's last eight bytes, %edi
        b"\xb9" + _u32(length // 8),  # mov $count, %ecx
        b"\xfd\xf3\x48\xa5\xfc",  # std; rep movsq; cld
        b"\xbf" + _u32(memory.start + length),  # mov $what follows, %edi
        b"\xb9" + _u32((memory.end - memory.start - length) // 8),  # mov $count, %ecx
        b"\x31\xc0\xf3\x48\xab",  # xor %eax, %eax; rep stosq
        b"\x89\xee",  # mov %ebp, %esi
        b"\xb8" + _u32(memory.entry) + b"\xff\xe0",  # jmp startup_64
    ]
    # null, null, 64-bit code (0x10), data (0x18); then what lgdt reads
    gdt = struct.pack("<4Q", 0, 0, 0x00AF9A000000FFFF, 0x00CF92000000FFFF) + struct.pack("<HI", 0x1F, _GDT_AT)
    code = b"".join([*into_long_mode, far_jump, *move_and_start])
    seed = struct.pack("<QII", 0, _SETUP_RNG_SEED, 32) + bytes(32)
    return (code.ljust(_GDT_AT - _LOADED_AT, b"\0") + gdt).ljust(_SEED_AT - _LOADED_AT, b"\0") + seed


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)
