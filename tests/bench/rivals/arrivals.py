"""What of somebody else's typing arrived: the guest's own observations, compared with what was to be typed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ATPLibrary.protocol.qmp import Qmp
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, Edge, key_event
from ATPLibrary.verifier import AgentSession, Matcher, Observation, ObserverOverrun, TypingEngine, Verdict
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import AUTOREPEAT, EV_KEY
from ATPLibrary.verifier.stream import ObservationStream

SETTLE_SECONDS = 1.5  # so long without an edge, when the sender has ended: nothing more will come
LONGEST_SECONDS = 120.0
QUIET_SECONDS = 0.2
SECONDS = 10.0  # for a question
EDGES_A_TAP = 2


@dataclass(frozen=True)
class Arrivals:
    """Of `sent` characters, one tap each: how many arrived as taps, and what became of the edges of the others."""

    sent: int
    arrived: int
    rate: float  # characters a second, from the first that arrived to the last
    lost: int
    duplicated: int
    reordered: int
    repeated: int
    unknown: int

    @property
    def is_clean(self) -> bool:
        return self.arrived == self.sent and not (self.lost or self.duplicated or self.reordered or self.unknown)

    def figures(self) -> dict[str, Any]:
        """For a row's `more`: characters that were sent and arrived, and edges that went wrong."""
        names = ("sent", "arrived", "lost", "duplicated", "reordered", "repeated", "unknown")
        return {f"peer_{name}": getattr(self, name) for name in names}


def edges_of(text: str) -> list[Edge]:
    """The taps of a text that needs no modifier."""
    edges = Layout("us").edges(text)
    assert len(edges) == EDGES_A_TAP * len(text), f"{text!r} needs more than a tap a character"
    return edges


def judge(edges: Sequence[Edge], seen: Sequence[Observation | ObserverOverrun]) -> Arrivals:
    """Compare taps with what was seen."""
    matcher = Matcher()
    for edge in edges:
        matcher.inject((EV_KEY, EVDEV_OF_QCODE[edge.qcode], int(edge.down)), 0.0)
    for item in seen:
        if isinstance(item, ObserverOverrun):
            matcher.overrun(item)
        elif item.type == EV_KEY:
            matcher.observe(item)
    matcher.finish()
    counts = matcher.counts()
    injections = matcher.injections
    taps = [injections[at : at + EDGES_A_TAP] for at in range(0, len(injections), EDGES_A_TAP)]
    whole = [tap for tap in taps if all(edge.verdict is Verdict.OK for edge in tap)]
    moments = sorted(tap[0].observation.received for tap in whole if tap[0].observation is not None)
    span = moments[-1] - moments[0] if moments else 0.0
    return Arrivals(
        sent=len(taps),
        arrived=len(whole),
        rate=(len(moments) - 1) / span if span else 0.0,
        lost=counts[Verdict.LOST] + counts[Verdict.STUCK],
        duplicated=counts[Verdict.DUPLICATED],
        reordered=counts[Verdict.REORDERED],
        repeated=counts[Verdict.REPEATED],
        unknown=counts[Verdict.OBSERVER_OVERRUN],
    )


async def settled(stream: ObservationStream) -> list[Observation | ObserverOverrun]:
    """Everything that is seen until nothing more comes. A key that is stuck repeats for ever: that is nothing."""
    seen: list[Observation | ObserverOverrun] = []
    now = time.monotonic()
    end, news = now + LONGEST_SECONDS, now
    while (now := time.monotonic()) < min(end, news + SETTLE_SECONDS):
        batch = await stream.next_batch(min(end, news + SETTLE_SECONDS) - now)
        seen += batch
        if any(isinstance(item, ObserverOverrun) or item.value != AUTOREPEAT for item in batch):
            news = time.monotonic()
    return seen


async def let_go(session: AgentSession, qmp: Qmp) -> None:
    """Let go of what lost releases have left down, and see it go: it is none of what is typed next."""
    async with asyncio.timeout(LONGEST_SECONDS):
        while held := {code for _, code in await session.held_keys(SECONDS)}:
            for qcode in [qcode for qcode, code in EVDEV_OF_QCODE.items() if code in held]:
                await qmp.execute("input-send-event", {"events": [key_event(qcode, False)]}, timeout=SECONDS)
            await session.wait_until_quiet(QUIET_SECONDS, SECONDS)
            if await session.held_keys(SECONDS):  # so many are down that a USB keyboard tells of none
                await TypingEngine(qmp, session, []).release_unseen()
