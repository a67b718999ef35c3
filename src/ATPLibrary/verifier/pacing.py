"""Sending where nobody sees what arrives: one report after the other, each when the device has let go of the one before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.verifier.injector import Injector
    from ATPLibrary.verifier.matcher import Matcher
    from ATPLibrary.verifier.units import Report, Unit

_NOTHING_SEEN = (0, 0, 0)


async def send_unwatched(
    way: Injector,
    unit: Unit,
    matcher: Matcher,
    *,
    note_sent: Callable[[Report, bool], None],
    pause: Callable[[Report], float],
) -> None:
    """Send a unit's reports, each followed by `pause(report)` seconds."""
    for report in unit.reports:
        note_sent(report, False)
        symbol = report.symbols[0] if report.symbols else _NOTHING_SEEN
        matcher.inject_unwatched(symbol, time.monotonic(), report.what, unit.position)
        await way.send([report.events], report.what)
        await way.make_sure(report.what)
        note_sent(report, True)
        await asyncio.sleep(pause(report))
