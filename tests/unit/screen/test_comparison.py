"""A screen against a golden image: what counts, how much of it may differ, and what the difference looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ATPLibrary.errors import ChannelError, ConfigError, InputError
from ATPLibrary.protocol.screen import picture
from ATPLibrary.protocol.screen.comparison import MASK_COLOUR, Limits, compare, golden, moved
from ATPLibrary.protocol.screen.region import CARET, NO_MASKS, Masks, Region, Size

pytestmark = pytest.mark.unit

WIDTH, HEIGHT = 40, 30


def screen(*changed: tuple[int, int], colour: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """A black screen with some pixels of a colour."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for place in changed:
        image.putpixel(place, colour)
    return image


def test_the_same_matches_and_has_no_difference() -> None:
    comparison = compare(screen((1, 2)), screen((1, 2)))
    assert comparison.matches
    assert (comparison.counted, comparison.differing, comparison.box) == (WIDTH * HEIGHT, 0, None)
    assert comparison.difference is None


def test_one_pixel_is_a_difference_and_is_told_and_shown() -> None:
    comparison = compare(screen(), screen((7, 9), colour=(0, 0, 3)))
    assert not comparison.matches
    assert comparison.sentence() == (
        "differs in 1 of 1200 pixels (0.0833%; 0.0000% may, by more than 0 of 255), by up to 3, within region 7,9,1,1"
    )
    assert comparison.difference is not None
    assert comparison.difference.getpixel((7, 9)) == (230, 0, 0)
    assert comparison.difference.getpixel((8, 9)) == (160, 160, 160)


def test_the_tolerance_is_for_each_colour_of_a_pixel() -> None:
    got = screen((0, 0), colour=(8, 8, 8))
    assert compare(screen(), got, limits=Limits(tolerance=8)).matches
    assert not compare(screen(), got, limits=Limits(tolerance=7)).matches


def test_the_share_is_of_the_pixels_that_count() -> None:
    got = screen(*((x, 0) for x in range(12)))
    assert compare(screen(), got, limits=Limits(share=0.01)).matches
    assert not compare(screen(), got, limits=Limits(share=0.0099)).matches
    # Without the lower half the same twelve are twice the share.
    assert not compare(screen(), got, Masks((Region(0, 15, WIDTH, 15),)), Limits(share=0.01)).matches


def test_what_a_mask_covers_does_not_count() -> None:
    got = screen((5, 5), (6, 5))
    assert compare(screen(), got, Masks((Region(5, 5, 2, 1),))).matches
    comparison = compare(screen(), got, Masks((Region(5, 5, 1, 1),)))
    assert (comparison.differing, comparison.box) == (1, Region(6, 5, 1, 1))


def test_transparent_and_magenta_pixels_of_the_golden_image_do_not_count() -> None:
    expected = screen((5, 5), colour=MASK_COLOUR).convert("RGBA")
    expected.putpixel((6, 5), (0, 0, 0, 0))
    expected.putpixel((7, 5), (0, 0, 0, 254))
    got = screen((5, 5), (6, 5), (7, 5))
    assert compare(expected, got).matches
    assert compare(expected, got).counted == WIDTH * HEIGHT - 3
    assert not compare(expected, screen((8, 5))).matches


def test_a_mask_outside_of_the_picture_is_refused() -> None:
    with pytest.raises(InputError, match="Mask 39,0,2,1"):
        compare(screen(), screen(), Masks((Region(39, 0, 2, 1),)))


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_golden_image_of_which_nothing_counts_is_refused(alpha: int) -> None:
    nothing = Image.new("RGBA", (WIDTH, HEIGHT), (*(MASK_COLOUR if alpha else (0, 0, 0)), alpha))
    with pytest.raises(InputError, match=r"Nothing of the golden image counts: .* any screen would match it"):
        compare(nothing, screen())
    with pytest.raises(InputError, match="Nothing of the golden image counts"):
        compare(screen(), screen((5, 5)), Masks((Region(0, 0, WIDTH, HEIGHT),)))


def test_another_size_never_matches_and_is_told() -> None:
    comparison = compare(screen(), Image.new("RGB", (10, 10)), limits=Limits(255, 1.0))
    assert not comparison.matches
    assert comparison.sentence() == "has 10x10 pixels instead of 40x30"


@given(st.sets(st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)), max_size=20))
def test_exactly_the_changed_pixels_are_counted(changed: set[tuple[int, int]]) -> None:
    comparison = compare(screen(), screen(*changed))
    assert comparison.differing == len(changed)
    assert comparison.matches == (not changed)


def test_a_blinking_cursor_is_no_change_but_a_typed_letter_with_its_cursor_is() -> None:
    cursor = [(x, 20) for x in range(9)]
    typed = [(4, 10), *((x, 20) for x in range(9, 18))]
    assert not moved(screen(), screen(*cursor), NO_MASKS, CARET)
    assert moved(screen(*cursor), screen(*typed), NO_MASKS, CARET)
    assert moved(screen(), screen((0, 0)), NO_MASKS, Size(0, 0))
    assert not moved(screen(), screen((0, 0), (39, 29)), Masks((Region(0, 0, 40, 30),)), Size(0, 0))
    assert moved(screen(), Image.new("RGB", (10, 10)), NO_MASKS, CARET)


def test_a_new_golden_image_leaves_out_what_the_old_one_left_out() -> None:
    old = screen((5, 5), colour=MASK_COLOUR)
    new = golden(screen((5, 5), (6, 6)), old.convert("RGBA"))
    assert compare(new, screen((6, 6))).matches
    assert not compare(new, screen()).matches
    assert golden(screen(), Image.new("RGB", (1, 1))).mode == "RGB"
    assert golden(screen(), screen()).mode == "RGB"


def test_a_region_is_cut_out_of_a_screenshot() -> None:
    png = picture.as_png(screen((10, 10)))
    cut = picture.opened(picture.cut_png(png, Region(10, 10, 3, 2)))
    assert cut.size == (3, 2)
    assert cut.getpixel((0, 0)) == (255, 255, 255)
    assert picture.cut_png(png, None) == png


def test_what_is_no_picture_is_said_to_be_none(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(ChannelError, match="5 bytes that start with b'hello'"):
        picture.opened(b"hello")
    file = tmp_path / "golden.png"  # type: ignore[operator]
    file.write_bytes(b"hello")
    with pytest.raises(ConfigError, match=r"golden\.png' should be readable but is not: it is damaged"):
        picture.read(file)
