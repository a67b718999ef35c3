"""What a guest consists of: packages, the files taken from them, kernel modules, the kernel's command line.

There are two guests: LINUX, in text mode, which nearly all tests use because it boots in seconds, and DESKTOP (`desktop.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

GUEST_FILES = Path(__file__).parent / "guest"


@dataclass(frozen=True)
class Recipe:
    """`files`: package -> the files wanted of it, paths or shell patterns (fnmatch: `*` crosses directories). `own_files` are
    directories of ours, later ones over earlier ones; `disk_mib` is the disk's virtual size."""

    name: str
    what: str
    files: Mapping[str, tuple[str, ...]]
    disk_modules: tuple[str, ...]
    cmdline: str
    disk_mib: int
    own_files: tuple[Path, ...]


KERNEL_META_PACKAGE = "linux-image-amd64"
"""Depends on the current generic kernel. (The cloud kernel lacks PS/2, USB HID and virtio-input.)"""

FILES: dict[str, tuple[str, ...]] = {
    "busybox-static": ("bin/busybox",),
    "qemu-guest-agent": ("usr/sbin/qemu-ga",),
    "libc6": (
        "lib64/ld-linux-x86-64.so.2",
        "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
        "lib/x86_64-linux-gnu/libc.so.6",
        "lib/x86_64-linux-gnu/libm.so.6",
    ),
    "libglib2.0-0": ("usr/lib/x86_64-linux-gnu/libglib-2.0.so.0*", "usr/lib/x86_64-linux-gnu/libgmodule-2.0.so.0*"),
    "libpcre2-8-0": ("usr/lib/x86_64-linux-gnu/libpcre2-8.so.0*",),
    "libudev1": ("usr/lib/x86_64-linux-gnu/libudev.so.1*", "lib/x86_64-linux-gnu/libudev.so.1*"),
    "libnuma1": ("usr/lib/x86_64-linux-gnu/libnuma.so.1*",),
    "liburing2": ("usr/lib/x86_64-linux-gnu/liburing.so.2*",),
    "zlib1g": ("lib/x86_64-linux-gnu/libz.so.1*",),
    "libexpat1": ("lib/x86_64-linux-gnu/libexpat.so.1*",),
    "python3.11-minimal": ("usr/bin/python3.11",),
    # TLS is for an agent that dials a service with it; nothing else loads it.
    "libpython3.11-minimal": ("usr/lib/python3.11/*.py", "usr/lib/python3.11/lib-dynload/_ssl.cpython-*.so"),
    "libssl3": ("usr/lib/x86_64-linux-gnu/libssl.so.3", "usr/lib/x86_64-linux-gnu/libcrypto.so.3"),
}

BOOT_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""In the initramfs: what reaches the disk. crc32c_generic is ext4's, asked for by name at run time."""

DISK_MODULES = (
    *("virtio_console", "evdev", "virtio_input", "button", "psmouse", "uinput"),
    *("uhci_hcd", "ehci_pci", "xhci_pci", "usbhid", "hid_generic"),
    *("usb_storage", "sd_mod", "cdc_acm"),  # loaded only by who wants them: they would cost every boot
    *("qxl", "bochs", "virtio_gpu", "virtio_net"),
)
"""On the disk: what /etc/atp/boot chooses from."""

CMDLINE = (
    "console=ttyS0 quiet loglevel=4 mitigations=off nokaslr audit=0 apparmor=0 no_timer_check cryptomgr.notests "
    "random.trust_cpu=on panic=-1"
)

LINUX = Recipe("linux", "guest image", FILES, DISK_MODULES, CMDLINE, 96, (GUEST_FILES,))
