"""Keys and the mouse: the agent in the guest is told what to expect (docs/agent-protocol.md, "Expectations")."""

from __future__ import annotations

import time
from collections.abc import Mapping
from difflib import get_close_matches

from ATPLibrary.errors import AgentError, InputError
from ATPLibrary.verifier.fields import MALFORMED, fields_of, shown, text
from ATPLibrary.verifier.hiding import EVERYTHING_HIDDEN, NOTHING_HIDDEN, HiddenTimes
from ATPLibrary.verifier.observation import EV_KEY, AgentDevice, Observation, read_observations
from ATPLibrary.verifier.verifiers.interface import Guest, Verifier, VerifyEvent, VerifyResult
from ATPLibrary.verifier.watching import told

# What each action's metadata may have; "a motion to a place" and "a motion by a distance" are both called move.
_METADATA: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("mouse", "move"): (("x", "y", "tolerance"), ("dx", "dy")),
    ("mouse", "wheel"): (("delta", "horizontal"),),
}


class _ExpectedInput(Verifier):
    async def verify(self, event: VerifyEvent, guest: Guest, timeout: float) -> VerifyResult:
        _check_metadata(event, self.verifier_type)
        session = await guest.agent(timeout)
        await session.ensure_watching(timeout)
        capability = f"expect.{self.verifier_type}"
        hello = session.hello
        if hello is not None and capability not in hello.capabilities:
            raise AgentError.about(
                f"The agent of VM '{guest.name}'",
                wanted=f"judge {self.verifier_type} events itself",
                got=f"can't: it says that it can {', '.join(sorted(hello.capabilities)) or 'nothing'}",
                next_step="Use 'Start Watching Input' before the input, and 'Key Should Have Arrived' and its like after it",
            )
        answer = await session.expect({**event.to_json(), "type": self.verifier_type}, timeout)
        try:
            timestamp, latency = answer.get("timestamp"), answer.get("latency_ms")
            return VerifyResult(
                text(answer["event_id"]),
                answer["verified"] is True,
                timestamp if isinstance(timestamp, int | float) else 0,
                latency if isinstance(latency, int | float) else None,
                fields_of(answer.get("details") or {}),
            )
        except MALFORMED as error:
            raise AgentError.about(
                f"The agent of VM '{guest.name}'",
                wanted="say what became of an event",
                got=f"sent a result that can't be read: {shown(repr(error))}",
            ) from error


class KeyboardVerifier(_ExpectedInput):
    """`action` keydown, keyup or keypress; `key` a Linux key name without KEY_ ("a", "leftshift", "enter") or an evdev code."""

    verifier_type = "keyboard"


class MouseVerifier(_ExpectedInput):
    """`action` buttondown, buttonup, click (`key`: "left", ...), move or wheel (`metadata`: see docs/agent-protocol.md)."""

    verifier_type = "mouse"


def _check_metadata(event: VerifyEvent, kind: str) -> None:
    """`InputError` for what the agent wouldn't look at: left out, it would prove less than meant."""
    sets = _METADATA.get((kind, event.action), ())
    if any(set(event.metadata) <= set(names) for names in sets) or not event.metadata:
        return
    allowed = " or ".join(", ".join(names) for names in sets)
    known = [name for names in sets for name in names]
    unknown = [str(name) for name in event.metadata if name not in known]
    near = [each for name in unknown for each in get_close_matches(name, known, n=1)]
    advice = "A combination is proved by 'Key Should Have Arrived    ctrl+c', a place by an event of its own, a move"
    raise InputError.about(
        f"The metadata of a {kind} event '{event.action}'",
        wanted=f"have {allowed}" if allowed else "be empty",
        got=f"has {', '.join(unknown or map(str, event.metadata))}",
        next_step=f"Did you mean '{near[0]}'?" if near else advice if not allowed else "",
    )


def came_instead(
    kind: str, observed: list[object], devices: Mapping[int, AgentDevice], hidden: HiddenTimes
) -> list[str]:
    """What a result calls `observed`, a line for each; of keys and buttons alone where a key was looked for.

    No key is named once a secret was typed: which of them were its own can't be told here.
    """
    try:
        seen = read_observations({"events": observed}, devices, time.monotonic())
    except MALFORMED:
        return []
    if kind == "keyboard":
        seen = [each for each in seen if isinstance(each, Observation) and each.type == EV_KEY]
    return [*told(seen, devices, EVERYTHING_HIDDEN if hidden.any else NOTHING_HIDDEN)]
