"""How long a wait may take: bounds that cost little to set and to lift, however many waits there are.

asyncio's own timers stand in a heap, where each new one is compared with others in Python. With a thousand VMs the heap is long and
cold, an input sets dozens of them, and next to none is ever due. Here those of a second and more stand in a wheel of
short ticks (docs/decisions/0021-scale.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from ATPLibrary.errors import DeadlineError

# A bound from the wheel may be so much late, in seconds; what is shorter than `PRECISE` is kept to by a timer of its own.
TICK = 0.05
PRECISE = 1.0


class _Wheel:
    """The bounds of one loop, by the tick in which they end, with one timer for all."""

    __slots__ = ("_due", "_loop", "_next", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, dict[limit, None]] = {}  # the inner ones are ordered sets
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0  # the tick of the timer

    def add(self, bound: limit, seconds: float) -> int:
        bound.end = self._loop.time() + seconds
        tick = int(bound.end / TICK) + 1
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = {}
            if self._timer is None or tick < self._next:
                self._arm(tick)
        due[bound] = None
        return tick

    def remove(self, bound: limit, tick: int) -> None:
        if (due := self._due.get(tick)) is not None:
            due.pop(bound, None)

    def _arm(self, tick: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = tick
        self._timer = self._loop.call_at(tick * TICK, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now = self._next
        ended: set[asyncio.Task[object] | None] = set()
        for tick in sorted(self._due):
            if tick > now:
                if not self._due[tick]:
                    del self._due[tick]
                continue
            for bound in sorted(self._due.pop(tick), key=_end):
                if bound.task not in ended:
                    ended.add(bound.task)
                    bound.expire()
                else:  # of two cancellations a task tells only what the outer bound makes of them: one at a time
                    self._due.setdefault(now + 1, {})[bound] = None
                    bound.due = now + 1
        if self._due:
            self._arm(min(self._due))


def _end(bound: limit) -> float:
    return bound.end


_WHEELS: dict[asyncio.AbstractEventLoop, _Wheel] = {}


def _wheel(loop: asyncio.AbstractEventLoop) -> _Wheel:
    wheel = _WHEELS.get(loop)
    if wheel is None:
        for known in list(_WHEELS):
            if known.is_closed():
                _WHEELS.pop(known, None)
        wheel = _WHEELS[loop] = _Wheel(loop)
    return wheel


class limit:
    """What `asyncio.timeout` does, as an ordinary context manager: `TimeoutError` when what is inside takes longer.

    `seconds` None is no bound. One of `PRECISE` seconds or more may come a tick late.
    """

    __slots__ = ("_before", "_seconds", "_timer", "due", "end", "expired", "task")

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.task: asyncio.Task[object] | None = None
        self._before = 0  # how often the task was being cancelled already
        self._timer: _Wheel | asyncio.TimerHandle | asyncio.Handle | None = None
        self.due, self.end = 0, 0.0  # the tick in the wheel, and the moment of the loop's clock
        self.expired = False

    def __enter__(self) -> None:
        if self._seconds is None:
            return
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a bound is for what a task waits for")
        self.task, self._before = task, task.cancelling()
        if self._seconds >= PRECISE:
            self._timer = wheel = _wheel(loop)
            self.due = wheel.add(self, self._seconds)
        elif self._seconds <= 0:
            self._timer = loop.call_soon(self.expire)
        else:
            self._timer = loop.call_later(self._seconds, self.expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        timer, self._timer = self._timer, None
        if self.expired:
            assert self.task is not None
            if self.task.uncancel() <= self._before and kind is asyncio.CancelledError:
                raise TimeoutError from error
        elif isinstance(timer, _Wheel):
            timer.remove(self, self.due)
        elif timer is not None:
            timer.cancel()

    def expire(self) -> None:
        """Called when the time is up."""
        assert self.task is not None
        if self._timer is not None:
            self.expired = True
            self._timer = None
            self.task.cancel()


class deadline(limit):
    """A `limit` that raises a `DeadlineError` with a sentence: "WHAT should WANTED within TIMEOUT s but GOT. ..."

    `last_seen` may be a function, which is called only when the time is up. Use it with `async with`.
    """

    __slots__ = ("_got", "_last_seen", "_next_step", "_wanted", "_what")

    def __init__(
        self,
        timeout: float | None,
        what: str,
        *,
        wanted: str = "be done",
        got: str = "was not",
        last_seen: str | Callable[[], str] = "",
        next_step: str = "",
    ) -> None:
        super().__init__(timeout)
        self._what = what
        self._wanted, self._got, self._last_seen, self._next_step = wanted, got, last_seen, next_step

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.__exit__(kind, error, traceback)
        except TimeoutError:
            raise self._late() from None
        if isinstance(error, TimeoutError) and not isinstance(error, DeadlineError) and self.expired:
            raise self._late() from None

    def _late(self) -> DeadlineError:
        assert self._seconds is not None
        return DeadlineError.about(
            self._what,
            wanted=self._wanted,
            got=self._got,
            waited=self._seconds,
            last_seen=self._last_seen() if callable(self._last_seen) else self._last_seen,
            next_step=self._next_step,
        )
