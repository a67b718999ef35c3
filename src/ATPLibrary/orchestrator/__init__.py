"""What a test holds while it runs: the workspace, its connected VMs, and the way from a platform's VM to a connected one.

`workspace` is the one set of connections that every library of the process shares, `machine` a connected VM whose channels open
when they are first needed, `sent_input` its last input, `platforms` the sessions with platforms, `adapter` finds the hypervisor's
side of what a platform lists (`bridge` of one VM), and `consistency` tells where the two sides differ.

Nothing heavy is imported before use: keywords need only the words of some modules here when they are made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine as Machine
    from ATPLibrary.orchestrator.sent_input import SentInput as SentInput
    from ATPLibrary.orchestrator.workspace import Workspace as Workspace

_HOMES = {"Machine": "machine", "SentInput": "sent_input", "Workspace": "workspace"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
