"""Typing into a guest that goes wrong: every fault is told apart, nothing hangs, and no key stays down."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from ATPLibrary import events, secrets
from ATPLibrary.errors import AgentError, DeadlineError, InputError, VerificationError, VmStateError
from ATPLibrary.verifier import AgentSession, Part, TypingEngine, Verdict

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

TEXT = "hello from atp"
BUSES = {"ps2": "i8042", "usb": "usb", "virtio": "virtio"}


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the fake guest is in that state: it has no event of its own for it."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def events_arrive() -> None:
    """Let the loop hand on what was published."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("keyboards", [["ps2"], ["usb"], ["virtio"], ["ps2", "usb"], ["ps2", "virtio"], []])
@pytest.mark.parametrize("kind", ["direct", "libvirt"])
async def test_a_long_text_never_overflows_the_device_and_arrives_whole(
    tmp_path: Path, keyboards: list[str], kind: str
) -> None:
    bus = BUSES[keyboards[-1]] if keyboards else "i8042"
    async with FaultyGuest(tmp_path, bus=bus, queue_length=32 if bus == "virtio" else 16) as guest:
        guest.qmp.kind = kind  # type: ignore[assignment]
        session = guest.session()
        await session.start(5)
        report = await TypingEngine(guest.qmp, session, keyboards).type_text("The quick brown FOX! " * 10)
        await session.close()
    assert guest.overflows == 0
    assert report.verified
    assert (report.characters, report.lost, report.duplicated, report.reordered) == (210, 0, 0, 0)
    assert report.verdicts == {Verdict.OK: report.edges}
    assert report.latency.count == report.edges
    assert report.device == bus
    assert not guest.held
    report.raise_if_bad(must_be_verified=True)


