"""Tells each edge of one input as soon as what became of it is known, for whoever keeps a journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ATPLibrary.verifier.hiding import hides
from ATPLibrary.verifier.matcher import Finding, Injection, Verdict
from ATPLibrary.verifier.report import extra_row, row_of
from ATPLibrary.verifier.timeline import TimelineRow

if TYPE_CHECKING:
    from ATPLibrary.verifier.matcher import Matcher
    from ATPLibrary.verifier.observation import Observation
    from ATPLibrary.verifier.session import AgentSession

# What the input is, the row, and the bound of the clock's error in ms.
Tell = Callable[[str, TimelineRow, float | None], None]

EXTRA = -1  # the index of what was observed and never sent


def follow(matcher: Matcher, what: str, session: AgentSession | None, tell: Tell | None) -> None:
    """Call `tell`, which may not raise, for each edge that `matcher` concludes upon; once more where its verdict changes."""
    if tell is None:
        return
    to_epoch = time.time() - time.monotonic()
    hidden = hides(what)

    def pass_on(injection: Injection | None, observation: Observation | None, verdict: Verdict | None) -> None:
        clock = None if session is None else session.clock
        if injection is not None:
            row = row_of(injection, clock, to_epoch)
        else:
            assert verdict is not None, "what nobody sent is told with a verdict"
            row = extra_row(Finding(verdict, None, observation), clock, to_epoch, EXTRA, hidden=hidden)
        tell(what, row, None if clock is None else clock.error_us / 1000)

    matcher.tell = pass_on
