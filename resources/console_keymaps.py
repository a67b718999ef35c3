"""Keymaps of the Linux console, for suites and tests that type into a guest of another keyboard layout.

They are made by Debian's own tools from XKB's data: `ckbcomp` (console-setup) writes a layout as a console keymap, `loadkeys` (kbd)
makes of it what busybox's `loadkmap` reads. Both are fetched into the guest image's cache, and installed nowhere.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from robot.api import logger
from robot.api.deco import keyword, library

from ATPLibrary.lab.image.cache import cache_directory
from ATPLibrary.lab.image.packages import Apt, matcher, members
from ATPLibrary.lab.image.recipe import KERNEL_META_PACKAGE

TOOLS = {"console-setup": "usr/bin/ckbcomp", "kbd": "bin/loadkeys"}
SECONDS = 60


def console_keymap(layout: str) -> bytes:
    """The keymap of an XKB layout, "de" or "ch(fr)", as `loadkmap` reads it."""
    name = re.fullmatch(r"(\w+)(?:\((\w+)\))?", layout)
    assert name is not None, f"{layout!r} is no XKB layout"
    ckbcomp, loadkeys = _tools()
    command = ["perl", str(ckbcomp), "-layout", name[1], "-variant", name[2] or ""]
    keymap = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True).stdout
    done = subprocess.run([loadkeys, "-u", "-b"], input=keymap, capture_output=True, timeout=SECONDS, check=True)
    assert done.stdout.startswith(b"bkeymap"), f"loadkeys made no keymap: {done.stderr.decode(errors='replace')}"
    return done.stdout


def _tools() -> list[Path]:
    cache = cache_directory(os.environ)
    places = [cache / "console-keymaps" / Path(member).name for member in TOOLS.values()]
    if not all(place.is_file() for place in places):
        apt = Apt(cache / "packages", logger.info)
        wanted = [package for package in apt.resolve(KERNEL_META_PACKAGE, TOOLS) if package.name in TOOLS]
        files = apt.download(wanted)
        places[0].parent.mkdir(parents=True, exist_ok=True)
        for place, (package, path) in zip(places, TOOLS.items(), strict=True):
            for member, archive in members(files[package], matcher([path])):
                content = archive.extractfile(member)
                assert content is not None
                partial = place.with_suffix(f".{os.getpid()}")
                partial.write_bytes(content.read())
                partial.chmod(0o755)
                partial.replace(place)
    return places


@library(scope="GLOBAL")
class console_keymaps:
    @keyword
    def console_keymap(self, layout: str) -> bytes:
        """The keymap of an XKB layout, as busybox's `loadkmap` reads it."""
        return console_keymap(layout)
