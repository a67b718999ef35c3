"""Each compression that QEMU's server can be made to use, of a guest that draws all the time: each byte as `screendump` has it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.spice.drawing_guest import MOVING_PATTERN, SCROLLING_TEXT, booting
from tests.spice.qemu import qemu
from tests.spice.screens import becomes, display_of, is_drawn_on

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
