"""The guest image: a small real Debian system that the lab's VMs boot, built from Debian packages and cached by content.

`build(progress)` answers a `GuestImage`, `build(progress, DESKTOP)` the one with a desktop. The way of a build: `packages`
fetches, `rootfs` picks files into a tree, `modules` and `kernel` prepare what boots, `cpio` and `disk` write it, `cache` keeps
it; `recipe` and `desktop` say what is in it. `guest/` and `guest_desktop/` hold the guests' own scripts.
docs/decisions/0002-guest-image.md says why it is built this way.
"""

from __future__ import annotations

from ATPLibrary.lab.image.cache import GuestImage, build
from ATPLibrary.lab.image.desktop import DESKTOP
from ATPLibrary.lab.image.recipe import LINUX

__all__ = ["DESKTOP", "LINUX", "GuestImage", "build"]
