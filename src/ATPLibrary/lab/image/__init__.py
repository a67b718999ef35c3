"""The guest image: a small real Debian system that the lab's VMs boot, built from Debian packages and cached by content.

`build(progress)` answers a `GuestImage`. The way of a build: `packages` fetches, `rootfs` picks files into a tree,
`modules` and `kernel` prepare what boots, `cpio` and `disk` write it, `cache` keeps it. `guest/` holds the guest's own
scripts. docs/decisions/0002-guest-image.md says why it is built this way.
"""

from __future__ import annotations

from ATPLibrary.lab.image.cache import GuestImage, build

__all__ = ["GuestImage", "build"]
