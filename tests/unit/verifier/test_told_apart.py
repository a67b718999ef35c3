"""The small judges behind docs/input-faults.md: clocks, floods, remarks, succession, and what silence means."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import AgentError, ChannelError
from ATPLibrary.verifier import flood, remarks
from ATPLibrary.verifier.diagnosis import advice, reasons
from ATPLibrary.verifier.flood import FloodGuard
from ATPLibrary.verifier.guest_clock import WallClock, leap
from ATPLibrary.verifier.hello import AgentHello
from ATPLibrary.verifier.matcher import Verdict
from ATPLibrary.verifier.observation import Missed, ObserverOverrun
from ATPLibrary.verifier.remarks import Remarks
from ATPLibrary.verifier.session_state import ReplacedError
from ATPLibrary.verifier.silence import FROZEN, PORT_CLOSED, SILENT, STILL_SENDS, why_silent
from ATPLibrary.verifier.succession import Succession

pytestmark = pytest.mark.unit


def greeting(**more: Any) -> AgentHello:
    fields: dict[str, Any] = {
        "version": "1", "vm_id": "vm", "vm_id_source": "option", "boot_id": "b", "capabilities": frozenset({"observe"}),
        "devices": {}, "next_seq": 5_000, "monotonic_us": 6_000_000, "realtime_us": 0,
    }  # fmt: skip
    return AgentHello(**{**fields, **more})


@pytest.mark.parametrize(("step", "words"), [(3.0, "forwards by 3.0 s"), (-7200.0, "backwards by 7200.0 s"), (0.4, "")])
def test_a_clock_that_is_set_is_told_from_one_that_is_corrected_in_small_steps(step: float, words: str) -> None:
    clock = WallClock()
    assert clock.measured(10**15, 10**6) == ""
    assert clock.measured(round(10**15 + (60 + step) * 1e6), 10**6 + 60 * 10**6).partition(";")[0] == (
        f"the guest's clock was set {words}" if words else ""
    )
    assert clock.measured(0, 10**9) == "", "an agent that doesn't say"


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5.0, "stood still for 5.0 s"), (2.0, "leapt forwards by 2.0 s"), (0.01, "")]
)
def test_time_that_stood_still_is_told_from_time_that_leapt(seconds: float, words: str) -> None:
    assert words in leap(seconds)
    assert bool(words) == bool(leap(seconds))


@pytest.mark.parametrize(
    ("what", "most"),
    [("events", flood.EVENTS_A_SECOND), ("others", flood.OTHERS_A_SECOND), ("size", flood.BYTES_A_SECOND)],
)
def test_as_much_as_an_agent_may_say_in_a_second_and_not_one_more(what: str, most: int) -> None:
    guard = FloodGuard("win11")
    for second in (1.0, 2.0, 3.0):
        guard.count(second, **{what: most})
    with pytest.raises(AgentError, match=r"'win11' .* floods: more than .* within a second"):
        guard.count(3.5, **{what: 1})


def test_remarks_are_counted_told_a_few_times_and_kept_few() -> None:
    told: list[str] = []
    noted = Remarks(lambda kind, data: told.append(kind))
    for number in range(1000):
        noted.add("clock_set", f"it was set {number % 2}")
    assert told == ["agent.clock_set"] * remarks.TOLD
    assert noted.counts == {"clock_set": 1000}
    assert noted.since(0.0) == ("it was set 0 (50 times)", "it was set 1 (50 times)")
    assert noted.since(1e18) == ()


@pytest.mark.parametrize(
    ("after", "ended", "missed"),
    [
        ({"next_seq": 7_000}, ChannelError("it ended. So it is."), Missed.STARTED_AGAIN),
        ({"next_seq": 5_100}, ChannelError("it ended. So it is."), Missed.AWAY),
        ({"version": "2"}, ChannelError("it ended"), Missed.REPLACED),
        ({}, ReplacedError("another came"), Missed.REPLACED),
        ({"capabilities": frozenset({"observe", "hotplug"})}, ChannelError("it ended"), Missed.AWAY),
    ],
)
def test_why_an_agent_greets_anew(after: dict[str, Any], ended: ChannelError, missed: Missed) -> None:
    succession = Succession()
    succession.ended(ended)
    words, why = succession.greeted(greeting(), greeting(**after))
    assert why is missed
    assert missed is not Missed.AWAY or words == "it ended"
    assert succession.greeted(greeting(), greeting()) == ("", Missed.AWAY), "it is told once"


@pytest.mark.parametrize(
    ("heard", "port", "words"),
    [(True, True, STILL_SENDS), (False, True, FROZEN), (False, False, PORT_CLOSED), (False, None, SILENT)],
)
async def test_what_silence_means(heard: bool, port: bool | None, words: str) -> None:
    async def port_state(timeout: float) -> bool | None:
        return port

    assert await why_silent(heard_since=heard, port_state=port_state) == words


async def test_a_host_that_cannot_be_asked_leaves_silence_unexplained() -> None:
    async def port_state(timeout: float) -> bool | None:
        raise ChannelError("libvirt is gone")

    assert await why_silent(heard_since=False, port_state=port_state) == SILENT


def test_a_batch_that_came_late_is_not_called_missing_and_each_reason_has_its_own_advice() -> None:
    gap = ObserverOverrun("batch 5 is missing", None, frozenset(), 0.0, Missed.GAP)
    late = ObserverOverrun("batch 5 came after batch 6", None, frozenset(), 0.0, Missed.LATE)
    assert reasons([gap]) == ("batch 5 is missing",)
    assert reasons([gap, late]) == ("batch 5 came after batch 6",)
    said = {advice([Verdict.OBSERVER_OVERRUN], [gap._replace(missed=each)]) for each in Missed}
    said |= {advice([each], []) for each in Verdict if each not in (Verdict.OK, Verdict.OBSERVER_OVERRUN)}
    assert len(said) == len(Missed) + len(Verdict) - 2
