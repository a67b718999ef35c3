"""Each drawing command of a qxl driver, through the real server, beside what the server itself draws for `screendump`.

No guest is booted: the test is the driver (tests/spice/qxl_device.py).
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.spice.qemu import Picture, Qemu
from tests.spice.qxl_device import (
    BLACKNESS,
    BLEND,
    COPY,
    COPY_BITS,
    FILL,
    INVERS,
    NO_BRUSH,
    OPAQUE,
    ROP3,
    TRANSPARENT,
    WHITENESS,
    QxlDriver,
    Rect,
    color_brush,
    mask,
    pattern_brush,
    qxl_driver,
    rect,
)
from tests.spice.screens import display_of, shows_what_qemu_shows

from ATPLibrary.protocol.spice.enums import ImageCompression, Rop

pytestmark = pytest.mark.e2e
WIDTH, HEIGHT = 96, 64
SCREEN: Rect = (0, 0, WIDTH, HEIGHT)
PICTURE: Rect = (0, 0, 24, 16)
STEPS = 150
KEY_COLOR = 0x0000FF
# Those of two of which at least one matters; INVERS_RES turns each round.
ROPS = [
    operation | turned | result
    for operation in (Rop.OP_PUT, Rop.OP_OR, Rop.OP_AND, Rop.OP_XOR)
    for turned in range(8)
    for result in (0, Rop.INVERS_RES)
] + [Rop.OP_BLACKNESS, Rop.OP_WHITENESS, Rop.OP_INVERS]  # fmt: skip
# Those of three to which all three matter; others are said in other commands, and end this server.
ROPS_OF_THREE = [
    rop for rop in range(256) if (rop >> 4) != rop & 15 and (rop >> 2) & 0x33 != rop & 0x33 and (rop >> 1) & 0x55 != rop & 0x55
]  # fmt: skip


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Qemu, QxlDriver]]:
    with qxl_driver(tmp_path_factory.mktemp("qxl")) as (running, driver):
        driver.create_primary(WIDTH, HEIGHT)
        running.screen(tmp_path_factory.mktemp("first"))  # QEMU begins to have it drawn then, and shows nothing yet
        yield running, driver


class Commands:
    """Draws something else each time, and says what: the same of the same seed."""

    def __init__(self, driver: QxlDriver, seed: int) -> None:
        self._driver, self._random = driver, random.Random(seed)
        self._kinds: list[Callable[[], str]] = [
            self.fill, self.copy, self.stretched, self.bits, self.opaque, self.plain, self.transparent, self.of_three,
        ]  # fmt: skip

    def draw(self) -> str:
        return self._random.choice(self._kinds)()

    def background(self) -> None:
        image = self._driver.bitmap(WIDTH, HEIGHT, self._random.randbytes(WIDTH * HEIGHT * 4))
        self._driver.draw(COPY, SCREEN, self._copied(image, SCREEN, Rop.OP_PUT))

    def fill(self) -> str:
        rop = self._random.choice(ROPS)
        self._draw(FILL, self._box(), self._brush() + struct.pack("<H", rop) + self._mask())
        return f"fill, {rop:#x}"

    def copy(self) -> str:
        kind, rop = self._random.choice([COPY, BLEND]), self._random.choice(ROPS)
        self._draw(kind, self._box(), self._copied(self._picture(), PICTURE, rop) + self._mask())
        return f"copy {kind}, {rop:#x}"

    def stretched(self) -> str:
        size = self._random.randint(1, 30), self._random.randint(1, 30)
        area = self._random.randint(0, 10), self._random.randint(0, 8), 24, 16
        rop = self._random.choice([Rop.OP_PUT, Rop.OP_XOR])
        self._draw(COPY, self._box(*size), self._copied(self._picture(), area, rop) + self._mask())
        return f"copy of {area} to {size}, {rop:#x}"

    def bits(self) -> str:
        self._draw(COPY_BITS, self._box(), struct.pack("<ii", self._random.randint(0, 60), self._random.randint(0, 40)))
        return "copy bits"

    def opaque(self) -> str:
        rop = self._random.choice(ROPS)
        head = struct.pack("<Q", self._picture()) + rect(PICTURE)
        self._draw(OPAQUE, self._box(), head + self._brush() + struct.pack("<HB", rop, 1) + self._mask())
        return f"opaque, {rop:#x}"

    def plain(self) -> str:
        kind = self._random.choice([BLACKNESS, WHITENESS, INVERS])
        self._draw(kind, self._box(), self._mask())
        return f"plain {kind}"

    def transparent(self) -> str:
        head = struct.pack("<Q", self._picture()) + rect(PICTURE)
        self._draw(TRANSPARENT, self._box(), head + struct.pack("<II", KEY_COLOR, KEY_COLOR))
        return "transparent"

    def of_three(self) -> str:
        rop = self._random.choice(ROPS_OF_THREE)
        head = struct.pack("<Q", self._picture()) + rect(PICTURE)
        # The server counts a pattern's origin wrongly for itself where that is right of the box, or below.
        brush = self._random.choice([self._color, lambda: self._pattern(0)])()
        self._draw(ROP3, self._box(), head + brush + struct.pack("<BB", rop, 1) + self._mask())
        return f"of three, {rop:#x}"

    def _draw(self, kind: int, box: Rect, what: bytes) -> None:
        left, top, right, bottom = box
        middle = (left + right) // 2
        clips = [(left, top, middle, bottom - 2), (middle, top + 1, right, bottom)]
        if right - left < 4 or bottom - top < 4 or self._random.random() < 0.7:
            clips = []
        self._driver.draw(kind, box, what, clips=clips)

    def _box(self, width: int = 24, height: int = 16) -> Rect:
        left, top = self._random.randint(0, WIDTH - width), self._random.randint(0, HEIGHT - height)
        return left, top, left + width, top + height

    def _copied(self, image: int, area: Rect, rop: int) -> bytes:
        return struct.pack("<Q", image) + rect(area) + struct.pack("<HB", rop, 1)

    def _picture(self) -> int:
        """24 x 16 pixels; some of them have the colour that is left away."""
        colors = [self._random.getrandbits(24) for _ in range(3)] + [KEY_COLOR]
        data = b"".join(self._random.choice(colors).to_bytes(4, "little") for _ in range(24 * 16))
        return self._driver.bitmap(24, 16, data, keep=self._random.random() < 0.3)

    def _brush(self) -> bytes:
        return self._random.choice([self._color, self._pattern, lambda: NO_BRUSH])()

    def _color(self) -> bytes:
        return color_brush(self._random.getrandbits(24))

    def _pattern(self, most: int = 9) -> bytes:
        """8 x 8 pixels of two colours, as old desktops have them."""
        image = self._driver.bitmap(
            8, 8, self._random.randbytes(8), 2, [self._random.getrandbits(24) for _ in range(2)]
        )
        return pattern_brush(image, self._random.randint(-9, most), self._random.randint(-9, most))

    def _mask(self) -> bytes:
        """One a bit larger than what it is for. Its left part is used: of others, the server reads the wrong bits for itself."""
        if self._random.random() < 0.6:
            return mask()
        image = self._driver.bitmap(32, 20, self._random.randbytes(32 // 8 * 20), self._random.choice([1, 2]))
        x, y = self._random.randint(0, 7), self._random.randint(0, 7)
        return mask(image, x, y, is_inverse=self._random.random() < 0.5)


@pytest.mark.parametrize("compression", [ImageCompression.OFF, ImageCompression.LZ, ImageCompression.GLZ])
async def test_whatever_a_driver_draws_is_shown_as_the_server_draws_it(
    device: tuple[Qemu, QxlDriver], tmp_path: Path, compression: ImageCompression
) -> None:
    running, driver = device
    connection, channel, screen = await display_of(running, compression)
    commands = Commands(driver, compression)
    await asyncio.to_thread(commands.background)
    pictures: set[Picture] = set()
    for _ in range(STEPS):
        said = await asyncio.to_thread(commands.draw)
        try:
            pictures.add(
                await shows_what_qemu_shows(channel, screen, lambda: asyncio.to_thread(running.screen, tmp_path))
            )
        except TimeoutError as error:
            raise AssertionError(f"the picture is not screendump's after: {said}") from error
    assert len(pictures) > STEPS / 2, "a picture that stands still proves nothing"
    assert screen.painter.is_exact
    assert screen.wire.statistics.unhandled == {}
    await connection.close()
