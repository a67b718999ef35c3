"""Places on a screen, as testers write them."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.screen.region import Masks, Region, Size

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("text", ["1,2,30,40", " 1, 2, 30, 40 ", "1 2 30 40", "1,2 30x40"])
def test_a_region_is_read_as_testers_write_it(text: str) -> None:
    assert Region.parse(text) == Region(1, 2, 30, 40)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1.5,2,3,4", "a,b,c,d", "1,2,0,4", "1,2,3,0"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Region"):
        Region.parse(text)


def test_masks_are_several_regions_or_none() -> None:
    assert Masks.parse("1,2,3,4; 5,6,7,8;") == Masks((Region(1, 2, 3, 4), Region(5, 6, 7, 8)))
    assert Masks.parse(["1,2,3,4"]) == Masks((Region(1, 2, 3, 4),))
    assert list(Masks.parse("")) == []


def test_a_size_is_a_width_and_a_height() -> None:
    assert Size.parse("12x24") == Size(12, 24)
    with pytest.raises(InputError, match="12"):
        Size.parse("12")


def test_a_region_that_reaches_out_of_the_screen_is_refused_by_name() -> None:
    assert Region(700, 384, 20, 16).inside(720, 400, "Mask") == Region(700, 384, 20, 16)
    with pytest.raises(InputError, match=r"Mask 700,384,21,16 should be on the screen of 720 x 400 pixels"):
        Region(700, 384, 21, 16).inside(720, 400, "Mask")
