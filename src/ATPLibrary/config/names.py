"""Names that stand in a configuration: found, or refused with those that there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ATPLibrary.errors import ConfigError

_M = TypeVar("_M")


def member(members: Mapping[str, _M], name: str, kind: str, origin: str) -> _M:
    """The one of that name; `ConfigError` names one that is near, or all."""
    if name in members:
        return members[name]
    near = difflib.get_close_matches(name, members, n=1)
    raise ConfigError.about(
        f"{kind.capitalize()} '{name}'",
        wanted=f"be in {origin}",
        got=f"the {kind}s there are: {listed(members)}" if members else f"there is no {kind} at all",
        next_step=f"Did you mean '{near[0]}'?"
        if near
        else f"Add it under '{kind}s:', or start the lab with 'atp lab up'",
    )


def listed(names: Iterable[str]) -> str:
    """In alphabetical order, as a sentence has them."""
    return ", ".join(sorted(map(str, names))) or "none"
