"""What became of one input: how much was sent, what arrived, how fast, and the two timelines side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan

from ATPLibrary.errors import VerificationError
from ATPLibrary.metrics import Histogram
from ATPLibrary.verifier.clock import ClockOffset
from ATPLibrary.verifier.diagnosis import advice
from ATPLibrary.verifier.hiding import hides
from ATPLibrary.verifier.injector import Via
from ATPLibrary.verifier.key_names import is_button, key_name
from ATPLibrary.verifier.matcher import Finding, Injection, Matcher, Verdict
from ATPLibrary.verifier.observation import EV_ABS, EV_KEY, EV_REL, Observation, ObserverOverrun
from ATPLibrary.verifier.session_state import STATUS_ADVICE
from ATPLibrary.verifier.timeline import Moments, Part, Timeline, TimelineRow, row_with

# How many bad rows an error names before it says "and N more".
NAMED_IN_ERROR = 3
NOTHING_SENT = "nothing was sent that the guest could have seen"


@dataclass(frozen=True, slots=True)
class InputReport:
    """`lost` counts every edge that never arrived, releases that left a key stuck among them.

    `latency` is injection to guest kernel, in ms, known to within `clock_error_ms`; `to_agent` is from there until the agent
    sent it, on the guest's clock; `to_host` from there to this process, known to within `clock_error_ms`; `verification` is
    injection to the moment the observation reached this process, on one clock. Each is counted anew when it is asked for.
    """

    what: str  # "text 'Hello'", "ctrl+c"
    characters: int
    edges: int
    lost: int
    duplicated: int
    reordered: int
    repeated: int
    stuck: int
    observer_overrun: int
    verified: bool
    unverified_because: str  # why nothing proves it, where the verdicts don't say; "" when verified
    device: str  # the bus of the device that it arrived on: "i8042", "usb", "virtio"; "" when nothing is known
    duration: float  # seconds from the first injection to the last observation
    clock_error_ms: float | None
    timeline: Timeline = field(repr=False)
    verdicts: Mapping[Verdict, int]
    note: str = ""  # what a reader of the sentence must know besides
    overruns: tuple[ObserverOverrun, ...] = ()
    retyped: int = 0  # edges that were lost, and others sent in their place; they don't count as `lost`
    via: Via = "qmp"  # how it was sent
    remarks: tuple[str, ...] = ()  # what the session noticed of its agent meanwhile that makes nothing unknown

    @property
    def bad(self) -> bool:
        """Whether something arrived otherwise than sent, or can't be known to have arrived though it was watched."""
        return bool(self.lost or self.duplicated or self.reordered or self.stuck or self.observer_overrun) or (
            bool(self.repeated) and not self.verified
        )

    def histogram(self, part: Part) -> Histogram:
        """How long that part of the way took, of the edges that arrived as sent."""
        return self.timeline.histogram(part)

    @property
    def latency(self) -> Histogram:
        return self.timeline.histogram(Part.KERNEL)

    @property
    def to_agent(self) -> Histogram:
        return self.timeline.histogram(Part.AGENT)

    @property
    def to_host(self) -> Histogram:
        return self.timeline.histogram(Part.HOST)

    @property
    def verification(self) -> Histogram:
        return self.timeline.histogram(Part.WHOLE)

    def sentence(self) -> str:
        """One line for the log: "14 characters, 36 edges, lost 0, duplicated 0, reordered 0; latency p50 3.1 ms, ..."."""
        counts = [f"{self.characters} characters"] if self.characters else []
        counts.append(f"{self.edges} edges{' by SPICE' if self.via == 'spice' else ''}")
        if not self.verdicts:
            return "; ".join(filter(None, (", ".join(counts), self.note, f"not verified: {self.unverified_because}")))
        counts += [f"lost {self.lost}", f"duplicated {self.duplicated}", f"reordered {self.reordered}"]
        if self.stuck:
            counts.append(f"stuck {self.stuck}")
        if self.repeated:
            counts.append(f"repeated {self.repeated}")
        if self.retyped:
            counts.append(f"retyped {self.retyped}")
        if self.observer_overrun:
            counts.append(f"unknown {self.observer_overrun} (observer overrun)")
        sentence = ", ".join(counts)
        latency, to_agent, verification = self.latency, self.to_agent, self.verification
        if latency.count:
            percentiles = ", ".join(f"p{p} {max(latency.percentile(p), 0):.1f} ms" for p in (50, 95, 99))
            sentence += f"; latency {percentiles}"
            if self.clock_error_ms is not None:
                sentence += f" (clock error ±{self.clock_error_ms:.1f} ms)"
            if to_agent.count:
                parts = (max(each.percentile(99), 0) for each in (to_agent, self.to_host))
                sentence += "; p99 from there to the agent {:.1f} ms and from it to here {:.1f} ms".format(*parts)
        if verification.count:
            sentence += f"; verified within {verification.percentile(99):.1f} ms (p99)"
        if self.unverified_because:
            sentence += f"; not verified: {self.unverified_because}"
        return "; ".join(filter(None, (sentence, self.note, *self.remarks)))

    def raise_if_bad(self, *, must_be_verified: bool = False) -> None:
        """Raise `VerificationError` when the guest saw something else than was sent, or might have.

        With `must_be_verified` also when nobody watched, or not to the end.
        """
        if not self.bad and (self.verified or not must_be_verified):
            return
        if not self.verdicts:
            raise VerificationError.about(
                f"Input {self.what}",
                wanted="be proved to arrive in the guest",
                got=f"was not watched: {self.unverified_because}",
                next_step="Connect to the guest's agent first",
            )
        if not self.bad:
            raise VerificationError.about(
                f"Input {self.what}",
                wanted="be proved to arrive in the guest in order and once",
                got=f"was not: {self.unverified_because or 'it was not carried out to its end'}",
                last_seen=self.sentence(),
                next_step=STATUS_ADVICE,
            )
        bad_rows = [row for row in self.timeline if row.verdict not in (Verdict.OK, Verdict.REPEATED)]
        bad_rows = bad_rows or [row for row in self.timeline if row.verdict is not Verdict.OK]
        named = "; ".join(f"{row.named()}: {row.verdict}" for row in bad_rows[:NAMED_IN_ERROR])
        if len(bad_rows) > NAMED_IN_ERROR:
            named += f"; and {len(bad_rows) - NAMED_IN_ERROR} more"
        seen = [row.what for row in self.timeline if row.observed is not None][-5:]
        raise VerificationError.about(
            f"Input {self.what}",
            wanted="arrive in the guest in order and once",
            got=f"did not: {self.sentence()}: {named}",
            last_seen=", ".join(seen) if seen else "nothing arrived",
            next_step=advice(self.verdicts, self.overruns if self.observer_overrun else ()),
        )