async def test_a_lost_key_is_found_named_and_the_rest_still_arrives(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.dropped = {8, 9}  # the 'o' of hello, down and up
    report = await engine.type_text(TEXT)
    assert (report.lost, report.duplicated, report.reordered, report.stuck) == (2, 0, 0, 0)
    assert [row.what for row in report.timeline if row.verdict is Verdict.LOST] == ["key down o", "key up o"]
    assert not report.verified
    with pytest.raises(VerificationError, match=r"lost 2.*key down o at position 5: lost"):
        report.raise_if_bad()


async def test_a_lost_release_is_a_stuck_key_and_the_key_is_let_go(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.dropped = {9}
    report = await engine.type_text(TEXT.replace("o", "x", 1).replace("o", "0"))
    assert (report.lost, report.stuck) == (1, 1)
    assert not guest.held
    assert not engine.keys_down


async def test_the_last_edge_of_all_lost_is_still_a_loss(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.dropped = {3}
    report = await engine.type_text("ab")
    assert [row.verdict for row in report.timeline] == [Verdict.OK, Verdict.OK, Verdict.OK, Verdict.STUCK]
    assert not guest.held


async def test_a_doubled_edge_is_counted_even_at_the_very_end(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.doubled = {4, 2 * len(TEXT) - 1}
    report = await engine.type_text(TEXT)
    assert (report.lost, report.duplicated, report.reordered) == (0, 2, 0)
    assert not report.verified


async def test_what_the_observer_missed_is_unknown_and_not_lost(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.overrun_at = 6
    report = await engine.type_text(TEXT)
    assert (report.lost, report.observer_overrun) == (0, 3)
    assert not report.verified
    with pytest.raises(
        VerificationError, match=r"missed something \(the guest's kernel dropped events of .*can't keep up"
    ):
        report.raise_if_bad()


async def test_a_batch_that_never_came_is_unknown_and_not_lost(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.gap_at = 6
    report = await engine.type_text(TEXT)
    assert (report.lost, report.observer_overrun) == (0, 1)


async def test_a_guest_that_sees_nothing_is_one_sentence_with_all_that_is_known(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.frozen_at = 0
    with pytest.raises(VerificationError) as caught:
        await engine.type_text("Hello")
    sentence = str(caught.value)
    for part in (
        "'Hello'",
        "character 'H' at position 1",
        "'faulty'",
        "0 observed",
        "VM is running",
        "session ready",
        "driver",
    ):
        assert part in sentence
    assert engine.last_report is not None
    assert not engine.last_report.verified


async def test_an_agent_that_dies_while_typing_is_told_from_a_lost_key(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.die_at = 6
    with pytest.raises(VerificationError) as caught:
        await engine.type_text(TEXT)
    sentence = str(caught.value)
    assert "agent stopped answering" in sentence
    assert "'l' at position 4" in sentence
    assert "atp-agent status" in sentence
    assert not guest.held


async def test_an_agent_that_dies_when_all_was_seen_leaves_it_unproved_that_nothing_came_twice(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.dies_when_all_is_seen = 2 * len(TEXT)
    report = await engine.type_text(TEXT)
    assert report.verdicts == {Verdict.OK: 2 * len(TEXT)}
    assert not report.verified
    assert "not verified: the agent was lost before it could say that nothing came twice" in report.sentence()
    with pytest.raises(VerificationError, match=r"order and once .*answer a 'ping'.*atp-agent status"):
        report.raise_if_bad(must_be_verified=True)


async def test_an_agent_that_is_gone_fails_the_input_before_anything_is_sent(
    guest: FaultyGuest, engine: TypingEngine, nothing_is_fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ATPLibrary.verifier import proved_typing

    monkeypatch.setattr(proved_typing, "AGENT_TIMEOUT", 0.5)
    guest.answers_pings = guest.greets = False
    with pytest.raises(AgentError, match=r"atp-agent status"):
        await engine.type_text(TEXT)
    assert not guest.received


async def test_a_paused_vm_refuses_input_says_why_and_gets_nothing(guest: FaultyGuest, engine: TypingEngine) -> None:
    guest.status = "paused"
    with pytest.raises(
        VmStateError, match=r"'faulty' should be running .* is paused, and nothing was sent\. Resume it"
    ):
        await engine.type_text(TEXT)
    assert not guest.received


async def test_a_vm_that_pauses_while_typing_ends_it_at_once(guest: FaultyGuest, engine: TypingEngine) -> None:
    typing = asyncio.create_task(engine.type_text(TEXT * 100))
    await until(lambda: len(guest.received) >= 40)
    guest.status = "paused"
    with pytest.raises(VmStateError, match=r"was paused meanwhile .* at position"):
        await asyncio.wait_for(typing, 20)


async def test_a_vm_that_pauses_with_all_sent_and_not_all_seen_ends_it_at_once(
    guest: FaultyGuest, engine: TypingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ATPLibrary.verifier import closed_loop

    monkeypatch.setattr(closed_loop, "STALL_SECONDS", 60.0)  # what would end it otherwise
    guest.frozen_at = 6
    typing = asyncio.create_task(engine.type_text("abcde"))
    await until(lambda: len(guest.received) == 10)
    guest.status = "paused"
    events.bus().publish(events.Event("vm:faulty", "qmp.STOP"))
    with pytest.raises(
        VmStateError,
        match=r"\(QEMU says paused\): of 10 edges 10 were sent and \d seen by the guest",
    ):
        await asyncio.wait_for(typing, 20)


async def test_a_pause_that_is_over_before_it_is_noticed_ends_nothing(guest: FaultyGuest, engine: TypingEngine) -> None:
    typing = asyncio.create_task(engine.type_text(TEXT * 10))
    await until(lambda: len(guest.received) >= 40)
    for kind in ("qmp.STOP", "qmp.RESUME"):
        events.bus().publish(events.Event("vm:faulty", kind))
    assert (await typing).verified


async def test_a_guest_that_is_reset_ends_the_input_at_once_and_says_so(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    guest.frozen_at = 40
    typing = asyncio.create_task(engine.type_text(TEXT * 10))
    await until(lambda: len(guest.received) >= 40)
    events.bus().publish(events.Event("vm:faulty", "qmp.RESET"))
    with pytest.raises(VerificationError, match=r"the guest was restarted meanwhile; of 280 edges \d+ were sent"):
        await asyncio.wait_for(typing, 20)


async def test_a_guest_that_is_put_back_to_a_snapshot_while_typing_is_found_out_and_typed_into_again(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    typing = asyncio.create_task(engine.type_text(TEXT * 100))
    await until(lambda: len(guest.received) >= 40)
    guest.put_back()
    guest.events.publish(events.Event("vm:faulty", "qmp.RESUME"))
    with pytest.raises(VerificationError, match=r"put back to an earlier moment \(a snapshot\) meanwhile"):
        await asyncio.wait_for(typing, 20)
    (await engine.type_text(TEXT)).raise_if_bad(must_be_verified=True)
    assert not await session.held_keys(5)


async def test_what_the_guest_of_a_snapshot_holds_is_let_go_before_the_next_input(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    await engine.type_text(TEXT)
    guest.put_back()
    guest.held = {30}
    guest.events.publish(events.Event("vm:faulty", "qmp.RESUME"))
    await events_arrive()
    (await engine.type_text("b")).raise_if_bad(must_be_verified=True)
    assert not guest.held


async def test_a_key_that_was_held_in_a_guest_that_began_anew_may_be_pressed_again(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    await engine.key_down("shift")
    guest.put_back()
    guest.held = set()
    guest.events.publish(events.Event("vm:faulty", "qmp.RESUME"))
    await events_arrive()
    await engine.type_text("b")
    assert engine.keys_down == []
    (await engine.key_down("shift")).raise_if_bad(must_be_verified=True)
    await engine.release_all()


async def test_keys_that_are_down_when_the_vm_pauses_are_let_go_when_it_runs_again(
    guest: FaultyGuest, session: AgentSession
) -> None:
    engine = TypingEngine(guest.qmp, session, ["ps2"])
    holding = asyncio.create_task(engine.hold("a", 30))
    await until(lambda: bool(guest.held))
    guest.status = "paused"
    holding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await holding
    assert engine.keys_down == ["a"]
    guest.status = "running"
    events.bus().publish(events.Event("vm:faulty", "qmp.RESUME"))
    await until(lambda: not guest.held and not engine.keys_down)


async def test_a_cancelled_input_leaves_no_key_down(guest: FaultyGuest, engine: TypingEngine) -> None:
    typing = asyncio.create_task(engine.type_text("HELLO FROM ATP " * 100))
    await until(lambda: len(guest.received) >= 50)
    typing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await typing
    assert not guest.held
    assert not engine.keys_down
    assert (await engine.type_text("ok")).verified


async def test_a_cancelled_hold_lets_the_key_go(guest: FaultyGuest, engine: TypingEngine) -> None:
    holding = asyncio.create_task(engine.hold("ctrl+a", 30))
    await until(lambda: len(guest.held) == 2)
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert not guest.held


async def test_an_input_that_takes_too_long_says_how_far_it_got_and_leaves_no_key_down(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    with pytest.raises(DeadlineError, match=r"within 0\.5 s .* edges \d+ were sent and \d+ seen") as caught:
        await engine.type_text(TEXT * 200, timeout=0.5)
    assert "'hello from atp" in str(caught.value)
    assert not guest.held


async def test_a_character_that_the_layout_lacks_is_refused_before_anything_is_sent(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    with pytest.raises(InputError, match="你"):
        await engine.type_text("abc你")
    assert not guest.received


async def test_an_agent_restarted_between_two_texts_costs_nothing(
    guest: FaultyGuest, engine: TypingEngine, nothing_is_fresh: None
) -> None:
    assert (await engine.type_text(TEXT)).verified
    guest.restart_agent()
    assert (await engine.type_text(TEXT)).verified


async def test_a_combination_goes_down_in_order_and_up_in_reverse(guest: FaultyGuest, engine: TypingEngine) -> None:
    report = await engine.press("ctrl+alt+delete")
    assert guest.received == [(29, 1), (56, 1), (111, 1), (111, 0), (56, 0), (29, 0)]
    assert report.verified
    assert report.edges == 6


async def test_a_key_stays_down_from_key_down_to_key_up(guest: FaultyGuest, engine: TypingEngine) -> None:
    await engine.key_down("shift")
    assert guest.held == {42}
    assert engine.keys_down == ["shift"]
    assert (await engine.type_text("a")).verified
    assert guest.held == {42}
    assert (await engine.key_up("shift")).verified
    assert not guest.held


async def test_a_key_down_that_is_not_seen_is_let_go(guest: FaultyGuest, engine: TypingEngine, impatient: None) -> None:
    guest.dies_when_all_is_seen = 1
    report = await engine.key_down("shift")  # it went down, but nobody can say that it did so once
    assert not report.verified
    await until(lambda: not guest.held)


async def test_a_key_down_that_fails_leaves_no_key_down(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.die_at = 0
    with pytest.raises(VerificationError, match="agent stopped answering"):
        await engine.key_down("shift")
    await until(lambda: guest.received == [(42, 1), (42, 0)] and not guest.held)


async def test_a_key_down_that_takes_too_long_leaves_no_key_down(guest: FaultyGuest, engine: TypingEngine) -> None:
    guest.edge_seconds = 0.15
    with pytest.raises(DeadlineError):
        await engine.key_down("shift", timeout=0.1)
    assert not engine.keys_down
    assert not guest.held
    guest.edge_seconds = 0.0005
    assert (await engine.key_down("shift")).verified
    assert guest.held == {42}


async def test_pressing_a_key_that_is_down_is_refused_and_it_stays_down(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    await engine.key_down("shift")
    with pytest.raises(InputError, match=r"ctrl\+shift.*shift is down already.*Key Up"):
        await engine.key_down("ctrl+shift")
    assert guest.held == {42}
    assert engine.keys_down == ["shift"]


async def test_letting_go_of_a_key_that_is_not_down_is_refused(engine: TypingEngine) -> None:
    with pytest.raises(InputError, match="shift is not down"):
        await engine.key_up("shift")


async def test_release_all_lets_go_of_everything(guest: FaultyGuest, engine: TypingEngine) -> None:
    await engine.key_down("ctrl+shift")
    await engine.release_all()
    assert not guest.held
    assert not engine.keys_down


async def test_without_an_agent_text_is_paced_sent_and_never_called_verified(guest: FaultyGuest) -> None:
    report = await TypingEngine(guest.qmp, None, ["ps2"]).type_text("Hi")
    assert guest.received == [(42, 1), (35, 1), (35, 0), (42, 0), (23, 1), (23, 0)]
    assert set(guest.commands) == {1}
    assert not report.verified
    assert "not verified" in report.sentence()
    assert all(row.verdict is None for row in report.timeline)
    report.raise_if_bad()
    with pytest.raises(VerificationError, match="was not watched"):
        report.raise_if_bad(must_be_verified=True)


async def test_the_report_splits_each_edges_way_at_the_kernel_and_at_the_agent(
    guest: FaultyGuest, engine: TypingEngine
) -> None:
    guest.dropped = {4}
    report = await engine.type_text(TEXT)
    assert report.lost > 0
    assert [report.histogram(part).count for part in Part] == [2 * len(TEXT) - report.lost] * 4
    for row in report.timeline:
        moments = [row.injected, row.kernel, row.agent, row.host]
        if row.verdict is Verdict.LOST:
            assert moments[1:] == [None] * 3
            continue
        # The guest's clock is known to within the error that the report states.
        slack = (report.clock_error_ms or 0.0) / 1000
        times = [moment for moment in moments if moment is not None]
        assert len(times) == 4
        assert all(earlier <= later + slack for earlier, later in itertools.pairwise(times))
        parts = [row.part_ms(part) or 0.0 for part in (Part.KERNEL, Part.AGENT, Part.HOST)]
        assert sum(parts) == pytest.approx(row.part_ms(Part.WHOLE), abs=0.01)


async def test_a_secret_is_hidden_in_what_a_report_is_about_also_where_the_text_is_cut(engine: TypingEngine) -> None:
    secret = secrets.Secret("open-sesame")
    report = await engine.type_text("The door opens to those who say now " + secret.reveal())
    assert "open-s" not in report.what
    assert secrets.MASK in report.what
