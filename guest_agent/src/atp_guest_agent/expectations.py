"""Expectations: "this key will come down within two seconds", answered when it was seen or the time is up.

Pure: times come in as arguments, results go out as messages. All `*_us` are the agent's clock.
"""

from __future__ import annotations

from atp_guest_agent.codes import ABS_X, ABS_Y, EV_ABS, EV_KEY, EV_REL, REL_HWHEEL, REL_WHEEL, REL_X, REL_Y
from atp_guest_agent.keys import button_code, key_code

TYPE_CHECKING = False  # the `typing` module is slow to import in a guest without KVM
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.codes import Event

MAX_OBSERVED = 20
MAX_OPEN = 1000
MAX_NAME = 200  # characters of an event_id, as in session.py, which imports this module only when it is needed
DEFAULT_TIMEOUT_MS = 5000
MAX_TIMEOUT_MS = 24 * 3600 * 1000

_EDGES = {"keydown": (1,), "keyup": (0,), "keypress": (1, 0)}
_BUTTON_EDGES = {"buttondown": (1,), "buttonup": (0,), "click": (1, 0)}


class RefusedError(Exception):
    """The expectation can't be checked: `reason` is "unknown key" or "unsupported"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EdgePattern:
    """A key or button whose edges come in the given order, on one device."""

    def __init__(self, code: int, values: tuple[int, ...]) -> None:
        self._code = code
        self._values = values
        self._times: dict[int, list[int]] = {}  # by device

    def feed(self, event: Event) -> dict[str, object] | None:
        """Details, once `event` completes the pattern. `used` says whether it belonged to it."""
        device, kind, code, value, time_us = event
        self.used = kind == EV_KEY and code == self._code and value != 2
        if not self.used:
            return None
        times = self._times.setdefault(device, [])
        if value != self._values[len(times)]:
            self.used = False
            return None
        times.append(time_us)
        if len(times) < len(self._values):
            return None
        return {"device": device, "code": code, "times_us": times}


class PositionPattern:
    """The absolute position of a pointer comes to be x, y; a coordinate that isn't given may be anything."""

    def __init__(self, x: int | None, y: int | None, tolerance: int, axis: Callable[[int, int], int]) -> None:
        self._wanted = {code: value for code, value in ((ABS_X, x), (ABS_Y, y)) if value is not None}
        self._tolerance = tolerance
        self._axis = axis
        self._position: dict[tuple[int, int], int] = {}

    def before(self, event: Event) -> None:
        """An event before the time that counts: it says where the pointer was."""
        device, kind, code, value, _ = event
        if kind == EV_ABS:
            self._position[device, code] = value

    def feed(self, event: Event) -> dict[str, object] | None:
        self.before(event)
        device, kind, code, _, time_us = event
        self.used = False
        if kind != EV_ABS or code not in self._wanted:
            return None
        at = {}
        for axis, wanted in self._wanted.items():
            value = self._position.get((device, axis))
            if value is None:  # the kernel doesn't repeat an axis that stays: ask where it is
                try:
                    value = self._position[device, axis] = self._axis(device, axis)
                except OSError:  # the device is just vanishing
                    return None
            if abs(value - wanted) > self._tolerance:
                return None
            at["x" if axis == ABS_X else "y"] = value
        self.used = True
        return {"device": device, "times_us": [time_us], **at}


class SumPattern:
    """Relative axes (motion, wheel) of one device add up to the wanted distances."""

    def __init__(self, wanted: dict[int, int]) -> None:
        self._wanted = wanted
        self._sums: dict[int, dict[int, int]] = {}

    def feed(self, event: Event) -> dict[str, object] | None:
        device, kind, code, value, time_us = event
        self.used = kind == EV_REL and code in self._wanted
        if not self.used:
            return None
        sums = self._sums.setdefault(device, dict.fromkeys(self._wanted, 0))
        sums[code] += value
        if sums != self._wanted:
            return None
        return {"device": device, "times_us": [time_us], "sums": {str(axis): total for axis, total in sums.items()}}


