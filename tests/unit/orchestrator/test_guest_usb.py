"""What a guest's sysfs says of a USB device, as it is read."""

from __future__ import annotations

import pytest

from ATPLibrary.orchestrator.guest_usb import parsed

pytestmark = pytest.mark.unit

WHOLE = "path 1-3\nid 0781:5567\nspeed 480\ninterface 1-3:1.0 usb-storage\nnode sda\n"


def test_a_device_is_read_with_its_drivers_and_nodes() -> None:
    seen = parsed(WHOLE)
    assert seen is not None
    assert (seen.path, seen.id, seen.speed, seen.nodes) == ("1-3", "0781:5567", "480", ("sda",))
    assert seen.drivers == {"1-3:1.0": "usb-storage"}


@pytest.mark.parametrize("text", ["", "path 1-3\nid :\nspeed \n"])
def test_one_that_is_not_there_or_whose_numbers_have_gone_is_none(text: str) -> None:
    assert parsed(text) is None
