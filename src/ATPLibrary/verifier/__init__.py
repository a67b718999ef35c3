"""Closed-loop input: what was sent to a VM, compared with what its guest saw.

`AgentSession` is the host's end of docs/agent-protocol.md; `TypingEngine` and `Pointer` send input and read the session's
observations; `Matcher` says a verdict on each edge; `InputReport` is what a tester reads.
"""

from __future__ import annotations

from ATPLibrary.verifier.clock import ClockOffset
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.matcher import Finding, Injection, Matcher, Verdict
from ATPLibrary.verifier.observation import AgentDevice, Observation, ObserverOverrun
from ATPLibrary.verifier.pointer import Pointer
from ATPLibrary.verifier.report import InputReport, TimelineRow
from ATPLibrary.verifier.session import AgentSession
from ATPLibrary.verifier.session_state import SessionState
from ATPLibrary.verifier.typing_engine import TypingEngine

__all__ = [
    "AgentDevice",
    "AgentSession",
    "ClockOffset",
    "Finding",
    "Injection",
    "InputReport",
    "Layout",
    "Matcher",
    "Observation",
    "ObserverOverrun",
    "Pointer",
    "SessionState",
    "TimelineRow",
    "TypingEngine",
    "Verdict",
]
