"""Guests of one boot sector, for what needs a guest but no system: they run in a second, and a key changes what they do."""

from __future__ import annotations

import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_SECTOR = 512


def boot_disk(name: str, directory: Path) -> Path:
    """The program `NAME.s` beside this file as a disk that a PC boots from."""
    object_file, program, disk = (directory / f"{name}{suffix}" for suffix in (".o", ".bin", ".img"))
    for command in (
        ["as", "--32", "-o", object_file, _HERE / f"{name}.s"],
        ["ld", "-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00", "-o", program, object_file],
    ):
        subprocess.run(command, check=True, timeout=30)
    code = program.read_bytes()
    assert len(code) <= _SECTOR - 2, f"{name} has {len(code)} bytes, which are too many for a boot sector"
    disk.write_bytes(code.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa")
    return disk


def disk_arguments(disk: Path) -> tuple[str, ...]:
    """How QEMU is told to boot it."""
    return ("-drive", f"file={disk},format=raw,if=ide,index=0")
