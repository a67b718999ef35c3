"""Whether a pointer kept to a path: each observed place against the straight lines between those that it should have passed."""

from __future__ import annotations

import math
from collections.abc import Sequence

Place = tuple[float, float]  # fractions of the screen


def strays(path: Sequence[Place], expected: Sequence[Place], tolerance: float) -> str:
    """Where a path differs from the straight lines between the expected places, in words; "" where it keeps to them all along.

    It must begin at the first place and end at the last, pass each in order, and go forward: no observed place may be farther from
    the line that it is on, nor farther back on it, than `tolerance`, a fraction of the screen.
    """
    if not path:
        return "no motion with the button down was seen"
    if (off := _distance(path[0], expected[0])) > tolerance:
        return f"it began at {_say(path[0])}, {off:.3f} away from place 1 ({_say(expected[0])})"
    passed = 0
    for place in path:
        while passed < len(expected) and _distance(place, expected[passed]) <= tolerance:
            passed += 1
    if passed < len(expected):
        return f"place {passed + 1} of {len(expected)} ({_say(expected[passed])}) was not passed"
    leg, furthest = 0, 0.0  # the line that it is on, and how far on it it came
    for place in path:
        # At a corner the next line begins.
        while leg < len(expected) - 2 and _distance(place, expected[leg + 1]) <= tolerance:
            leg, furthest = leg + 1, 0.0
        begin, end = expected[leg], expected[min(leg + 1, len(expected) - 1)]
        off, along = _from_line(place, begin, end)
        if off > tolerance:
            return f"it went to {_say(place)}, {off:.3f} away from the path"
        if along < furthest - tolerance:
            return f"it went back to {_say(place)}, by {furthest - along:.3f}"
        furthest = max(furthest, along)
    if (off := _distance(path[-1], expected[-1])) > tolerance:
        return f"it ended at {_say(path[-1])}, {off:.3f} away from place {len(expected)} ({_say(expected[-1])})"
    return ""


def _say(place: Place) -> str:
    return f"{place[0]:.3f}, {place[1]:.3f}"


def _distance(a: Place, b: Place) -> float:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _from_line(place: Place, begin: Place, end: Place) -> tuple[float, float]:
    """How far a place is from a line, and how far along that line."""
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    length = dx * dx + dy * dy
    part = 0.0 if not length else ((place[0] - begin[0]) * dx + (place[1] - begin[1]) * dy) / length
    part = min(1.0, max(0.0, part))
    return _distance(place, (begin[0] + part * dx, begin[1] + part * dy)), part * math.sqrt(length)
