"""Builds the guest image once and keeps it: `~/.cache/atp/images/<key>`, made whole or not at all.

The key is a hash of the recipe (this package's own files), the packages' names and versions, and the agent's source. An
image whose recipe and agent are unchanged is used as it is, without asking apt: no network, and the same guest until
somebody asks for a new one (`python -m ATPLibrary.lab.image --refresh`).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ATPLibrary import agent_package
from ATPLibrary.errors import LabError
from ATPLibrary.lab.image.recipe import KERNEL_META_PACKAGE, LINUX, Recipe

Progress = Callable[[str], None]

LOCK_SECONDS = 600
UNUSED_DAYS = 14
_PARTIAL = "partial-"


@dataclass(frozen=True)
class GuestImage:
    """A built image. `kernel` and `initrd` are booted directly with `cmdline`; `disk` (qcow2) is what VMs are clones of."""

    directory: Path
    kernel: Path
    initrd: Path
    disk: Path
    cmdline: str
    key: str


def build(
    progress: Progress,
    recipe: Recipe = LINUX,
    *,
    environ: Mapping[str, str] = os.environ,
    refresh: bool = False,
) -> GuestImage:
    """The guest image of that recipe, built now if it isn't there. `refresh` asks apt for newer packages first. Raises LabError."""
    cache = cache_directory(environ)
    images = cache / "images"
    images.mkdir(parents=True, exist_ok=True)
    source = source_hash()
    if not refresh and (found := _find(images, source, recipe)):
        os.utime(found.directory)  # in use: _remove_unused looks at this
        return found
    with _lock(images / ".lock", progress):
        if not refresh and (found := _find(images, source, recipe)):
            return found  # another builder made it while this one waited
        _remove_leftovers(images)
        _remove_unused(images)
        return _build(cache, images, source, recipe, progress)


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/atp`, else `~/.cache/atp`."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "atp"


def source_hash() -> str:
    """A hash of everything of ours that decides what an image contains."""
    digest = hashlib.sha256()
    for top in (Path(__file__).resolve().parent, agent_package.source()):
        if top is None:
            continue
        for file in sorted(top.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(top)}\0{file.stat().st_size}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:20]


def _build(cache: Path, images: Path, source: str, recipe: Recipe, progress: Progress) -> GuestImage:
    from ATPLibrary.lab.image.packages import Apt, describe

    started = time.monotonic()
    progress(f"{recipe.what}: asking apt which packages there are")
    apt = Apt(cache / "packages", progress)
    packages = apt.resolve(KERNEL_META_PACKAGE, recipe.files)
    versions = describe(packages)
    key = hashlib.sha256(json.dumps([source, recipe.name, versions], sort_keys=True).encode()).hexdigest()[:20]
    target = images / key
    if found := _load(target):
        return found
    debs = apt.download(packages)
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=images))
    try:
        _fill(partial, debs, recipe, progress)
        manifest = {
            "key": key, "source": source, "recipe": recipe.name, "cmdline": recipe.cmdline, "packages": versions,
        }  # fmt: skip
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=1))
        partial.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    image = _load(target)
    assert image is not None
    sizes = ", ".join(f"{p.name} {p.stat().st_size / 1e6:.1f} MB" for p in (image.kernel, image.initrd, image.disk))
    progress(f"{recipe.what}: built in {time.monotonic() - started:.0f} s: {sizes}")
    return image


def _fill(partial: Path, debs: Mapping[str, Path], recipe: Recipe, progress: Progress) -> None:
    from ATPLibrary.lab.image import disk, initramfs, kernel, rootfs

    progress(f"{recipe.what}: unpacking the kernel")
    linux = kernel.unpack(next(path for name, path in debs.items() if name.startswith("linux-image-")))
    progress(f"{recipe.what}: picking files")
    tree = partial / "tree"
    tree.mkdir(mode=0o755)
    agent = agent_package.source()
    if agent is None:
        progress(f"{recipe.what}: no guest agent source found: this image is without the agent")
    rootfs.stage(tree, debs, linux, recipe, agent)
    progress(f"{recipe.what}: writing kernel, initrd and disk")
    (partial / "vmlinuz").write_bytes(linux.image)
    (partial / "initrd").write_bytes(initramfs.archive((tree / "usr/bin/busybox").read_bytes(), linux))
    disk.write(tree, partial / "disk.qcow2", recipe.disk_mib)
    shutil.rmtree(tree)


def _find(images: Path, source: str, recipe: Recipe) -> GuestImage | None:
    """The newest image of this recipe and agent."""
    found: list[tuple[float, GuestImage]] = []
    for directory in images.iterdir():
        manifest = _manifest(directory) if not directory.name.startswith((_PARTIAL, ".")) else {}
        if (manifest.get("source"), manifest.get("recipe")) == (source, recipe.name):
            image = _load(directory)
            if image is not None:
                found.append((directory.stat().st_mtime, image))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _load(directory: Path) -> GuestImage | None:
    manifest = _manifest(directory)
    kernel, initrd, disk = (directory / name for name in ("vmlinuz", "initrd", "disk.qcow2"))
    if not manifest or not all(file.is_file() for file in (kernel, initrd, disk)):
        return None
    return GuestImage(directory, kernel, initrd, disk, str(manifest["cmdline"]), str(manifest["key"]))


def _manifest(directory: Path) -> dict[str, object]:
    try:
        loaded = json.loads((directory / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _remove_leftovers(images: Path) -> None:
    """What builders left that were killed. The lock is held, so nobody is at work on them."""
    for leftover in images.glob(f"{_PARTIAL}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _remove_unused(images: Path) -> None:
    """Images of old recipes. A lab that still runs on one would lose its disks, so they are kept for long."""
    for directory in images.iterdir():
        if directory.is_dir() and directory.stat().st_mtime < time.time() - UNUSED_DAYS * 86_400:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    """One builder at a time; the kernel gives the lock back when its holder dies."""
    with path.open("a") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        said = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LabError.about(
                        "Another process that builds the guest image",
                        wanted="be done",
                        waited=LOCK_SECONDS,
                        got="still holds the lock",
                        next_step=f"end it; it holds {path}",
                    ) from None
                if not said:
                    progress("guest image: another process is building it; waiting for that")
                    said = True
                time.sleep(0.2)  # a file lock with a deadline has no event to wait for
        yield
