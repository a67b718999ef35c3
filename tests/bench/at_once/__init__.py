"""Many real guests typed into at once: what is lost, and how long it takes beside one of them alone in the same run.

All are booted, connected, greeted, and have typed before anything is measured. "At once" is meant in two ways; both are printed:

- saturated: every VM types a text as fast as it goes, all at the same time. Guests without KVM are processor time, so with more
  guests than processors an edge waits for its guest's turn, whoever types: the rate stands beside what the processors could do at
  the most, which is one character's CPU time in one VM alone, on all of them. No latency is hoped for there.
- paced: every VM gets a tap each so many milliseconds, evenly spread, so that all are typed into within the same seconds, at half
  of what idle guests, and whatever else runs, leave of the processors. There the p99 shall be within 3 times that of one VM alone,
  which is typed into at the same pace while all the others are up. `due_p99` counts from the moment a tap was due, with what waited
  in this process.
"""

from __future__ import annotations

from .run import measure

__all__ = ["measure"]
