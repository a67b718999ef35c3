"""Fingers as QEMU's QMP reference describes them: every finger down at once, then every finger up."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.places import Place
from ATPLibrary.protocol.qmp.touch import MOST_FINGERS, tap

pytestmark = pytest.mark.unit


def test_two_fingers_go_down_in_slots_of_their_own_and_come_up() -> None:
    (_, down), (_, up) = tap([(0.0, 1.0), (0.5, 0.5)])
    assert down is not None
    assert up is not None
    kinds = [
        (event["data"]["type"], event["data"]["slot"], event["data"]["axis"], event["data"]["value"])
        for event in down["events"]
    ]
    assert kinds == [
        ("begin", 0, "x", 0), ("data", 0, "x", 0), ("data", 0, "y", 32767),
        ("begin", 1, "x", 0), ("data", 1, "x", 16384), ("data", 1, "y", 16384),
    ]  # fmt: skip
    assert [(event["type"], event["data"]["type"], event["data"]["slot"]) for event in up["events"]] == [
        ("mtt", "end", 0),
        ("mtt", "end", 1),
    ]


def test_no_finger_too_many_fingers_and_places_off_the_screen_are_refused() -> None:
    with pytest.raises(InputError, match="from 1 to 10 fingers, not 0"):
        tap([])
    with pytest.raises(InputError, match="not 11"):
        tap([(0.5, 0.5)] * (MOST_FINGERS + 1))
    with pytest.raises(InputError, match=r"Place 0\.5,1\.1"):
        tap([(0.5, 1.1)])


def test_a_place_is_read_as_testers_write_it() -> None:
    assert Place.parse("0.25, 1") == Place(0.25, 1.0)
    for text in ("", "0.5", "a,b", "1,2,3"):
        with pytest.raises(InputError, match="Place"):
            Place.parse(text)
