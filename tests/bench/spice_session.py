"""A SPICE session of this client: all channels linked and the first picture there, and what 50 of them cost while nothing happens.

Also a program: `python -m tests.bench.spice_session frame PORT` is one session by itself, `idle SECONDS PORT...` many.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.spice.qemu import PASSWORD

from ATPLibrary.events import EventBus
from ATPLibrary.protocol.spice.channels import DisplayConversation, MainConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.display.surface import Surface
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceChannelType as Type
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection

SECONDS = 20.0
# What a tester's session has open.
USUAL = (Type.DISPLAY, Type.INPUTS, Type.CURSOR)


@dataclass(frozen=True)
class Picture:
    """`pixels` are RGB."""

    width: int
    height: int
    pixels: bytes


def connection(port: int, number: int = 0) -> SpiceVmConnection:
    endpoint = SpiceEndpoint(f"vm-{number}", "127.0.0.1", port)
    link = SpiceLink(SpiceOptions())
    return SpiceVmConnection(f"vm-{number}", f"u-{number}", endpoint, EventBus(), ticket=Secret(PASSWORD), link=link)


async def first_frame(session: SpiceVmConnection, there: Callable[[], object] = lambda: None) -> Picture:
    """Link every channel that the server lists; return the first picture. `there` is called when it has come."""
    image = image_of(await first_surface(session, there=there))
    return Picture(image.width, image.height, image.tobytes())


async def first_surface(
    session: SpiceVmConnection, types: tuple[Type, ...] = tuple(Type), there: Callable[[], object] = lambda: None
) -> Surface:
    """Link the main channel, the display until there is a picture, then all others of these kinds that the server lists."""
    main = speaking(await session.connect_main_channel(SECONDS)).conversation
    assert isinstance(main, MainConversation)
    listed = [(Type(each.type), each.id) for each in main.channels]
    others = [each for each in listed if each[0] in types and each[0] is not Type.MAIN and each != (Type.DISPLAY, 0)]

    # The server answers in the order in which it is asked, a new key for each link: the picture first, as its user wants it.
    speaker = speaking(await session.open_channel(Type.DISPLAY, timeout=SECONDS))
    screen = speaker.conversation
    assert isinstance(screen, DisplayConversation)
    await speaker.wait_until(lambda: screen.is_marked and screen.painter.screen is not None, SECONDS, "have a picture")
    there()
    await asyncio.gather(*(session.open_channel(type, id, timeout=SECONDS) for type, id in others))
    assert screen.painter.screen is not None
    return screen.painter.screen


async def idle(ports: list[int], seconds: float) -> dict[str, float]:
    """What this process costs with a session to each port, while nothing happens, beside what it cost before."""
    warm = connection(ports[0])
    await first_surface(warm, USUAL)
    await warm.close()
    gc.collect()
    before, alone = _resident(), await _cpu(seconds)
    sessions = [connection(port, number) for number, port in enumerate(ports)]
    framebuffers = sum([len((await first_surface(session, USUAL)).data) for session in sessions])
    gc.collect()
    together = await _cpu(seconds)
    resident = _resident()
    channels = [channel for session in sessions for channel in session.channels.values()]
    live = sum(channel.state.is_open for channel in channels)
    pings = sum(speaking(channel).conversation.wire.statistics.pings for channel in channels)
    await asyncio.gather(*(session.close() for session in sessions))
    return {
        "sessions": len(ports), "channels": live, "cpu": together, "cpu_alone": alone, "pings": pings,
        "kib_each": (resident - before - framebuffers) / 1024 / len(ports), "framebuffer_kib": framebuffers / 1024 / len(ports),
    }  # fmt: skip


async def _cpu(seconds: float) -> float:
    """Of a core, in percent."""
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return 100 * (time.process_time() - cpu) / (time.perf_counter() - started)


def _resident() -> int:
    """Bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) * 1024


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "frame":
        asyncio.run(first_frame(connection(int(rest[0]))))
    else:
        seconds, *ports = rest
        print(json.dumps(asyncio.run(idle([int(port) for port in ports], float(seconds)))))


if __name__ == "__main__":
    main()