def build_report(
    what: str,
    matcher: Matcher,
    *,
    characters: int = 0,
    clock: ClockOffset | None,
    via: Via = "qmp",
    device: str = "",
    repeats_allowed: bool = False,
    unverified_because: str = "",
    unheard_because: str = "",
    complete: bool = True,
    note: str = "",
    remarks: tuple[str, ...] = (),
) -> InputReport:
    """Everything that `matcher` knows, as a report.

    `unverified_because` says that nobody watched, and why; `unheard_because` that the watch ended before the input did;
    `complete` is false for an input that failed half-way.
    """
    # One shift from this process's monotonic clock to the epoch, so that rows stand beside the bus's events.
    to_epoch = time.time() - time.monotonic()
    timeline = Timeline()
    for injection in matcher.injections:
        timeline.add(injection.what, _moments_of(injection, clock, to_epoch), injection.verdict, injection.position)
    hidden = hides(what)
    for extra in matcher.extras:
        timeline.add(*_extra(extra, clock, to_epoch, hidden=hidden))
    timeline.sort()
    counts: Counter[Verdict] = Counter() if unverified_because else matcher.counts()
    arrivals = [i.observation.received for i in matcher.injections if i.observation is not None]
    started = matcher.injections[0].injected if matcher.injections else 0.0
    retyped = Counter(i.verdict for i in matcher.injections if i.is_sent_again)
    arrived = counts[Verdict.OK] + retyped.total()
    all_ok = arrived == len(matcher.injections) and not counts[Verdict.DUPLICATED]
    # Without one observation there is no proof, however little was asked for.
    because = unverified_because or unheard_because or ("" if matcher.injections else NOTHING_SENT)
    return InputReport(
        what=what,
        characters=characters,
        edges=len(matcher.injections),
        lost=counts[Verdict.LOST] + counts[Verdict.STUCK] - retyped.total(),
        duplicated=counts[Verdict.DUPLICATED],
        reordered=counts[Verdict.REORDERED],
        repeated=counts[Verdict.REPEATED],
        stuck=counts[Verdict.STUCK] - retyped[Verdict.STUCK],
        observer_overrun=counts[Verdict.OBSERVER_OVERRUN],
        verified=complete
        and not because
        and bool(arrivals)
        and all_ok
        and (repeats_allowed or not counts[Verdict.REPEATED]),
        unverified_because=because,
        via=via,
        device=device,
        duration=max(arrivals) - started if arrivals else 0.0,
        clock_error_ms=None if clock is None else clock.error_us / 1000,
        timeline=timeline,
        verdicts=dict(counts),
        overruns=tuple(matcher.overruns),
        note=note,
        retyped=retyped.total(),
        remarks=remarks,
    )


