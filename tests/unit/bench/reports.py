"""Input reports as the engine builds them, of taps that the guest saw or didn't."""

from __future__ import annotations

from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.verifier import InputReport, Matcher, Observation
from ATPLibrary.verifier.observation import EV_KEY
from ATPLibrary.verifier.report import build_report

VERIFIED_MS = 3.0


def report_of(typed: str, seen: str | None = None, *, unwatched: bool = False) -> InputReport:
    """`typed` was sent, a tap a character, and `seen` arrived (all of it, when not said)."""
    matcher = Matcher()
    for key in typed:
        for value in (1, 0):
            matcher.inject((EV_KEY, EVDEV_OF_QCODE[key], value), 0.0, f"key {key}")
    for item in observed(typed if seen is None else seen):
        matcher.observe(item)
    matcher.finish()
    because = "nobody watched" if unwatched else ""
    return build_report("taps", matcher, characters=len(typed), clock=None, unverified_because=because)


def observed(text: str, every: float = 0.0) -> list[Observation]:
    """The edges of taps as the guest saw them, `VERIFIED_MS` after nought and then one tap each `every` seconds."""
    return [
        Observation(1, "i8042", EV_KEY, EVDEV_OF_QCODE[key], value, 0, VERIFIED_MS / 1000 + number * every)
        for number, key in enumerate(text)
        for value in (1, 0)
    ]
