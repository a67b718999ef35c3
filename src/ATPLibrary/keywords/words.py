"""Arguments that are one of a few words: a wrong one gets a sentence with the words as the documentation writes them."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

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


def ready(parse: Callable[..., Any]) -> Callable[[Any], Any]:
    """`parse` as a converter that Robot Framework is done with at once: at every call of a keyword it reads signature and types of
    each converter that the library has.
    """

    def convert(given: Any) -> Any:
        return parse(given)

    convert.__doc__ = parse.__doc__
    signature = inspect.signature(parse)
    convert.__signature__ = signature  # type: ignore[attr-defined]
    hints = get_type_hints(parse)
    convert.robot_types = {name: hints[name] for name in signature.parameters}  # type: ignore[attr-defined]
    return convert


CONVERTERS: dict[type, Callable[[Any], Any]] = {
    kind: ready(_one_of(kind))
    for kind in (VmState, HostState, Strategy, PlatformHostStatus, EventOutcome, CountOf, ClosingLevel)
}
