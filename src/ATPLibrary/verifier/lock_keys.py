"""Caps Lock, Num Lock and Scroll Lock: which are on in the guest, by its keyboards' LEDs, and how they are switched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal

from ATPLibrary.errors import InputError

if TYPE_CHECKING:
    from ATPLibrary.verifier.session import AgentSession

LockKey = Literal["caps", "num", "scroll"]
# The key that switches it.
QCODES: Mapping[LockKey, str] = {"caps": "caps_lock", "num": "num_lock", "scroll": "scroll_lock"}
# linux/input-event-codes.h: LED_NUML, LED_CAPSL, LED_SCROLLL.
LEDS: Mapping[int, LockKey] = {0: "num", 1: "caps", 2: "scroll"}

LED_SECONDS = 2.0  # from the key to its light, which the guest's console or desktop switches
TURN = 0.02


def lit(leds: Mapping[int, Mapping[int, bool]]) -> dict[LockKey, bool]:
    """Which lock keys are on: those whose light is on at a keyboard. One that no keyboard has a light for is left out."""
    states: dict[LockKey, bool] = {}
    for lights in leds.values():
        for led, is_lit in lights.items():
            if led in LEDS:
                states[LEDS[led]] = states.get(LEDS[led], False) or is_lit
    return states


def minds_caps_lock(text: str) -> bool:
    """Whether Caps Lock changes what the keys of `text` write."""
    return text.swapcase() != text


async def switch(
    session: AgentSession, key: LockKey, on: bool, press: Callable[[str], Awaitable[object]], timeout: float
) -> None:
    """Press a lock key and wait until its light says so. `InputError` when it doesn't: what the key does is the guest's affair."""
    await press(QCODES[key])
    end = time.monotonic() + LED_SECONDS
    # No event tells of it: a light is no input.
    while (await session.lock_keys(timeout)).get(key) is not on:
        if time.monotonic() > end:
            raise InputError.about(
                f"{key.capitalize()} Lock of VM '{session.vm_name}'",
                wanted=f"be {'on' if on else 'off'}",
                got="is not: its key was pressed and seen, but its light did not change",
                waited=LED_SECONDS,
                next_step="The guest may have given that key another meaning: switch it in the guest",
            )
        await asyncio.sleep(TURN)
