"""The screen as the SPICE client has drawn it, beside QEMU's own `screendump`: byte for byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.spice.qemu import qemu

from ATPLibrary.protocol.spice.channels import DisplayConversation
from ATPLibrary.protocol.spice.client import speaking
from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.enums import ImageCompression
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("video", ["std", "virtio", "qxl"])
@pytest.mark.parametrize("compression", [ImageCompression.LZ4, ImageCompression.OFF, ImageCompression.LZ])
async def test_what_the_firmware_writes_is_shown_as_qemu_shows_it(
    tmp_path: Path, video: str, compression: ImageCompression
) -> None:
    with qemu(video=("-vga", video), paused=False) as running:
        connection = running.connection(options=SpiceOptions(compression=compression))
        await connection.connect_main_channel(10)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=10))
        screen = channel.conversation
        assert isinstance(screen, DisplayConversation)
        drawn = screen.wire.statistics.by_name
        # The firmware's text comes a few characters at a time; there is more to it than the first picture.
        await channel.wait_until(lambda: drawn["DRAW_COPY"] > 20, 60, "draw what the firmware writes")
        await asyncio.to_thread(running.execute, "stop")
        width, height, wanted = await asyncio.to_thread(running.screen, tmp_path)
        assert len(set(wanted)) > 1, "a screen of one colour proves nothing"

        def is_equal() -> bool:
            surface = screen.painter.screen
            return (
                surface is not None
                and (surface.width, surface.height) == (width, height)
                and image_of(surface).tobytes() == wanted
            )

        await channel.wait_until(is_equal, 10, "show what QEMU's screendump shows")
        assert screen.painter.is_exact
        await connection.close()


async def test_a_compression_that_is_not_unpacked_is_said_and_the_picture_not_called_exact() -> None:
    with qemu(video=("-vga", "qxl"), paused=False) as running:
        connection = running.connection(options=SpiceOptions(compression=ImageCompression.GLZ))
        await connection.connect_main_channel(10)
        channel = speaking(await connection.open_channel(Type.DISPLAY, timeout=10))
        screen = channel.conversation
        assert isinstance(screen, DisplayConversation)
        unhandled = screen.wire.statistics.unhandled
        await channel.wait_until(lambda: unhandled["image of type GLZ_RGB"] > 0, 60, "send GLZ")
        assert not screen.painter.is_exact
        warned = [event.notice for event in running.bus.take_notices() if event.kind == "spice.unhandled"]
        assert len(warned) == 1
        assert "does not draw image of type GLZ_RGB" in warned[0]
        await connection.close()
