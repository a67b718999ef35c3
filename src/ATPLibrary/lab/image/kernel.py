"""Takes the kernel and its modules out of Debian's kernel package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ATPLibrary.errors import LabError
from ATPLibrary.lab.image import modules as kernel_modules
from ATPLibrary.lab.image.flat import flat
from ATPLibrary.lab.image.packages import matcher, members


@dataclass(frozen=True)
class Linux:
    """A kernel as the image needs it: `image` boots by QEMU's -kernel, `modules` are the .ko files by name."""

    release: str
    image: bytes
    modules: Mapping[str, bytes]


_WANTED = matcher(["boot/vmlinuz-*", "lib/modules/*.ko"])


def unpack(deb: Path) -> Linux:
    """Read the kernel package. Raises LabError if it isn't one."""
    release, image = "", b""
    modules: dict[str, bytes] = {}
    for member, archive in members(deb, _WANTED):
        if not member.isfile():
            continue
        file = archive.extractfile(member)
        assert file is not None
        if member.name.startswith("boot/"):
            release, image = member.name.removeprefix("boot/vmlinuz-"), file.read()
        else:
            modules[kernel_modules.normal(member.name.rpartition("/")[2].removesuffix(".ko"))] = file.read()
    if not image or not modules:
        raise LabError(f"{deb.name} has no kernel in it: remove it and try again.")
    return Linux(release, flat(image), modules)
