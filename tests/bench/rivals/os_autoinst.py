"""As os-autoinst types by default (`type_string` of its consoles/video_base.pm): 30 characters a second over VNC, each of them a
quarter of its time down, a quarter up, and half of it between keys. A sender of the same pacing on the same interface; the pictures
that os-autoinst also takes are left out, which makes it faster than it is, never slower.
"""

from __future__ import annotations

import asyncio
import time

from ..world import BenchVm
from .rfb import Keys
from .vnc_address import vnc_address

CHARACTERS_A_SECOND = 30  # its TYPING_LIMIT_DEFAULT


async def type_text(vm: BenchVm, text: str) -> None:
    host, port = await vnc_address(vm)
    await asyncio.to_thread(_type, host, port, text)


def _type(host: str, port: int, text: str) -> None:
    seconds = 1 / CHARACTERS_A_SECOND
    with Keys(host, port) as keys:
        for character in text:
            for down in (True, False):
                keys.send(ord(character), down)
                time.sleep(seconds / 4)
            time.sleep(seconds / 2)
