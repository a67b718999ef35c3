"""Verified characters a second with the window that follows the guest, beside always the whole window: in turns, on one VM."""

from __future__ import annotations

import time

from tests.fixed_window import FixedMemory

from ATPLibrary.protocol.qmp import open_qmp
from ATPLibrary.verifier import TypingEngine
from ATPLibrary.verifier.device_memory import DeviceMemory
from ATPLibrary.verifier.queues import queue_of_bus

from .rows import Row
from .taps import NOTHING_WRONG, Tally, text_of
from .world import BenchVm, Progress

BUSES = {"ps2": "i8042", "usb": "usb", "virtio": "virtio"}


async def measure(vm: BenchVm, progress: Progress, *, quick: bool) -> list[Row]:
    turns, taps = (10, 200) if quick else (30, 500)
    qmp = await open_qmp(vm.domain, "direct")
    try:
        keyboards = (await vm.domain.description(10)).keyboards
        memory = DeviceMemory()
        follows, whole = (
            TypingEngine(qmp, vm.session, keyboards, vm_name=vm.domain.name, memory=each)
            for each in (memory, FixedMemory())
        )
        await whole.type_text(text_of(100))  # not measured: it pages in what the guest needs
        tallies = Tally(), Tally()
        for turn in range(turns):
            pairs = [(follows, tallies[0]), (whole, tallies[1])]
            for engine, tally in pairs if turn % 2 else pairs[::-1]:
                started, cpu = time.perf_counter(), time.process_time()
                report = await engine.type_text(text_of(taps))
                tally.add(report, time.perf_counter() - started, time.process_time() - cpu)
    finally:
        await qmp.close()
    followed, fixed = tallies
    size = memory.window(queue_of_bus(BUSES[vm.keyboard])).size
    progress(
        f"{vm.keyboard}: {followed.rate:.1f} characters/s, the whole window {fixed.rate:.1f}; it is {size} places now"
    )
    clean = followed.is_clean and fixed.is_clean
    return [
        Row(
            f"window.{vm.keyboard}",
            followed.rate,
            "verified characters/s",
            "always the whole window, in turns on the same VM",
            fixed.rate,
            f"{NOTHING_WRONG}; at least 95 % of the whole window's",
            clean and followed.rate >= 0.95 * fixed.rate,
            {"taps": followed.taps, "places": size, "places_at_most": queue_of_bus(BUSES[vm.keyboard]).window},
        )
    ]
