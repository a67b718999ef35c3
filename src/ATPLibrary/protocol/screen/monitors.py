"""Monitors as testers write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ATPLibrary.errors import InputError

_MONITOR = re.compile(r"\s*(\d{1,5})x(\d{1,5})(?:([+-]\d{1,5})([+-]\d{1,5}))?\s*")


@dataclass(frozen=True, slots=True)
class MonitorPlace:
    """A monitor in pixels; `x` and `y` are its left upper corner on the desktop, None for beside the one before."""

    width: int
    height: int
    x: int | None = None
    y: int | None = None

    @classmethod
    def parse(cls, text: str) -> MonitorPlace:
        """A monitor's size in pixels, and where it stands: ``1024x768``, ``800x600+1024+0``."""
        match = _MONITOR.fullmatch(text)
        if match is None or not (int(match[1]) and int(match[2])):
            raise InputError.about(
                f"Monitor {text!r}", wanted="be 'WIDTHxHEIGHT' or 'WIDTHxHEIGHT+LEFT+TOP' in pixels", got="is not",
                next_step="Such as 1024x768+0+0",
            )  # fmt: skip
        x, y = (int(each) if each is not None else None for each in (match[3], match[4]))
        return cls(int(match[1]), int(match[2]), x, y)

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    def __str__(self) -> str:
        return self.size + (f"{self.x:+}{self.y:+}" if self.x is not None and self.y is not None else "")


def placed(monitors: Iterable[MonitorPlace]) -> list[MonitorPlace]:
    """Each with its place: one without any stands to the right of the one before."""
    found: list[MonitorPlace] = []
    for each in monitors:
        right = (found[-1].x or 0) + found[-1].width if found else 0
        found.append(each if each.x is not None else replace(each, x=right, y=0))
    return found
