"""Edges and motions, written as QEMU's `input-send-event` takes them, as messages of SPICE's inputs channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import ABSOLUTE_MAX
from ATPLibrary.protocol.spice.messages import inputs
from ATPLibrary.protocol.spice.scancodes import code_of
from ATPLibrary.protocol.spice.schema import Message

# Numbers of the buttons, and the bits that they have while they are down; a notch of the wheel has no bit.
_BUTTONS: Mapping[str, int] = {
    "left": 1, "middle": 2, "right": 3, "wheel-up": 4, "wheel-down": 5, "side": 6, "extra": 7,
}  # fmt: skip
_BITS: Mapping[str, int] = {"left": 1 << 0, "middle": 1 << 1, "right": 1 << 2, "side": 1 << 5, "extra": 1 << 6}

# QEMU takes no screen for narrower than this when it scales a position (ui/spice-input.c).
_LEAST_SIZE = 16

Events = Sequence[Mapping[str, Any]]

# For the beginning of a channel: QEMU remembers from one to the next which buttons are down, and drops the press of one that is.
ALL_BUTTONS_UP = inputs.MouseRelease(_BUTTONS["left"], 0)


class InputMessages:
    """The messages of one inputs channel. `buttons` are the bits of those that are down by it, which each of the mouse's has."""

    def __init__(self) -> None:
        self.buttons = 0

    def of(self, events: Events, screen: tuple[int, int] | None = None) -> Iterator[Message]:
        """The messages of what happens at one moment; absolute axes need the `screen`'s width and height.

        `InputError` for what SPICE has no word for.
        """
        place: dict[str, int] = {}
        counts: dict[str, int] = {}
        for event in events:
            data = event["data"]
            match event["type"]:
                case "key":
                    yield self._key(data["key"]["data"], data["down"])
                case "btn":
                    yield self._button(data["button"], data["down"])
                case "abs":
                    place[data["axis"]] = data["value"]
                case "rel":
                    counts[data["axis"]] = data["value"]
        if place:
            assert screen is not None, "a position is one of a screen"
            width, height = screen
            yield inputs.MousePosition(pixel(place["x"], width), pixel(place["y"], height), self.buttons, 0)
        if counts:
            yield inputs.MouseMotion(counts.get("x", 0), counts.get("y", 0), self.buttons)

    def _key(self, qcode: str, down: bool) -> Message:
        code = code_of(qcode, down)
        return inputs.KeyDown(code) if down else inputs.KeyUp(code)

    def _button(self, button: str, down: bool) -> Message:
        if button not in _BUTTONS:
            raise InputError.about(
                f"The mouse button '{button}'",
                wanted="be sent by SPICE",
                got="can't be: its protocol has no such button",
                next_step="Send it through QEMU, with via=qmp",
            )
        bit = _BITS.get(button, 0)
        self.buttons = self.buttons | bit if down else self.buttons & ~bit
        return (inputs.MousePress if down else inputs.MouseRelease)(_BUTTONS[button], self.buttons)


def nearest(value: int, size: int) -> int:
    """Of the places from 0 to `ABSOLUTE_MAX` that the pixels of an axis of `size` pixels are, the one nearest to `value`."""
    at = min(max(round(value * (size - 1) / ABSOLUTE_MAX), 0), size - 1)
    return at * ABSOLUTE_MAX // max(size, _LEAST_SIZE)


def pixel(value: int, size: int) -> int:
    """The pixel that QEMU makes `value` of, which `nearest` has said: it multiplies and cuts off."""
    return -(-value * max(size, _LEAST_SIZE) // ABSOLUTE_MAX)
