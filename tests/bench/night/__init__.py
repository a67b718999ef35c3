"""A night's worth of taps on one keyboard, with a journal: a run that was cut off tells how far it came and is gone on with."""

from __future__ import annotations

from .run import TAPS, journal_of, measure

__all__ = ["TAPS", "journal_of", "measure"]
