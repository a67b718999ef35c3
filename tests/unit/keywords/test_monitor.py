"""Which QMP events a keyword's named fields mean."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.keywords.monitor import _has

pytestmark = pytest.mark.unit

DATA = {
    "device": "usb1",
    "guest": True,
    "info": {"class": "io", "n": 5},
    "dotted.name": "x",
    "none": None,
    "number": "5",
}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"device": "usb1"},
        {"guest": "true"},
        {"guest": "True"},
        {"guest": True},
        {"info.class": "io"},
        {"info.n": "5"},
        {"info": '{"class": "io", "n": 5}'},
        {"dotted.name": "x"},
        {"none": "null"},
        {"number": "5"},
        {"device": "usb1", "info.n": 5},
    ],
)
def test_data_that_says_so_is_meant(fields: dict[str, Any]) -> None:
    assert _has(DATA, fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"device": "usb2"},
        {"guest": "false"},
        {"missing": "null"},
        {"missing": "None"},
        {"info.class": "x"},
        {"info.class.deeper": "io"},
        {"device.deeper": "usb1"},
        {"device": "usb1", "guest": "false"},
    ],
)
def test_data_that_says_otherwise_or_nothing_is_not(fields: dict[str, Any]) -> None:
    assert not _has(DATA, fields)
