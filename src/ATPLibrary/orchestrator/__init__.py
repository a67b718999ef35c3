"""What a test holds while it runs: the workspace, its connected VMs, and the way from a platform's VM to a connected one.

`workspace` is the one set of connections that every library of the process shares, `machine` a connected VM whose channels open
when they are first needed, `sent_input` its last input, `platforms` the sessions with platforms, `adapter` finds the hypervisor's
side of what a platform lists (`bridge` of one VM), and `consistency` tells where the two sides differ.
"""

from __future__ import annotations

from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.orchestrator.sent_input import SentInput
from ATPLibrary.orchestrator.workspace import Workspace

__all__ = ["Machine", "SentInput", "Workspace"]
