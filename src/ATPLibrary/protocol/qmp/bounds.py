"""How long commands wait for their replies, of all QMP channels of one loop together.

A timer of each channel and the moment at which each command was sent would be looked at for every command, and where a thousand VMs
are spoken to at once they would have to come from memory each time (docs/decisions/0021-scale.md). Here is one timer for all.
"""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from typing import Protocol
from weakref import WeakKeyDictionary

# What is sent within so many seconds counts as sent at once: such commands share one number.
_AT_ONCE = 0.001


class Bounded(Protocol):
    """A channel with commands that wait."""

    @abstractmethod
    def expire(self) -> None:
        """End those whose time is up; ask for the timer again for the others, or leave."""


class Bounds:
    """Of one loop: the channels in which something waits, and the timer for whichever is due first."""

    __slots__ = ("_channels", "_due", "_moment", "_timer")

    def __init__(self) -> None:
        self._channels: set[Bounded] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf  # when the timer calls
        self._moment = 0.0

    def add(self, channel: Bounded) -> None:
        """Call its `expire` when the timer comes, until it is removed."""
        self._channels.add(channel)

    def remove(self, channel: Bounded) -> None:
        self._channels.discard(channel)
        if not self._channels and self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, math.inf

    def sent(self, loop: asyncio.AbstractEventLoop, timeout: float) -> float:
        """A command is sent that may wait for `timeout` seconds. Returns when, by the loop's clock."""
        now = loop.time()
        if now + timeout < self._due:
            self.call_at(loop, now + timeout)
        if now - self._moment >= _AT_ONCE:
            self._moment = now
        return self._moment

    def call_at(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Have the timer come then at the latest."""
        if due >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_at(due, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._due = None, math.inf
        for channel in self._channels:
            loop.call_soon(channel.expire)


_OF_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, Bounds] = WeakKeyDictionary()


def bounds_of(loop: asyncio.AbstractEventLoop) -> Bounds:
    return _OF_LOOP.setdefault(loop, Bounds())
