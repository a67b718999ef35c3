"""Guests of one boot sector, for what needs a guest but no system: they run a second after QEMU does; a key changes what they do.

Their sources are in `boot_sectors/`; the GNU assembler makes a disk of one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ATPLibrary.errors import LabError

SOURCES = Path(__file__).parent / "boot_sectors"
_SECTOR = 512
_SIGNATURE = b"\x55\xaa"
_SECONDS = 30


def boot_disk(name: str, directory: Path) -> Path:
    """The program `NAME.s` as a disk in `directory` for a PC to boot from. Blocking. `LabError` with the tool's words."""
    object_file, program, disk = (directory / f"{name}{suffix}" for suffix in (".o", ".bin", ".img"))
    _run(name, ["as", "--32", "-o", str(object_file), str(SOURCES / f"{name}.s")])
    layout = ["-m", "elf_i386", "--oformat", "binary", "-Ttext", "0x7c00"]
    _run(name, ["ld", *layout, "-o", str(program), str(object_file)])
    code = program.read_bytes()
    room = _SECTOR - len(_SIGNATURE)
    if len(code) > room:
        raise LabError.about(
            f"The boot sector '{name}'", wanted=f"have at most {room} bytes of code", got=f"has {len(code)}"
        )
    disk.write_bytes(code.ljust(room, b"\0") + _SIGNATURE)
    object_file.unlink()
    program.unlink()
    return disk


def _run(name: str, command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise LabError.about(
            f"The boot sector '{name}'", wanted="be assembled", got=f"{command[0]} said: {said.strip()}",
            next_step="Install Debian's package binutils, which has 'as' and 'ld'",
        ) from error  # fmt: skip
