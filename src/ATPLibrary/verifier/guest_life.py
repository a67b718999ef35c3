"""Whether the guest that answers is still the one that we knew: not started anew, and not put back to an earlier moment.

A snapshot that is reverted without a new QEMU (`loadvm`) brings back an agent that knows nothing of what it has said since, over a
channel that stayed open. What tells is the number of its next batch. Its clock tells too, but not always: QEMU 7.2 without KVM
lets a guest's time stamp counter never go back, so there the guest's clock runs on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ATPLibrary.verifier.hello import AgentHello

PUT_BACK = "was put back to an earlier moment (a snapshot)"
REPLACED = "was replaced by another one (a second agent, of another boot, showed its token)"


class GuestLife:
    """`number` goes up each time that what the guest knew, and had down, is gone; `why` says what became of it last."""

    __slots__ = ("_boot_id", "_latest_us", "number", "why")

    def __init__(self) -> None:
        self.number = 0
        self.why = ""
        self._boot_id: str | None = None
        self._latest_us = 0

    def greeted(self, hello: AgentHello, expected_seq: int | None, *, was_replaced: bool = False) -> bool:
        """An agent said hello whose next batch should have been `expected_seq`. Whether its guest began anew since the last one.

        An agent that was restarted begins with a higher number: its start in milliseconds (docs/agent-protocol.md). `was_replaced`:
        the one before was still connected.
        """
        restarted = self._boot_id not in (None, hello.boot_id)
        self._boot_id = hello.boot_id
        if restarted:
            self._begin_anew(REPLACED if was_replaced else "was restarted", hello.monotonic_us)
            return True
        if expected_seq is not None and hello.next_seq < expected_seq:
            self._begin_anew(PUT_BACK, hello.monotonic_us)
            return True
        return self.heard(hello.monotonic_us)

    def heard(self, now_us: int) -> bool:
        """It was `now_us` in the guest when it sent what just came. Whether the guest has gone back in time."""
        if now_us < self._latest_us:
            self._begin_anew(PUT_BACK, now_us)
            return True
        self._latest_us = now_us
        return False

    def _begin_anew(self, why: str, now_us: int) -> None:
        self.number += 1
        self.why = why
        self._latest_us = now_us
