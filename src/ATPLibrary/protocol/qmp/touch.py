"""Fingers on a VM's touch screen, as `input-send-event` wants them. Source: QMP reference, `InputMultiTouchEvent` (QEMU 8.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.channel import COMMAND_SECONDS, Command, Qmp
from ATPLibrary.protocol.qmp.edges import ABSOLUTE_MAX

DEVICE = "virtio-multitouch"
MOST_FINGERS = 10  # QEMU's INPUT_EVENT_SLOTS_MAX

Phase = Literal["begin", "end", "data"]
Place = tuple[float, float]  # fractions of the screen, as for the mouse


async def require_touch_screen(qmp: Qmp, timeout: float = COMMAND_SECONDS) -> None:
    """`InputError` in one sentence unless the VM has a multi-touch device."""
    paths = ("/machine/peripheral", "/machine/peripheral-anon")
    for path in paths:
        children = await qmp.execute("qom-list", {"path": path}, timeout=timeout)
        if any(DEVICE in child["type"] for child in children):
            return
    version = (await qmp.execute("query-version", timeout=timeout))["qemu"]
    text = f"{version['major']}.{version['minor']}.{version['micro']}"
    raise InputError.about(
        f"VM '{qmp.domain.name}'",
        wanted=f"have a multi-touch device ({DEVICE}-pci, from QEMU 8.1 on) to be touched",
        got=f"has none; its QEMU is {text}",
    )


def tap(places: Sequence[Place]) -> list[Command]:
    """The commands that put a finger on each of `places` at once and lift them all. `InputError` outside of the screen."""
    if not 1 <= len(places) <= MOST_FINGERS:
        raise InputError(f"A touch screen takes from 1 to {MOST_FINGERS} fingers, not {len(places)}.")
    down: list[dict[str, Any]] = []
    for slot, (x, y) in enumerate(places):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise InputError.about(
                f"Place {x:g},{y:g}", wanted="be fractions of the screen from 0 to 1", got="is outside"
            )
        down.append(_event("begin", slot))
        down += [_event("data", slot, axis, round(part * ABSOLUTE_MAX)) for axis, part in (("x", x), ("y", y))]
    up = [_event("end", slot) for slot in range(len(places))]
    return [("input-send-event", {"events": down}), ("input-send-event", {"events": up})]


def _event(phase: Phase, slot: int, axis: str = "x", value: int = 0) -> dict[str, Any]:
    data = {"type": phase, "slot": slot, "tracking-id": slot, "axis": axis, "value": value}
    return {"type": "mtt", "data": data}
