"""The initramfs: busybox, the few modules that reach the disk, and guest/initramfs-init."""

from __future__ import annotations

from ATPLibrary.lab.image import modules as kernel_modules
from ATPLibrary.lab.image.cpio import CpioArchive
from ATPLibrary.lab.image.kernel import Linux
from ATPLibrary.lab.image.recipe import BOOT_MODULES, GUEST_FILES


def archive(busybox: bytes, linux: Linux) -> bytes:
    """The initramfs, not compressed: unpacking costs more under TCG than reading."""
    cpio = CpioArchive()
    modules = f"lib/modules/{linux.release}"
    for name in ("bin", "dev", "lib", "lib/modules", modules, "proc", "root"):
        cpio.directory(name)
    cpio.character_device("dev/console", 5, 1)  # what init's output goes to before devtmpfs is mounted
    cpio.file("bin/busybox", busybox, 0o755)
    cpio.file("init", (GUEST_FILES / "initramfs-init").read_bytes(), 0o755)
    cpio.file("probe", (GUEST_FILES / "initramfs-probe").read_bytes(), 0o755)
    order = kernel_modules.load_order(BOOT_MODULES, linux.modules)
    for name in order:
        cpio.file(f"{modules}/{name}.ko", kernel_modules.slim(linux.modules[name]))
    cpio.file(f"{modules}/modules.dep", kernel_modules.modules_dep(order, linux.modules, "{name}.ko"))
    return cpio.finish()
