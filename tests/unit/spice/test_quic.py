"""QUIC and JPEG: pictures come out as they went in, and data that lies is refused."""

from __future__ import annotations

import io
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.spice.quic_encoder import Pixel, encoded

from ATPLibrary.protocol.spice.display import jpeg, quic
from ATPLibrary.protocol.spice.display.pixels import MOST_PIXELS, Unfit, Unhandled

pytestmark = pytest.mark.unit


def bytes_of(rows: list[list[Pixel]], bits: int = 8) -> bytes:
    def wide(value: int) -> int:
        return value << 3 | value >> 2 if bits == 5 else value

    def one(red: int, green: int, blue: int, alpha: int = 0) -> bytes:
        return bytes(map(wide, (blue, green, red, alpha)))

    return b"".join(one(*pixel) for row in rows for pixel in row)


def head(width: int, height: int, kind: int = 4) -> bytes:
    return struct.pack("<4s4I", b"QUIC", 0, kind, width, height)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[list[Pixel]], int]:
    """Flat areas, slopes and noise; with alpha, and in five bits."""
    bits, colors = draw(st.sampled_from([(8, 3), (8, 4), (5, 3)]))
    chance = random.Random(draw(st.integers(0, 1 << 30)))
    width, height = draw(st.integers(1, 90)), draw(st.integers(1, 60))
    noise, step = draw(st.sampled_from([0.0, 0.01, 0.3, 1.0])), draw(st.integers(0, 3))
    most = (1 << bits) - 1

    def pixel(x: int, y: int) -> Pixel:
        if chance.random() < noise:
            return tuple(chance.randint(0, most) for _ in range(colors))
        return tuple((x * step + y * color) & most if step else 7 * color & most for color in range(colors))

    return [[pixel(x, y) for x in range(width)] for y in range(height)], bits


@settings(max_examples=60, deadline=None)
@given(pictures())
def test_a_picture_comes_out_as_it_went_in(made: tuple[list[list[Pixel]], int]) -> None:
    rows, bits = made
    pixels = quic.unpacked(encoded(rows, bits=bits), len(rows[0]), len(rows))
    assert bytes(pixels.data) == bytes_of(rows, bits)


def test_the_pauses_in_learning_grow_and_runs_stop_where_they_do() -> None:
    chance = random.Random(5)
    rows: list[list[Pixel]] = [
        [
            (x % 251, 9, 9) if 300 < x < 800 else (1, 2, 3) if chance.random() < 0.999 else (200, 2, 3)
            for x in range(1021)
        ]
        for _ in range(20)
    ]
    assert bytes(quic.unpacked(encoded(rows), 1021, 20).data) == bytes_of(rows)


def test_a_picture_that_ends_anywhere_is_refused() -> None:
    rows: list[list[Pixel]] = [[(x * y % 256, x, y) for x in range(20)] for y in range(10)]
    data = encoded(rows)
    needed = len(data) - 8  # behind the last pixel stand a word of zeros, and what fills the one before
    for size in range(0, needed, 4):
        with pytest.raises(Unfit, match=r"ends before|too few for any|fewer than QUIC's header"):
            quic.unpacked(data[:size], 20, 10)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (head(3, 2) + bytes(90), "says 3 x 2 pixels where the image says 4 x 4"),
        (head(4, 4) + bytes(1), "too few for any picture of 4 x 4 pixels"),
        (b"JFIF" + bytes(40), "which is no QUIC"),
        (b"QUIC", "fewer than QUIC's header"),
    ],
)
def test_a_header_that_lies_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        quic.unpacked(data, 4, 4)


def test_a_run_beyond_its_row_is_refused() -> None:
    # Four equal rows, then as many ones as make a run without end.
    rows: list[list[Pixel]] = [[(1, 2, 3)] * 8] * 4
    data = bytearray(encoded(rows))
    data[20 + 12 :] = b"\xff" * 40
    with pytest.raises(Unfit, match="has a run beyond its row, or a code that no pixel has"):
        quic.unpacked(bytes(data), 8, 4)


def test_a_type_that_is_not_drawn_is_said_and_one_that_is_none_is_refused() -> None:
    with pytest.raises(Unhandled, match="QUIC of type 1"):
        quic.unpacked(head(4, 4, kind=1) + bytes(40), 4, 4)
    with pytest.raises(Unfit, match="is of type 6, which QUIC does not have"):
        quic.unpacked(head(4, 4, kind=6) + bytes(40), 4, 4)


def test_without_numba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quic, "can_unpack", lambda: False)
    with pytest.raises(Unhandled, match="image of type QUIC") as told:
        quic.unpacked(head(4, 4), 4, 4)
    assert told.value.way_out == "pip install 'robotframework-atp[spice-quic]'"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.integers(1, 40), st.integers(1, 20), st.sampled_from([2, 3, 4, 5, 1, 9]))
def test_whatever_bits_come_they_are_unpacked_or_refused(data: bytes, width: int, height: int, kind: int) -> None:
    try:
        pixels = quic.unpacked(head(width, height, kind) + data, width, height)
    except (Unfit, Unhandled):
        return
    assert len(pixels.data) == width * height * 4


@settings(max_examples=100, deadline=None)
@given(pictures(), st.lists(st.tuples(st.integers(20, 4000), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_picture_that_was_damaged_is_unpacked_or_refused(
    made: tuple[list[list[Pixel]], int], damage: list[tuple[int, int]]
) -> None:
    rows, bits = made
    data = bytearray(encoded(rows, bits=bits))
    for at, value in damage:
        data[20 + at % (len(data) - 20)] = value
    try:
        pixels = quic.unpacked(bytes(data), len(rows[0]), len(rows))
    except Unfit:
        return
    assert len(pixels.data) == len(rows[0]) * len(rows) * 4


def _jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 100, 50)).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_a_jpeg_is_near_to_what_it_shows() -> None:
    pixels = jpeg.unpacked(_jpeg(20, 10), 20, 10)
    assert all(
        abs(got - wanted) < 4 for got, wanted in zip(bytes(pixels.data), bytes([50, 100, 200, 0]) * 200, strict=True)
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_jpeg(4000, 3000), "says 4000 x 3000 pixels where the image says 20 x 10"),
        (_jpeg(20, 10)[:200], "can't be unpacked as JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "can't be unpacked as JPEG"),
        (b"", "can't be unpacked as JPEG"),
    ],
)
def test_a_jpeg_that_lies_is_refused_before_it_is_unpacked(data: bytes, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        jpeg.unpacked(data, 20, 10)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=9))
def test_a_damaged_jpeg_is_unpacked_or_refused(damage: list[tuple[int, int]]) -> None:
    data = bytearray(_jpeg(20, 10))
    for at, value in damage:
        data[at % len(data)] = value
    try:
        pixels = jpeg.unpacked(bytes(data), 20, 10)
    except Unfit:
        return
    assert len(pixels.data) == 20 * 10 * 4


@pytest.mark.parametrize("unpack", [quic.unpacked, jpeg.unpacked])
def test_a_size_without_sense_is_refused_before_anything_is_made_of_it(unpack: object) -> None:
    with pytest.raises(Unfit, match="pixels, where 1 to"):
        unpack(head(MOST_PIXELS, 2), MOST_PIXELS, 2)  # type: ignore[operator]