class Expectation:
    """One open expectation: what to look for, since when, until when, and what came instead."""

    def __init__(
        self,
        event_id: str,
        pattern: EdgePattern | PositionPattern | SumPattern,
        since_us: int | None,
        arrived_us: int,
        deadline_us: int,
    ) -> None:
        self.event_id = event_id
        self.deadline_us = deadline_us
        self.looks_back = since_us is not None
        self._since_us = since_us or 0
        self._from_us = arrived_us if since_us is None else since_us  # what latency is counted from
        self._pattern = pattern
        self._observed: list[list[int]] = []

    def feed(self, event: Event, realtime_offset_us: int) -> dict[str, object] | None:
        """The result, if this event fulfils the expectation."""
        time_us = event[4]
        if time_us < self._since_us:
            if isinstance(self._pattern, PositionPattern):
                self._pattern.before(event)
            return None
        details = self._pattern.feed(event)
        if details is not None:
            latency_ms = round((time_us - self._from_us) / 1000, 3)
            return _result(self.event_id, True, (time_us + realtime_offset_us) // 1000, latency_ms, details)
        if not self._pattern.used and len(self._observed) < MAX_OBSERVED:
            self._observed.append(list(event))
        return None

    def fail(self, reason: str, realtime_us: int) -> dict[str, object]:
        return refusal(self.event_id, reason, realtime_us, self._observed)


def refusal(event_id: str, reason: str, realtime_us: int, observed: list[list[int]] | None = None) -> dict[str, object]:
    """The result of an expectation that wasn't fulfilled."""
    return _result(event_id, False, realtime_us // 1000, None, {"reason": reason, "observed": observed or []})


def _result(
    event_id: str, verified: bool, timestamp: int, latency_ms: float | None, details: dict[str, object]
) -> dict[str, object]:
    return {
        "type": "result",
        "event_id": event_id,
        "verified": verified,
        "timestamp": timestamp,
        "latency_ms": latency_ms,
        "details": details,
    }


def build(
    message: dict[str, object], arrived_us: int, realtime_offset_us: int, axis: Callable[[int, int], int]
) -> Expectation:
    """The expectation that an `expect` message asks for.

    `realtime_offset_us` is CLOCK_REALTIME minus CLOCK_MONOTONIC; `axis(device, code)` tells the present value of an absolute
    axis. Raises RefusedError for an event that can't be checked and ValueError for a message that makes no sense.
    """
    event_id = message.get("event_id")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= MAX_NAME:
        raise ValueError(f"expect needs an event_id, a string of at most {MAX_NAME} characters")
    timeout_ms = _number(message.get("timeout_ms", DEFAULT_TIMEOUT_MS), "timeout_ms", MAX_TIMEOUT_MS)
    event = message.get("event")
    if not isinstance(event, dict):
        raise ValueError("expect needs an event, an object")
    timestamp = _number(event.get("timestamp") or 0, "event.timestamp", 10**15)
    since_us = max(0, int(timestamp * 1000) - realtime_offset_us) if timestamp else None
    return Expectation(event_id, _pattern(event, axis), since_us, arrived_us, arrived_us + int(timeout_ms * 1000))


def _pattern(event: dict[str, object], axis: Callable[[int, int], int]) -> EdgePattern | PositionPattern | SumPattern:
    kind, action = event.get("type"), event.get("action")
    if kind == "keyboard" and action in _EDGES:
        return EdgePattern(_known(key_code(event.get("key"))), _EDGES[action])
    if kind != "mouse":
        raise RefusedError("unsupported")
    if action in _BUTTON_EDGES:
        return EdgePattern(_known(button_code(event.get("key"))), _BUTTON_EDGES[action])
    metadata = event.get("metadata")
    if not isinstance(metadata, dict):
        raise RefusedError("unsupported")
    if action == "wheel":
        return SumPattern({REL_HWHEEL if metadata.get("horizontal") else REL_WHEEL: _integer(metadata, "delta")})
    if action == "move" and ("dx" in metadata or "dy" in metadata):
        wanted = {REL_X: _integer(metadata, "dx", 0), REL_Y: _integer(metadata, "dy", 0)}
        return SumPattern(wanted)
    if action == "move" and ("x" in metadata or "y" in metadata):
        x = _integer(metadata, "x") if metadata.get("x") is not None else None
        y = _integer(metadata, "y") if metadata.get("y") is not None else None
        return PositionPattern(x, y, _integer(metadata, "tolerance", 0), axis)
    raise RefusedError("unsupported")


def _known(code: int | None) -> int:
    if code is None:
        raise RefusedError("unknown key")
    return code


def _integer(metadata: dict[str, object], name: str, default: int | None = None) -> int:
    value = metadata.get(name)
    return int(_number(default if value is None else value, f"event.metadata.{name}", 1 << 31, -1 << 31))


def _number(value: object, name: str, highest: int, lowest: int = 0) -> int | float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ValueError(f"{name} must be a number from {lowest} to {highest}")
    return value
