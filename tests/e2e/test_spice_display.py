"""The screen as the SPICE client has drawn it, beside QEMU's own `screendump` and another client's picture: byte for byte."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.spice.drawing_guest import MOVING_PATTERN, SCROLLING_TEXT, booting
from tests.spice.qemu import PASSWORD, Picture, Qemu, ppm, qemu
from tests.spice.screens import becomes, display_in, display_of, is_drawn_on, shown

from ATPLibrary.protocol.spice.enums import ImageCompression

pytestmark = pytest.mark.e2e
PLAIN = (ImageCompression.OFF, ImageCompression.LZ4, ImageCompression.LZ)


@pytest.mark.parametrize("video", ["std", "virtio", "qxl"])
async def test_what_the_firmware_writes_is_shown_as_qemu_shows_it(tmp_path: Path, video: str) -> None:
    with qemu(video=("-vga", video), paused=False) as running:
        connection, channel, screen = await display_of(running, ImageCompression.LZ4)
        # The firmware's text comes a few characters at a time; there is more to it than the first picture.
        await is_drawn_on(channel, screen, 20)
        await connection.close()
        await asyncio.to_thread(running.execute, "stop")
        wanted = await asyncio.to_thread(running.screen, tmp_path)
        assert len(set(wanted[2])) > 1, "a screen of one colour proves nothing"
        for compression in PLAIN:
            connection, channel, screen = await display_of(running, compression)
            await becomes(channel, screen, wanted)
            await connection.close()


@pytest.mark.parametrize(
    ("video", "code"),
    [("std", SCROLLING_TEXT), ("virtio", MOVING_PATTERN), ("qxl", SCROLLING_TEXT), ("qxl", MOVING_PATTERN)],
    ids=["std, text", "virtio, pattern", "qxl, text", "qxl, pattern"],
)
async def test_a_guest_that_never_stops_drawing_is_shown_as_qemu_and_another_client_show_it(
    tmp_path: Path, video: str, code: bytes
) -> None:
    """It is stopped in the midst of drawing, again and again, and what is on its way comes: nothing moves under the comparison."""
    other = shutil.which("spicy-screenshot")
    assert other is not None, "spice-client-gtk is missing: run scripts/setup"
    pictures: set[Picture] = set()
    both = {"SPICE_DEBUG_ALLOW_MC": "1"}  # else the other client would end our session
    with qemu(*booting(code, tmp_path), video=("-vga", video), paused=False, environ=both) as running:
        for compression in PLAIN:
            connection, channel, screen = await display_of(running, compression)
            for _ in range(4):
                await is_drawn_on(channel, screen, 40)
                await asyncio.to_thread(running.execute, "stop")
                while (wanted := await asyncio.to_thread(running.screen, tmp_path)) in pictures:
                    # By chance: a text comes round after 3760 characters.
                    await asyncio.to_thread(running.execute, "cont")
                    await is_drawn_on(channel, screen, 1)
                    await asyncio.to_thread(running.execute, "stop")
                await becomes(channel, screen, wanted)
                pictures.add(wanted)
                if len(pictures) % 4 == 0:
                    assert await asyncio.to_thread(_of_another_client, other, running, tmp_path / "other.ppm") == wanted
                await asyncio.to_thread(running.execute, "cont")
            await connection.close()
    assert len(pictures) == 4 * len(PLAIN), "a picture that stands still proves nothing of drawing"


def _of_another_client(program: str, running: Qemu, file: Path) -> Picture:
    command = [program, "-h", "127.0.0.1", "-p", str(running.port), "-w", PASSWORD, "-o", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return ppm(file)


async def test_each_display_has_a_channel_and_a_picture_of_its_own(tmp_path: Path) -> None:
    devices = ["-vga", "none", "-device", "virtio-vga,id=both,max_outputs=2"]
    with qemu(*booting(SCROLLING_TEXT, tmp_path), video=devices, paused=False) as running:
        connection, channel, screen = await display_of(running, ImageCompression.LZ4)
        second_channel, second = await display_in(connection, 1)
        await is_drawn_on(channel, screen, 40)
        await asyncio.to_thread(running.execute, "stop")
        await becomes(channel, screen, await asyncio.to_thread(running.screen, tmp_path))
        await becomes(
            second_channel, second, await asyncio.to_thread(lambda: running.screen(tmp_path, device="both", head=1))
        )
        assert shown(second) != shown(screen)
        assert [(head.width, head.height) for head in screen.monitors] == [(720, 400)]
        await connection.close()


async def test_a_display_that_no_driver_uses_has_a_channel_and_no_picture(tmp_path: Path) -> None:
    """A second qxl: its firmware writes to the first one only."""
    video = ["-vga", "qxl", "-device", "qxl,id=second"]
    with qemu(*booting(SCROLLING_TEXT, tmp_path), video=video, paused=False) as running:
        connection, channel, screen = await display_of(running, ImageCompression.LZ4)
        _, second = await display_in(connection, 1)
        await is_drawn_on(channel, screen, 40)
        assert second.painter.screen is None
        assert not second.is_marked
        await connection.close()
