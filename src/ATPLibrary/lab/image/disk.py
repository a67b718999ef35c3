"""Writes a file tree as an ext4 file system in a qcow2 disk, all owned by root, without mounting and without being root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ATPLibrary.errors import LabError

# No journal, no checksums: a disk in a lab that is thrown away needs neither, and they cost writes and boot time.
_FEATURES = "^has_journal,^resize_inode,^metadata_csum,^64bit,^orphan_file"
_UUID = "a7900000-0000-4000-8000-000000000002"


def write(tree: Path, disk: Path, size_mib: int) -> None:
    """Make `disk` (qcow2, `size_mib` virtual size) from `tree`. Raises LabError."""
    raw = disk.with_suffix(".raw")
    environment = {**os.environ, "E2FSPROGS_FAKE_TIME": "1", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    options = ["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", "2048", "-L", "atp-guest", "-U", _UUID]
    extended = f"root_owner=0:0,hash_seed={_UUID},lazy_itable_init=0,nodiscard"
    try:
        raw.touch()
        os.truncate(raw, size_mib << 20)
        _run(["mke2fs", *options, "-O", _FEATURES, "-E", extended, "-d", str(tree), str(raw)], environment)
        if os.geteuid() != 0:
            script = raw.with_suffix(".debugfs")
            script.write_text(_give_to_root(tree))
            _run(["debugfs", "-w", "-f", str(script), str(raw)], environment)
            script.unlink()
        _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)], environment)
    finally:
        raw.unlink(missing_ok=True)


def _give_to_root(tree: Path) -> str:
    """debugfs commands: mke2fs took the owners from the files, which are this user's."""
    lines = []
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree)).replace('"', '""')
        lines += [f'sif "/{name}" uid 0', f'sif "/{name}" gid 0']
    return "\n".join([*lines, ""])


def _run(argv: list[str], environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True, timeout=300)
    except FileNotFoundError:
        raise LabError(f"The guest image needs {argv[0]}, which isn't installed; run scripts/setup.") from None
    if done.returncode != 0:
        raise LabError(f"{argv[0]} failed ({done.returncode}): {done.stderr.strip() or 'it said nothing'}.")
