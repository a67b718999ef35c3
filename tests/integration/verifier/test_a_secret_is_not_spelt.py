"""Whatever goes wrong while a secret is typed: no sentence, file, picture or event names a character or a key of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ATPLibrary import events
from ATPLibrary.errors import ATPError, InputError, VerificationError
from ATPLibrary.keywords.evidence.html import input_timeline
from ATPLibrary.keywords.evidence.inputs import as_csv, as_json
from ATPLibrary.keywords.evidence.journal import Journal
from ATPLibrary.verifier import AgentSession, Layout, TypingEngine
from ATPLibrary.verifier.typed import text_of
from ATPLibrary.verifier.unicode_entry import UnicodeEntry
from ATPLibrary.verifier.watching import InputWatch

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

# Letters that no sentence of ours has as words of their own; nobody has made it known as a secret before it is typed.
SECRET = "zqjWzkqj"
# Its keys by QEMU's names, and any by the kernel's code.
SPELLS = re.compile(r"(?i)\b[zqjwk]\b|\bkey code \d+|zq|qj|jw|wz|zk|kq")


def drop(guest: FaultyGuest) -> None:
    guest.dropped = {4, 5}


def lose_a_release(guest: FaultyGuest) -> None:
    guest.dropped = {5}


def double(guest: FaultyGuest) -> None:
    guest.doubled = {2, 9}


def swap(guest: FaultyGuest) -> None:
    guest.swapped = {2}


def repeat(guest: FaultyGuest) -> None:
    guest.repeats_at = 4


def overrun(guest: FaultyGuest) -> None:
    guest.overrun_at = 3


def freeze(guest: FaultyGuest) -> None:
    guest.frozen_at = 5


def die(guest: FaultyGuest) -> None:
    guest.die_at = 5


def nothing(guest: FaultyGuest) -> None:
    pass


def told_since(began: float, guest: FaultyGuest) -> list[str]:
    """The VM's events, with all that is in them."""
    kept = (*events.bus().recent(limit=100), *guest.events.recent(limit=100))
    return [f"{event.kind} {event.data} {event.notice}" for event in kept if event.time >= began]


FAULTS = (drop, lose_a_release, double, swap, repeat, overrun, freeze, die, nothing)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_no_word_of_a_fault_spells_it(
    guest: FaultyGuest,
    session: AgentSession,
    engine: TypingEngine,
    tmp_path: Path,
    fault: Callable[[FaultyGuest], None],
) -> None:
    said: list[str] = []
    journal = Journal(tmp_path / "journal")
    entry = journal.begin("vm")
    engine.tell = entry.tell
    fault(guest)
    watch = InputWatch(session)
    began = time.time()
    try:
        await engine.type_text(SECRET, 20, retries=1, secret=True)
    except ATPError as error:
        said.append(str(error))
    report = engine.last_report
    assert report is not None
    entry.end(report)
    for must in (False, True):
        try:
            report.raise_if_bad(must_be_verified=must)
        except ATPError as error:
            said.append(str(error))
    said += told_since(began, guest)
    said += [report.sentence(), repr(report), *watch.lines(), text_of(watch.edges, Layout(), masked=True)]
    said += [row.what for row in report.timeline]
    said += [as_csv([report]).decode(), as_json("vm", [report]).decode(), input_timeline(report)]
    said += (tmp_path / "journal").read_text().splitlines()
    journal.close()
    watch.close()
    if fault is drop:
        assert any("a key down at position 3: lost" in each for each in said), said
    assert [each for each in said if SPELLS.search(each)] == []


@pytest.mark.usefixtures("impatient")
async def test_what_is_no_secret_is_spelt(guest: FaultyGuest, engine: TypingEngine) -> None:
    """What is looked for above is found where it may be."""
    drop(guest)
    report = await engine.type_text(SECRET)
    with pytest.raises(VerificationError, match=SPELLS):
        report.raise_if_bad()
    assert SPELLS.search(as_csv([report]).decode())
    assert SPELLS.search(input_timeline(report))


async def test_the_text_is_still_proved_where_it_was_typed(
    guest: FaultyGuest, session: AgentSession, engine: TypingEngine
) -> None:
    watch = InputWatch(session)
    (await engine.type_text(SECRET, secret=True)).raise_if_bad(must_be_verified=True)
    await engine.type_text("open")
    await watch.settle(5)
    assert text_of(watch.edges, Layout()) == f"{SECRET}open"
    assert text_of(watch.edges, Layout(), masked=True) == "********open"
    assert watch.lines()[:2] == ["a key down", "a key up"]
    assert "o down" in watch.lines()
    watch.close()


async def test_a_character_that_the_layout_lacks_is_told_by_its_position_alone(engine: TypingEngine) -> None:
    with pytest.raises(
        InputError, match="The character at position 4 of the text should be on the 'us' keyboard"
    ) as caught:
        await engine.type_text("zqj你w", secret=True)
    assert "你" not in str(caught.value)
    assert "4F60" not in str(caught.value)
    assert SPELLS.search(str(caught.value)) is None


async def test_what_is_written_by_number_is_counted_and_not_shown(guest: FaultyGuest, session: AgentSession) -> None:
    layout = Layout("us", unicode_entry=UnicodeEntry("ctrl+shift+u"))
    report = await TypingEngine(guest.qmp, session, ["ps2"], layout=layout).type_text("zq你", secret=True)
    assert "2 different characters" not in report.sentence()
    assert "1 different characters" in report.sentence()
    assert "你" not in report.sentence()


async def test_a_vm_that_is_paused_meanwhile_does_not_have_it_spelt(
    guest: FaultyGuest, engine: TypingEngine, impatient: None
) -> None:
    guest.frozen_at = 4
    began = time.time()
    typing = asyncio.create_task(engine.type_text(SECRET, secret=True))
    async with asyncio.timeout(10):
        while len(guest.received) < 5:  # noqa: ASYNC110 - the guest has no event for it
            await asyncio.sleep(0.001)
    guest.status = "paused"
    events.bus().publish(events.Event("vm:faulty", "qmp.STOP"))
    with pytest.raises(ATPError) as caught:
        await typing
    said = [str(caught.value), *told_since(began, guest)]
    assert any("keys_left_down" in each for each in said)
    assert [each for each in said if SPELLS.search(each)] == []
