"""Keys by SPICE beside keys by QMP, into one VM under the eyes of its agent: single taps and texts, in turns.

The latency is that of the key going down: from this process until the guest's kernel has it (right to within the clock's error),
and until this process has heard of it, which is measured on one clock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ATPLibrary import events
from ATPLibrary.metrics import Histogram
from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.protocol.spice.inputs import SpiceInputs
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.transport.spice_connection import SpiceConnectionManager
from ATPLibrary.verifier import InputReport, Part, TypingEngine
from ATPLibrary.verifier.spice_injector import SpiceInjector

from .rows import Row
from .taps import NOTHING_WRONG, PIECE, WORDS, Tally, type_piece
from .world import BenchVm, Progress

AIM = 1.5
PERCENTILES = (50, 95, 99)
SECONDS = 30.0
UNITS = {Part.KERNEL: "ms, key down to the guest's kernel", Part.WHOLE: "ms, key down to verified"}


@dataclass
class Way:
    """What was measured of one of the two."""

    engine: TypingEngine
    parts: Mapping[Part, Histogram] = field(default_factory=lambda: {part: Histogram() for part in UNITS})
    tally: Tally = field(default_factory=Tally)
    error_ms: float = 0.0

    async def tap(self) -> None:
        report = await self.engine.press("a")
        report.raise_if_bad(must_be_verified=True)
        self._note(report)

    def _note(self, report: InputReport) -> None:
        down = report.timeline[0]
        for part, histogram in self.parts.items():
            taken = down.part_ms(part)
            assert taken is not None, "a verified edge has its moments"
            histogram.record(max(taken, 0.0))
        self.error_ms = max(self.error_ms, report.clock_error_ms or 0.0)


async def measure(vm: BenchVm, taps: int, presses: int, progress: Progress) -> list[Row]:
    """Rows `spice-inputs.kernel.pN`, `spice-inputs.whole.pN` and `spice-inputs.typing`; QMP's are the peer's."""
    progress(f"SPICE beside QMP: {presses} single taps and {taps:,} characters each")
    load = os.getloadavg()[0]
    manager = SpiceConnectionManager(events.bus(), link=SpiceLink())
    qmp = await open_qmp(vm.domain, "direct")
    try:
        connection = await manager.connection(vm.domain, SECONDS)
        await connection.connect_main_channel(SECONDS)
        inputs = SpiceInputs(connection)
        await inputs.open(SECONDS)
        keyboards = (await vm.domain.description(SECONDS)).keyboards
        name = vm.domain.name
        way = SpiceInjector(qmp, lambda: inputs, name)
        by_qmp = Way(TypingEngine(qmp, vm.session, keyboards, vm_name=name))
        by_spice = Way(TypingEngine(qmp, vm.session, keyboards, way=way, vm_name=name))
        for each in (by_qmp, by_spice):
            await each.engine.type_text(WORDS * 2)  # not measured: it pages in what the guest needs
        for number in range(presses):
            for each in _in_turns(number, by_qmp, by_spice):
                await each.tap()
        for number in range(max(taps // PIECE, 1)):
            for each in _in_turns(number, by_qmp, by_spice):
                await type_piece(each.engine, min(PIECE, taps), each.tally)
    finally:
        await manager.close()
        await qmp.close()
    progress(f"by SPICE: {by_spice.tally.sentence()}; by QMP: {by_qmp.tally.sentence()}")
    return rows(by_spice, by_qmp, load)


def rows(ours: Way, peer: Way, load: float) -> list[Row]:
    more = {"load": round(load, 2), "edges": ours.parts[Part.WHOLE].count}
    found = []
    for part, unit in UNITS.items():
        error = {"clock_error_ms": round(max(ours.error_ms, peer.error_ms), 3)} if part is Part.KERNEL else {}
        for p in PERCENTILES:
            value, beside = ours.parts[part].percentile(p), peer.parts[part].percentile(p)
            name, aim = f"spice-inputs.{part.value}.p{p}", f"at most {AIM} times"
            # Of a hundredth of the taps a busy machine decides.
            has_aim = p != PERCENTILES[-1]
            met = value <= AIM * beside if has_aim else None
            found.append(
                Row(name, value, unit, "the same by QMP", beside, aim if has_aim else "", met, {**more, **error})
            )
    clean = ours.tally.is_clean and peer.tally.is_clean
    figures = {**ours.tally.figures(), "load": round(load, 2)}
    found.append(
        Row(
            "spice-inputs.typing",
            ours.tally.rate,
            "verified characters/s",
            "the same by QMP",
            peer.tally.rate,
            NOTHING_WRONG,
            clean,
            figures,
            must=True,
        )
    )
    return found


def _in_turns(number: int, one: Way, other: Way) -> tuple[Way, Way]:
    """Each goes first as often as the other."""
    return (one, other) if number % 2 else (other, one)
