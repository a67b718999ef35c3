"""What happened on a channel, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ATPLibrary.metrics import Histogram

# Kinds of what can't be done that are counted each for itself; formats and modes are numbers of 32 bits, which a peer may make up.
_MOST_UNHANDLED = 64
_MORE = "more of other kinds"


@dataclass
class ChannelStatistics:
    """Counts since the channel was linked. Bytes are those of messages with their headers; `round_trips` is in ms.

    `ack_stalls` counts how often so much was unacknowledged that the server sends nothing more: two windows behind SET_ACK
    (spice-server 0.15). `unknown` are numbers that the specification doesn't have, `unhandled` drawing that this client can't do,
    `images` those that were copied to a surface, by their compression.
    """

    messages_received: int = 0
    bytes_received: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0
    acks_sent: int = 0
    acks_withheld: int = 0
    ack_stalls: int = 0
    pings: int = 0
    faults: int = 0
    by_name: Counter[str] = field(default_factory=Counter)  # received
    sent_by_name: Counter[str] = field(default_factory=Counter)
    unknown: Counter[int] = field(default_factory=Counter)
    unhandled: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    round_trips: Histogram = field(default_factory=Histogram)

    def count_unhandled(self, what: str) -> str:
        """Count it, and tell as what: all that is beyond some tens of kinds is counted as one."""
        kind = what if what in self.unhandled or len(self.unhandled) < _MOST_UNHANDLED else _MORE
        self.unhandled[kind] += 1
        return kind

    def as_dict(self) -> dict[str, int | float | dict[str, int]]:
        """Plain numbers, for a report. The round trip's are 0 where there was none."""
        counts = {
            name: getattr(self, name)
            for name in (
                "messages_received", "bytes_received", "messages_sent", "bytes_sent",
                "acks_sent", "acks_withheld", "ack_stalls", "pings", "faults",
            )
        }  # fmt: skip
        trips = self.round_trips
        return {
            **counts,
            "round_trips": trips.count,
            "round_trip_ms": round(trips.percentile(50), 3) if trips.count else 0.0,
            "received": dict(self.by_name),
            "sent": dict(self.sent_by_name),
            "unknown": {f"message {number}": count for number, count in self.unknown.items()},
            "unhandled": dict(self.unhandled),
            "images": dict(self.images),
        }
