"""Each compression that QEMU's server can be made to use, of a guest that draws all the time: each byte as `screendump` has it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from tests.spice.drawing_guest import MOVING_PATTERN, SCROLLING_TEXT, booting
from tests.spice.qemu import qemu
from tests.spice.screens import becomes, display_of, is_drawn_on, shown

from ATPLibrary.protocol.spice.display.picture import image_of
from ATPLibrary.protocol.spice.enums import ImageCompression, ImageType

pytestmark = pytest.mark.e2e
SPICE = "password-secret=ticket,port={port}"


@pytest.mark.parametrize(
    ("compression", "spice", "type"),
    [
        (ImageCompression.GLZ, "", ImageType.GLZ_RGB),
        (ImageCompression.GLZ, ",zlib-glz-wan-compression=always", ImageType.ZLIB_GLZ_RGB),
        (ImageCompression.QUIC, "", ImageType.QUIC),
        (ImageCompression.AUTO_GLZ, "", ImageType.GLZ_RGB),
        (ImageCompression.AUTO_LZ, "", ImageType.LZ_RGB),
    ],
)
@pytest.mark.parametrize(
    ("video", "code"), [("qxl", SCROLLING_TEXT), ("virtio", MOVING_PATTERN)], ids=["text", "pattern"]
)
async def test_it_is_unpacked_to_the_last_bit(  # noqa: PLR0917 - pytest gives them by name
    tmp_path: Path, video: str, code: bytes, compression: ImageCompression, spice: str, type: ImageType
) -> None:
    with qemu(*booting(code, tmp_path), video=("-vga", video), paused=False, spice=SPICE + spice) as running:
        connection, channel, screen = await display_of(running, compression)
        for _ in range(3):
            await is_drawn_on(channel, screen, 60)
            await asyncio.to_thread(running.execute, "stop")
            await becomes(channel, screen, await asyncio.to_thread(running.screen, tmp_path))
            await asyncio.to_thread(running.execute, "cont")
        assert screen.wire.statistics.images[type.name] > 100
        assert not screen.wire.statistics.unhandled
        await connection.close()


async def test_glz_s_window_stays_as_small_as_the_server_was_told_and_what_fell_out_of_it_is_not_asked_for(
    tmp_path: Path,
) -> None:
    most = 200_000  # pixels: 13 columns of this picture, in which one is sent
    with qemu(*booting(MOVING_PATTERN, tmp_path), video=("-vga", "qxl"), paused=False) as running:
        connection, channel, screen = await display_of(running, ImageCompression.GLZ, dictionary_pixels=most)
        for times in (60, 300):
            await is_drawn_on(channel, screen, times)
            await asyncio.to_thread(running.execute, "stop")
            await becomes(channel, screen, await asyncio.to_thread(running.screen, tmp_path))
            assert most / 2 < screen.painter.images.kept_pixels <= most
            await asyncio.to_thread(running.execute, "cont")
        assert screen.wire.statistics.images["GLZ_RGB"] > 200
        await connection.close()


async def test_what_came_as_jpeg_is_as_near_to_the_guest_s_as_jpeg_is_and_not_called_exact(tmp_path: Path) -> None:
    """These colours change too quickly for JPEG's halved ones: how far off they are then is measured with a JPEG of our own."""
    spice = SPICE + ",jpeg-wan-compression=always"
    with qemu(*booting(MOVING_PATTERN, tmp_path), video=("-vga", "std"), paused=False, spice=spice) as running:
        connection, channel, screen = await display_of(running, ImageCompression.QUIC)
        images = screen.wire.statistics.images
        await channel.wait_until(lambda: images["JPEG"] > 100, 60, "send JPEG")
        await asyncio.to_thread(running.execute, "stop")
        width, height, pixels = await asyncio.to_thread(running.screen, tmp_path)
        wanted = Image.frombytes("RGB", (width, height), pixels)
        file = io.BytesIO()
        wanted.save(file, "JPEG", quality=85)
        jpeg = Image.open(file)

        def is_near() -> bool:
            surface = screen.painter.screen
            if surface is None or (surface.width, surface.height) != (width, height):
                return False
            both = zip(_off(image_of(surface), wanted), _off(jpeg, wanted), strict=True)
            return all(abs(got - possible) < 2 for got, possible in both)

        await channel.wait_until(is_near, 20, "show nearly what QEMU's screendump shows")
        assert shown(screen) != (width, height, pixels)
        assert not screen.painter.is_exact
        await connection.close()


def _off(one: Image.Image, other: Image.Image) -> list[float]:
    """By how much of 255 red, green and blue differ, on average."""
    return list(ImageStat.Stat(ImageChops.difference(one, other)).mean)
