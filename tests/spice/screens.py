"""A display channel of a real QEMU, and what it shows beside what QEMU's own `screendump` does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.spice.qemu import Picture, Qemu

from ATPLibrary.errors import DeadlineError
from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import SpeakingChannel, speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.enums import ImageCompression
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType
from ATPLibrary.transport.spice_connection import SpiceVmConnection


async def display_of(
    running: Qemu, compression: ImageCompression, **options: Any
) -> tuple[SpiceVmConnection, SpeakingChannel, DisplayConversation]:
    """A new session with those of `SpiceOptions`, which the caller closes, and its first display channel."""
    connection = running.connection(options=SpiceOptions(compression=compression, **options))
    await connection.connect_main_channel(10)
    return connection, *await display_in(connection, 0)


async def display_in(connection: SpiceVmConnection, id: int) -> tuple[SpeakingChannel, DisplayConversation]:
    channel = speaking(await connection.open_channel(SpiceChannelType.DISPLAY, id, timeout=10))
    screen = channel.conversation
    assert isinstance(screen, DisplayConversation)
    return channel, screen


def shown(screen: DisplayConversation) -> Picture | None:
    surface = screen.painter.screen
    return None if surface is None else (surface.width, surface.height, image_of(surface).tobytes())


async def is_drawn_on(channel: SpeakingChannel, screen: DisplayConversation, times: int) -> None:
    drawn = screen.wire.statistics.by_name
    before = drawn["DRAW_COPY"]
    await channel.wait_until(lambda: drawn["DRAW_COPY"] >= before + times, 60, "be drawn on")


async def becomes(channel: SpeakingChannel, screen: DisplayConversation, wanted: Picture) -> None:
    """What the channel draws comes to be that picture, and is no other one a moment later."""
    await channel.wait_until(lambda: shown(screen) == wanted, 20, "show what QEMU's screendump shows")
    with pytest.raises(TimeoutError):
        await channel.wait_until(lambda: shown(screen) != wanted, 0.2, "change")
    assert screen.painter.is_exact


async def shows_what_qemu_shows(
    channel: SpeakingChannel, screen: DisplayConversation, screendump: Callable[[], Awaitable[Picture]]
) -> Picture:
    """Both pictures once they are the same, and the same again: a guest may draw on for a moment, and QEMU may answer with a
    picture that it had begun before.
    """
    async with asyncio.timeout(30):
        while True:
            wanted = await screendump()
            try:
                await channel.wait_until(lambda wanted=wanted: shown(screen) == wanted, 1, "show what screendump shows")
            except DeadlineError:
                continue
            if await screendump() == wanted == shown(screen):
                return wanted
