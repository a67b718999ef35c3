"""The VMs' disk images: made, put back, enlarged and removed with qemu-img. Each function blocks and belongs on a file worker.

A VM has a directory on its host. In it `disk.qcow2` is what it boots from: an overlay over its model's disk, or a whole disk. While
it has a restore point, that is `frozen.qcow2`, and `disk.qcow2` is an overlay over it that is made anew to put the disk back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from ATPLibrary.errors import LabError
from ATPLibrary.lab.machine import disk_format

GIB = 1024**3
_SECONDS = 55.0

DISK = "disk.qcow2"
FROZEN = "frozen.qcow2"


def overlay(base: Path, path: Path) -> None:
    """Make `path` a new, empty overlay over `base`, in place of what it was."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    _qemu_img("create", "-q", "-f", "qcow2", "-b", str(base), "-F", disk_format(base), str(new))
    _hand_over(new)
    new.replace(path)  # at once: a server that is killed leaves the old or the new one


def blank(path: Path, gib: int) -> None:
    """Make an empty disk of `gib` GiB; it takes space only when it is written to."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _qemu_img("create", "-q", "-f", "qcow2", str(path), f"{gib}G")
    _hand_over(path)


def whole(source: Path, path: Path) -> None:
    """Copy a disk with everything below it into one file of its own."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    _qemu_img("convert", "-q", "-U", "-f", disk_format(source), "-O", "qcow2", str(source), str(new))
    _hand_over(new)
    new.replace(path)


def copy(source: Path, path: Path, base: Path | None) -> None:
    """Copy a disk as it is, to stand on `base` there: the same as what it stands on now."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    shutil.copyfile(source, new)
    if base is not None:
        _qemu_img("rebase", "-q", "-u", "-b", str(base), "-F", disk_format(base), str(new))
    _hand_over(new)
    new.replace(path)


def empty_like(source: Path, path: Path, base: Path | None) -> None:
    """Make a disk of the same size that nothing was written to, over `base` or of its own."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    backing = [] if base is None else ["-b", str(base), "-F", disk_format(base)]
    _qemu_img("create", "-q", "-f", "qcow2", *backing, str(path), str(size(source)))
    _hand_over(path)


def enlarge(path: Path, size: int) -> None:
    """Make a disk that no VM has open `size` bytes large."""
    _qemu_img("resize", "-q", "-f", "qcow2", str(path), str(size))


def size(path: Path) -> int:
    """A disk's size in bytes, as its VM sees it."""
    told = _qemu_img("info", "-U", "--output=json", str(path))
    return int(json.loads(told)["virtual-size"])


def adopt(path: Path) -> int:
    """Take a disk file that somebody else has put there; returns its size in GiB. `LabError` where it can't be a volume."""
    problem = ""
    if path.is_symlink() or not path.is_file():
        problem = "is no file"
    elif disk_format(path) != "qcow2":
        problem = "is not qcow2"
    else:
        told = json.loads(_qemu_img("info", "-U", "--output=json", "-f", "qcow2", str(path)))
        if "backing-filename" in told or "data-file" in str(told.get("format-specific")):
            problem = "stands on another file"
        else:
            _hand_over(path)
            return -(-int(told["virtual-size"]) // GIB)
    raise LabError.about(f"File '{path.name}'", wanted="be a qcow2 disk that is whole", got=problem)


def freeze(directory: Path) -> None:
    """Make what the disk holds now its restore point."""
    disk, frozen = directory / DISK, directory / FROZEN
    if not frozen.exists():
        disk.replace(frozen)
    overlay(frozen, disk)


def put_back(directory: Path) -> None:
    """Discard what was written since the restore point."""
    overlay(directory / FROZEN, directory / DISK)


def thaw(directory: Path) -> None:
    """Give up the restore point; what the disk holds now stays."""
    disk, frozen = directory / DISK, directory / FROZEN
    if not frozen.exists():
        return
    if disk.exists():
        _qemu_img("commit", "-q", str(disk))
    frozen.replace(disk)


def move(source: Path, path: Path) -> None:
    """Put a file elsewhere on the host; one that is there already stays there."""
    if source.exists():
        source.replace(path)


def remove_directory(directory: Path) -> None:
    """Remove all files of a VM that is off. No error when there are none."""
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        raise LabError.about(f"Directory '{directory}'", wanted="be removed with its files", got="could not be")


def make_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _hand_over(directory)


def _hand_over(path: Path) -> None:
    """Give a new file, and the directory it is in, to the user that the host's daemon runs as (lab.daemon_user)."""
    host = next(parent for parent in path.parents if (parent / "libvirtd.conf").exists() or parent == Path("/"))
    owner = (host if host != Path("/") else path.parent).stat()
    if owner.st_uid != os.geteuid():
        for each in (path.parent, path):
            os.chown(each, owner.st_uid, owner.st_gid)


def _qemu_img(*arguments: str) -> str:
    try:
        done = subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise LabError.about(
            f"qemu-img {arguments[0]}",
            wanted="do its work",
            got=f"said: {str(said).strip()}",
            next_step="Check free space with 'df' and the packages with 'atp doctor'",
        ) from error
    return done.stdout
