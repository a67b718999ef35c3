"""os-autoinst, by its default of 30 characters a second over VNC (`type_string` of its consoles/video_base.pm).

Its own console types (os_autoinst.pl), from Debian's package, which is unpacked into the cache with the few libraries of Perl that
the console needs: installed, it would bring 300 packages, for pictures and speech that are none of this. Where it can't be had,
a sender of the same pacing on the same interface stands in, and the row says so. Either way the pictures that os-autoinst takes
between the keys are left out, which makes it faster than it is, never slower.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from functools import cache
from pathlib import Path

from ATPLibrary.lab.image.cache import cache_directory

from ..world import BenchVm
from .rfb import Keys
from .vnc_address import vnc_address

CHARACTERS_A_SECOND = 30  # its TYPING_LIMIT_DEFAULT
SCRIPT = Path(__file__).with_suffix(".pl")
PACKAGES = (
    *("os-autoinst", "libmojolicious-perl", "libcrypt-des-perl", "libexception-class-perl", "libclass-data-inheritable-perl"),
    *("libdevel-stacktrace-perl", "libipc-system-simple-perl", "libtry-tiny-perl", "libcpanel-json-xs-perl"),
    "libtime-moment-perl",
)  # fmt: skip
FETCH_SECONDS = 120
TYPE_SECONDS = 120.0


def words() -> str:
    return "os-autoinst's console: VNC, 30/s" if command() else "as os-autoinst paces: VNC, 30/s"


async def type_text(vm: BenchVm, text: str) -> None:
    host, port = await vnc_address(vm)
    if not (perl := command()):
        await asyncio.to_thread(_type, host, port, text)
        return
    process = await asyncio.create_subprocess_exec(*perl, host, str(port), text, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(TYPE_SECONDS):
            _, said = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"os-autoinst's console ended with {process.returncode}: {said.decode()[-500:]}")


@cache
def command() -> tuple[str, ...]:
    """What runs its console, for HOST PORT TEXT to be added; nothing where it can't be had."""
    directory = cache_directory() / "bench" / "os-autoinst"
    root = directory / "root"
    try:
        if not root.is_dir():
            _unpack(directory, root)
        libraries = [root / "usr/lib/os-autoinst", root / "usr/share/perl5", *root.glob("usr/lib/*/perl5/*")]
        perl = ("perl", *(f"-I{library}" for library in libraries), str(SCRIPT))
        _run(perl[0], *perl[1:-1], "-c", perl[-1])
    except (OSError, subprocess.SubprocessError):
        return ()
    return perl


def _unpack(directory: Path, root: Path) -> None:
    """Whole or not at all: what is half done has another name."""
    directory.mkdir(parents=True, exist_ok=True)
    _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES, directory=directory)
    unfinished = directory / "unfinished"
    for package in directory.glob("*.deb"):
        _run("dpkg-deb", "-x", str(package), str(unfinished))
    unfinished.replace(root)


def _run(*argv: str, directory: Path | None = None) -> None:
    subprocess.run(argv, cwd=directory, check=True, capture_output=True, timeout=FETCH_SECONDS)


def _type(host: str, port: int, text: str) -> None:
    """A quarter of a character's time down, a quarter up, and half of it between two keys."""
    seconds = 1 / CHARACTERS_A_SECOND
    with Keys(host, port) as keys:
        for character in text:
            for down in (True, False):
                keys.send(ord(character), down)
                time.sleep(seconds / 4)
            time.sleep(seconds / 2)
