"""GLZ: copies from the image itself and from those before it, the window that both sides keep, and data that lies."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ATPLibrary.protocol.spice.display.glz import GlzWindow, without_zlib
from ATPLibrary.protocol.spice.display.pixels import Unfit, Unhandled

pytestmark = pytest.mark.unit
HEAD = bytes.fromhex("20205a4c 00010001")


def glz(  # top down is 16
    id: int, width: int, height: int, data: str, *, kind: int = 8 | 16, back: int = 0
) -> bytes:
    return HEAD + struct.pack(">B3IQI", kind, width, height, width * 4, id, back) + bytes.fromhex(data)


def colors(window: GlzWindow, data: bytes, width: int, height: int) -> str:
    return bytes(window.unpacked(data, width, height).data).hex(" ", 4)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        # literals only
        ("03 010203 040506 070809 0a0b0c", "01020300 04050600 07080900 0a0b0c00"),
        # a literal, then a copy of 3 from 1 before: control 3 << 5, then an offset of 0 and the byte with the distance
        ("00 010203 60 00 00", "01020300 01020300 01020300 01020300"),
        # a pair, and the pair again: offset 1 is two before
        ("01 010203 040506 41 00 00", "01020300 04050600 01020300 04050600"),
    ],
)
def test_it_is_unpacked_as_by_hand(data: str, wanted: str) -> None:
    assert colors(GlzWindow(100), glz(0, 4, 1, data), 4, 1) == wanted


def test_a_length_of_seven_or_more_goes_on_in_bytes() -> None:
    # 1 literal; 7 + 255 + 1 = 263 more
    pixels = GlzWindow(1000).unpacked(glz(0, 264, 1, "00 010203 e0 ff 01 00 00"), 264, 1)
    assert bytes(pixels.data) == b"\1\2\3\0" * 264


def test_rows_may_go_from_the_bottom_up_also_for_those_that_copy() -> None:
    window = GlzWindow(100)
    assert colors(window, glz(0, 1, 2, "01 010203 040506", kind=8), 1, 2) == "04050600 01020300"
    # both pixels of the image before, as they came
    assert colors(window, glz(1, 1, 2, "40 00 01", kind=8), 1, 2) == "04050600 01020300"


def test_pixels_are_copied_from_earlier_images_near_and_far() -> None:
    window = GlzWindow(1 << 20)
    window.unpacked(glz(0, 4, 1, "03 010101 020202 030303 040404"), 4, 1)
    # offset 1 in the image 1 before
    assert colors(window, glz(1, 2, 1, "41 00 01", back=1), 2, 1) == "02020200 03030300"
    for id in range(2, 80):
        window.unpacked(glz(id, 1, 1, "00 000000", back=id), 1, 1)
    # 80 before: 16 in the byte's six bits, 1 << 6 in one more
    assert colors(window, glz(80, 2, 1, "42 00 50 01", back=80), 2, 1) == "03030300 04040400"
    # the same with a long offset, whose distance stands in bytes of its own
    assert colors(window, glz(81, 2, 1, "52 00 40 51", back=81), 2, 1) == "03030300 04040400"


def test_long_offsets_have_17_bits_and_eight_more() -> None:
    count = 131_072 + 5_000
    window = GlzWindow(1 << 20)
    literals = "".join("1f" + "000000" * 32 for _ in range((count - 1) // 32))
    rest = count - (count - 1) // 32 * 32
    literals += f"{rest - 1:02x}" + "000000" * (rest - 1) + "0a0b0c"
    window.unpacked(glz(0, count, 1, literals), count, 1)
    last = count - 1
    control = (
        f"{1 << 5 | 16 | last & 15:02x} {last >> 4 & 255:02x} {1 << 6 | 32 | last >> 12 & 31:02x} 01 {last >> 17:02x}"
    )
    assert colors(window, glz(1, 1, 1, control, back=1), 1, 1) == "0a0b0c00"


def test_alpha_stands_in_a_second_part_whose_lengths_are_two_longer() -> None:
    window = GlzWindow(100)
    # colours: 1 and 3; alpha: 80, then 3 from one before (says 1)
    assert colors(window, glz(0, 4, 1, "00 010203 60 00 00 00 80 20 00 00", kind=9 | 16), 4, 1) == " ".join(
        ["01020380"] * 4
    )
    assert colors(window, glz(1, 3, 1, "60 00 01 20 00 01", kind=9 | 16, back=1), 3, 1) == " ".join(["01020380"] * 3)


def test_what_the_server_no_longer_needs_is_let_go_of() -> None:
    window = GlzWindow(3)
    for id in range(100):
        window.unpacked(glz(id, 1, 1, "00 010203", back=min(id, 2)), 1, 1)
    assert window.pixels == 3
    with pytest.raises(Unfit, match="copies from image 96, which is not in the window"):
        window.unpacked(glz(100, 1, 1, "20 00 04", back=1), 1, 1)


def test_the_window_takes_no_more_than_the_client_has_said() -> None:
    window = GlzWindow(3)
    window.unpacked(glz(0, 2, 1, "01 010203 010203"), 2, 1)
    with pytest.raises(Unfit, match="would keep more than the 3 pixels that the window was said to take"):
        window.unpacked(glz(1, 2, 1, "01 010203 010203", back=1), 2, 1)
    assert window.pixels == 2


def test_an_image_that_is_not_unpacked_is_not_missing() -> None:
    window = GlzWindow(100)
    with pytest.raises(Unhandled, match="GLZ of type 5"):
        window.unpacked(glz(0, 4, 1, "00 01", kind=5 | 16), 4, 1)
    with pytest.raises(Unhandled, match="copies from an image which was not unpacked"):
        window.unpacked(glz(1, 1, 1, "20 00 01", back=1), 1, 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (glz(5, 4, 2, "00 010203"), "says 4 x 2 pixels where the image says 4 x 1"),
        (glz(5, 4, 1, "00 010203"), "ends after 1 of 4 pixels"),
        (glz(5, 4, 1, "1f" + "00" * 96), "has more than the 4 pixels"),
        (glz(5, 4, 1, "00 010203 e0 ff ff ff ff 00 00 00"), "has more than the 4 pixels"),
        (glz(5, 4, 1, "00 010203 60 01 00"), "from before its beginning"),
        (glz(5, 4, 1, "00 010203 60 00 02"), "copies from image 3, which is not in the window"),
        (glz(5, 4, 1, "00 010203 60 00 01"), "copies pixels from behind the end of image 4"),
        (glz(4, 4, 1, ""), "is image 4 of its window, behind image 4"),
        (HEAD, "fewer than GLZ's header"),
        (b"JFIF" + bytes(40), "which is no GLZ"),
    ],
)
def test_data_that_lies_is_refused(data: bytes, reason: str) -> None:
    window = GlzWindow(100)
    window.unpacked(glz(4, 1, 1, "00 010203"), 1, 1)
    with pytest.raises(Unfit, match=reason):
        window.unpacked(data, 4, 1)


def test_zlib_around_it_is_unpacked_to_the_size_that_it_says() -> None:
    data = glz(0, 1, 1, "00 010203")
    assert without_zlib(zlib.compress(data), len(data), 1, 1) == data


@pytest.mark.parametrize(
    ("data", "size", "reason"),
    [
        (zlib.compress(bytes(1 << 24)), 30, "unpacks to more than 30 bytes where 30 are told"),
        (zlib.compress(bytes(8)), 30, "unpacks to 8 bytes where 30 are told"),
        (zlib.compress(bytes(1 << 24)), 1 << 24, "says 16777216 bytes for 1 x 1 pixels"),
        (b"no zlib", 30, "is not zlib's"),
    ],
)
def test_zlib_that_lies_is_refused_before_it_is_unpacked(data: bytes, size: int, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        without_zlib(data, size, 1, 1)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60), st.integers(1, 12), st.integers(1, 12), st.sampled_from([7, 8, 9, 24, 25, 5]), st.integers(0, 3)
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_whatever_comes_is_unpacked_to_its_size_or_refused_and_the_window_stays_bounded(
    sent: list[tuple[bytes, int, int, int, int]],
) -> None:
    window = GlzWindow(200)
    for id, (data, width, height, kind, back) in enumerate(sent):
        try:
            pixels = window.unpacked(glz(id, width, height, data.hex(), kind=kind, back=back), width, height)
        except (Unfit, Unhandled):
            continue
        finally:
            assert window.pixels <= 200
        assert len(pixels.data) == width * height * 4
