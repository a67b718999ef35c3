"""Where a pointer may go, and what is refused before anything is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.verifier.pointer import Pointer
from ATPLibrary.verifier.spice_injector import SpiceInjector

pytestmark = pytest.mark.unit


@pytest.fixture
def pointer() -> Pointer:
    nothing_is_sent: Any = SimpleNamespace(domain=SimpleNamespace(name="vm"))
    return Pointer(nothing_is_sent, None)


@pytest.mark.parametrize("position", [(-0.1, 0.5), (0.5, 1.01), (640, 480), (float("nan"), 0.5)])
async def test_a_fraction_outside_the_screen_is_refused_and_pixels_are_explained(
    pointer: Pointer, position: tuple[float, float]
) -> None:
    with pytest.raises(InputError, match=r"from 0 to 1 but is outside.*Divide a pixel"):
        await pointer.move(*position)


@pytest.mark.parametrize("position", [(640, 10), (10, 480), (-1, 0)])
async def test_a_pixel_outside_the_screen_is_refused(pointer: Pointer, position: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="640 x 480 pixels but is outside"):
        await pointer.move(*position, screen=(640, 480))


async def test_an_unknown_button_is_refused_with_those_there_are(pointer: Pointer) -> None:
    with pytest.raises(InputError, match=r"'fourth'.*left, right, middle"):
        await pointer.click("fourth")


async def test_a_drag_from_nowhere_is_refused(pointer: Pointer) -> None:
    with pytest.raises(InputError, match="where it is isn't known"):
        await pointer.drag(0.5, 0.5)


async def test_letting_go_of_a_button_that_is_not_down_is_refused(pointer: Pointer) -> None:
    with pytest.raises(InputError, match="left button of VM 'vm' should be down"):
        await pointer.button_up()


@pytest.mark.parametrize("pixel", [0, 1, 511, 512, 1022, 1023])
def test_a_place_by_spice_is_the_tablet_s_own_units_and_the_agent_s_own_pointer_has_it_as_a_pixel(pixel: int) -> None:
    nobody: Any = None
    way = SpiceInjector(nobody, nobody, "vm")
    way._screen = (1024, 768)
    sent = pixel * 0x7FFF // 1024
    assert way.seen_at("x", sent, 0, 0x7FFF) == sent
    assert way.seen_at("x", sent, 0, 1023) == pixel
