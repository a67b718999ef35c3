"""What of a text that was lost may be typed again. Pure.

Where nothing of the text came after the first edge that was lost, the guest has the text up to there, and the rest can follow.
Where something did, the rest would stand behind damage, and nobody knows from outside what a backspace would take away: then
nothing is typed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ATPLibrary.verifier.keys import MODIFIERS
from ATPLibrary.verifier.matcher import Injection, Verdict
from ATPLibrary.verifier.units import Unit

if TYPE_CHECKING:
    from ATPLibrary.verifier.matcher import Matcher

_MISSING = (Verdict.LOST, Verdict.STUCK)


class Cut(NamedTuple):
    """Where a text was cut off. `position` is of the character to go on with; `missing` are the edges that did not arrive."""

    position: int
    missing: Sequence[Injection]


def find_cut(units: Sequence[Unit], matcher: Matcher, since: int, extras: int) -> Cut | str:
    """The cut of a text whose edges are the injections from number `since` on, or in words why there is none to go on at.

    `extras` is how many observations with no injection there were before it.
    """
    sent = matcher.injections[since:]
    first = next((number for number, each in enumerate(sent) if each.verdict is not Verdict.OK), None)
    if first is None:
        return "nothing of it was lost"
    missing = sent[first:]
    if any(each.verdict is Verdict.OBSERVER_OVERRUN for each in missing):
        return "the agent missed something, so nobody knows what arrived"
    if len(matcher.extras) > extras:
        return "something came more often than it was sent"
    if (after := next((each for each in missing if each.verdict not in _MISSING), None)) is not None:
        return f"{after.what} came after what was lost"
    position = missing[0].position
    assert position is not None, "each edge of a text is of a character"
    # Of that character: how many keys that write it went down.
    edges = [report.moves for unit in units if unit.position == position for report in unit.reports]
    arrived = sum(each.position == position for each in sent[:first])
    presses = [number for number, moves in enumerate(edges) if moves and moves[1] and moves[0] not in MODIFIERS]
    done = sum(number < arrived for number in presses)
    if not done:
        return Cut(position, missing)
    if done == len(presses):
        return Cut(
            position + 1, missing
        )  # only letting go of it is missing, and that is done for certain before the next input
    return f"half of the keys of the character at position {position + 1} arrived"
