"""What an edge costs on each keyboard."""

from __future__ import annotations

import pytest

from ATPLibrary.protocol.qmp.edges import QCODES, Edge
from ATPLibrary.verifier.queues import ANY, PS2, USB, VIRTIO, queue_of_bus, queue_of_keyboards, scancode_bytes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("qcode", "size"),
    [
        ("a", 1),
        ("shift", 1),
        ("f12", 1),
        ("kp_5", 1),
        ("ctrl_r", 2),
        ("delete", 2),
        ("meta_l", 2),
        ("kp_enter", 2),
        ("pause", 6),
    ],
)
def test_a_scan_code_is_as_long_as_on_the_wire(qcode: str, size: int) -> None:
    assert scancode_bytes(Edge(qcode, True)) == size


def test_every_key_has_a_size_and_any_tap_fits_every_window() -> None:
    for qcode in QCODES:
        for queue in (PS2, USB, VIRTIO, ANY):
            assert 0 < 2 * queue.places(scancode_bytes(Edge(qcode, True))) <= queue.window


def test_windows_are_smaller_than_the_queues() -> None:
    assert PS2.window < 16
    assert USB.window < 16
    assert VIRTIO.window < 64
    assert ANY.window <= min(PS2.window, USB.window, VIRTIO.window // 2)


def test_with_one_keyboard_its_queue_is_known_and_with_several_none_is_trusted() -> None:
    assert queue_of_keyboards(["usb"]) is USB
    assert queue_of_keyboards(["ps2", "usb"]) is ANY
    assert queue_of_keyboards([]) is ANY
    assert queue_of_bus("virtio") is VIRTIO
    assert queue_of_bus("other") is ANY
