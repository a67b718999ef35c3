"""Closed-loop input: what was sent to a VM, compared with what its guest saw.

`AgentSession` is the host's end of docs/agent-protocol.md; `TypingEngine` and `Pointer` send input and read the session's
observations; `Matcher` says a verdict on each edge; `InputReport` is what a tester reads.

Nothing is imported before use: keywords need only a report's class when they are made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ATPLibrary.verifier.clock import ClockOffset as ClockOffset
    from ATPLibrary.verifier.layout import Layout as Layout
    from ATPLibrary.verifier.matcher import Finding as Finding
    from ATPLibrary.verifier.matcher import Injection as Injection
    from ATPLibrary.verifier.matcher import Matcher as Matcher
    from ATPLibrary.verifier.matcher import Verdict as Verdict
    from ATPLibrary.verifier.observation import AgentDevice as AgentDevice
    from ATPLibrary.verifier.observation import Observation as Observation
    from ATPLibrary.verifier.observation import ObserverOverrun as ObserverOverrun
    from ATPLibrary.verifier.pointer import Pointer as Pointer
    from ATPLibrary.verifier.report import InputReport as InputReport
    from ATPLibrary.verifier.session import AgentSession as AgentSession
    from ATPLibrary.verifier.session_state import SessionState as SessionState
    from ATPLibrary.verifier.timeline import Part as Part
    from ATPLibrary.verifier.timeline import TimelineRow as TimelineRow
    from ATPLibrary.verifier.typing_engine import TypingEngine as TypingEngine

_HOMES = {
    "ClockOffset": "clock",
    "Layout": "layout",
    **dict.fromkeys(("Finding", "Injection", "Matcher", "Verdict"), "matcher"),
    **dict.fromkeys(("AgentDevice", "Observation", "ObserverOverrun"), "observation"),
    "Pointer": "pointer",
    "InputReport": "report",
    **dict.fromkeys(("Part", "TimelineRow"), "timeline"),
    "AgentSession": "session",
    "SessionState": "session_state",
    "TypingEngine": "typing_engine",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