def row_of(injection: Injection, clock: ClockOffset | None, to_epoch: float) -> TimelineRow:
    """An injection as a row says it. `to_epoch` is from `time.monotonic()` to `time.time()`."""
    moments = _moments_of(injection, clock, to_epoch)
    return row_with(injection.index, injection.what, moments, injection.verdict, injection.position)


def extra_row(finding: Finding, clock: ClockOffset | None, to_epoch: float, index: int, *, hidden: bool) -> TimelineRow:
    """What was observed and never sent."""
    return row_with(index, *_extra(finding, clock, to_epoch, hidden=hidden))


def _extra(
    finding: Finding, clock: ClockOffset | None, to_epoch: float, *, hidden: bool
) -> tuple[str, Moments, Verdict]:
    assert finding.observation is not None
    moments = (nan, *_seen_at(finding.observation, clock, to_epoch))
    return describe(finding.observation, hidden=hidden), moments, finding.verdict


def _moments_of(injection: Injection, clock: ClockOffset | None, to_epoch: float) -> Moments:
    sent, seen = injection.injected + to_epoch, injection.observation
    return (sent, nan, nan, nan) if seen is None else (sent, *_seen_at(seen, clock, to_epoch))


def _seen_at(seen: Observation, clock: ClockOffset | None, to_epoch: float) -> tuple[float, float, float]:
    """When the kernel had it, when the agent sent it, and when we read it; NaN for what isn't known."""
    host = seen.received + to_epoch
    if clock is None or seen.received < clock.since:
        return nan, nan, host
    # A batch that was sent before its own events happened was stamped by an agent that doesn't know the time.
    agent = clock.host_time(seen.sent_us) + to_epoch if seen.sent_us >= seen.time_us else nan
    return clock.host_time(seen.time_us) + to_epoch, agent, host


_VALUES = {0: "up", 1: "down", 2: "repeat"}
_KINDS = {EV_REL: "relative", EV_ABS: "absolute"}


def describe(observation: Observation, *, hidden: bool = False) -> str:
    """An observation as a row says it: "key down a", "left button down"; of one that is `hidden` no code."""
    if observation.type == EV_KEY:
        if hidden:
            return f"a key {_VALUES.get(observation.value, observation.value)}"
        value, name = _VALUES.get(observation.value, observation.value), key_name(observation.code)
        return f"{name} {value}" if is_button(observation.code) else f"key {value} {name}"
    return f"{_KINDS.get(observation.type, observation.type)} axis {observation.code} {observation.value}"
