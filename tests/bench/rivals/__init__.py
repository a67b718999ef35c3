"""Other ways to type into a VM, each on the same VM in the same run, and what of their keys arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ATPLibrary.protocol.qmp import Qmp

from ..rows import Row
from ..taps import NOTHING_WRONG, Tally, text_of
from ..world import BenchVm, Progress
from . import nixos, os_autoinst, virsh, vncdo
from .arrivals import Arrivals, edges_of, judge, let_go, settled

TIMES_THE_LOOP = 20
WATCH_SECONDS = 10.0


@dataclass(frozen=True)
class Rival:
    name: str
    words: Callable[[], str]
    type_text: Callable[[BenchVm, str], Awaitable[None]]
    characters: int
    quick: int
    aim: float = 0.0  # ours shall be at least so many times as fast, where the keyboard itself can be


# Long enough that a queue which fills faster than it drains overflows: QEMU's holds 1,024 entries, six a key.
RIVALS = (
    Rival("os-autoinst", os_autoinst.words, os_autoinst.type_text, 300, 30),
    Rival("nixos", lambda: "as NixOS's test driver: sendkey, 10 ms", nixos.type_text, 600, 60),
    Rival("virsh", lambda: "virsh send-key loop", virsh.type_text, 100, 30, TIMES_THE_LOOP),
    Rival("vncdotool", lambda: "vncdotool: vncdo type", vncdo.type_text, 600, 60),
)


Found = Sequence[tuple[Rival, Arrivals]]


async def measure(vm: BenchVm, qmp: Qmp, progress: Progress, *, quick: bool) -> Found:
    """Let each type, one after the other, and see what arrives."""
    found = []
    await asyncio.to_thread(
        os_autoinst.command
    )  # the first time it is fetched, for which the agent's session needn't wait
    for rival in RIVALS:
        characters = rival.quick if quick else rival.characters
        progress(f"{vm.keyboard}: {characters} characters, {rival.words()}")
        arrivals = await watch(vm, qmp, rival, characters)
        progress(
            f"{vm.keyboard}: {rival.name} brought in {arrivals.rate:.1f} characters/s, {arrivals.arrived} of {arrivals.sent}; "
            f"edges lost {arrivals.lost}, duplicated {arrivals.duplicated}, reordered {arrivals.reordered}"
        )
        found.append((rival, arrivals))
    return found


def rows(keyboard: str, ours: Tally, found: Found) -> list[Row]:
    """Row `typing.KEYBOARD`, what we typed beside the fastest of them, and a row `typing.KEYBOARD.RIVAL` for each."""
    fastest, arrivals = max(found, key=lambda each: each[1].rate)
    more = ours.figures() | {
        "edges_per_s": round(ours.edges / ours.seconds, 1),
        "host_cpu": round(ours.cpu / ours.seconds, 3),
        "wrong": ours.wrong,
    }
    whole = Row(
        f"typing.{keyboard}",
        ours.rate,
        "verified characters/s",
        f"the fastest of the others: {fastest.name}",
        arrivals.rate,
        NOTHING_WRONG,
        ours.is_clean,
        more,
        must=True,
    )
    return [whole, *(row(keyboard, rival, ours.rate, seen) for rival, seen in found)]


async def watch(vm: BenchVm, qmp: Qmp, rival: Rival, characters: int) -> Arrivals:
    text = text_of(characters)
    await vm.session.ensure_watching(WATCH_SECONDS)
    with vm.session.observations.subscribe() as stream:
        await rival.type_text(vm, text)
        seen = await settled(stream)
    await let_go(vm.session, qmp)
    return judge(edges_of(text), seen)


def row(keyboard: str, rival: Rival, rate: float, arrivals: Arrivals) -> Row:
    has_aim = rival.aim and keyboard != "usb"  # whose device lets go of an edge every 8 ms, whoever sends it
    return Row(
        f"typing.{keyboard}.{rival.name}",
        rate,
        "verified characters/s",
        rival.words(),
        arrivals.rate,
        f"at least {rival.aim:g} times" if has_aim else "",
        rate >= rival.aim * arrivals.rate if has_aim else None,
        arrivals.figures(),
    )
