"""Arguments that are one of a few words: a wrong one gets a sentence with the words as the documentation writes them."""

from __future__ import annotations

import enum
from collections.abc import Callable

from ATPLibrary.keywords.platform.hosts import PlatformHostStatus
from ATPLibrary.keywords.platform.panel import CountOf
from ATPLibrary.orchestrator.creations import ClosingLevel
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.selection import Strategy
from ATPLibrary.vdi.codes import EventOutcome


def _one_of(kind: type[enum.Enum]) -> Callable[[str], enum.Enum]:
    """Robot Framework's own conversion would show the members' names, which are in capitals."""
    words = {str(member.value): member for member in kind}

    def parse(text: str) -> enum.Enum:
        member = words.get(text.strip().lower().replace(" ", "_").replace("-", "_"))
        if member is None:
            raise ValueError(f"it is none of {', '.join(words)}")
        return member

    parse.__doc__ = f"One of {', '.join(f'``{word}``' for word in words)}; in any case."
    return parse


CONVERTERS: dict[type, Callable[[str], enum.Enum]] = {
    kind: _one_of(kind)
    for kind in (VmState, HostState, Strategy, PlatformHostStatus, EventOutcome, CountOf, ClosingLevel)
}
