"""What a touch screen reports, told finger by finger (Linux multi-touch protocol B, Documentation/input/multi-touch-protocol)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ABS_MT_SLOT = 47
ABS_MT_POSITION_X = 53
ABS_MT_POSITION_Y = 54
ABS_MT_TRACKING_ID = 57
BTN_TOUCH = 0x14A

_LIFTED = -1
TOUCH_AXES = frozenset({ABS_MT_SLOT, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, ABS_MT_TRACKING_ID})


@dataclass(slots=True)
class _Finger:
    is_down: bool = False
    was_down: bool = False  # when it was told last
    at: dict[int, int] | None = None


class Fingers:
    """The fingers on one touch screen. `note()` what it reports; `lines()` tells what has changed since."""

    def __init__(self) -> None:
        self._slot = 0
        self._fingers: dict[int, _Finger] = {}
        self._changed: dict[int, None] = {}  # slots, in the order in which they changed

    def note(self, code: int, value: int) -> None:
        if code == ABS_MT_SLOT:
            self._slot = value
            return
        finger = self._fingers.setdefault(self._slot, _Finger())
        self._changed[self._slot] = None
        if code == ABS_MT_TRACKING_ID:
            finger.is_down = value != _LIFTED
        else:
            finger.at = {**(finger.at or {}), code: value}

    def lines(self, ranges: Mapping[int, tuple[int, int]]) -> Iterator[str]:
        """ "finger 1 down at 0.500, 0.250"; `ranges`: axis -> least and greatest value."""
        changed, self._changed = self._changed, {}
        for slot in changed:
            finger = self._fingers[slot]
            if not finger.is_down:
                yield f"finger {slot + 1} up"
            else:
                yield f"finger {slot + 1} {'at' if finger.was_down else 'down at'} {_place(finger.at or {}, ranges)}"
            finger.was_down = finger.is_down


def _place(at: Mapping[int, int], ranges: Mapping[int, tuple[int, int]]) -> str:
    words = []
    for axis in (ABS_MT_POSITION_X, ABS_MT_POSITION_Y):
        if axis not in at:
            words.append("?")
        elif axis in ranges:
            low, high = ranges[axis]
            words.append(f"{(at[axis] - low) / ((high - low) or 1):.3f}")
        else:
            words.append(str(at[axis]))
    return ", ".join(words)
