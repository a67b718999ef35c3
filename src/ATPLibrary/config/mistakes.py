"""What is wrong with a configuration's values, in sentences."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ValidationError

from ATPLibrary.config.names import listed
from ATPLibrary.config.settings import (
    AgentSettings,
    Config,
    HostSettings,
    PlatformSettings,
    PoolSettings,
    ReconnectSettings,
    ServiceSettings,
    SpiceSettings,
    Timeouts,
    TypingSettings,
)

# What pydantic says of values in words of its own, by its name for the problem.
_IN_WORDS = {
    "missing": "is missing",
    "tuple_type": "should be a list, such as [one, two]",
    "string_type": "should be text: put it in quotes",
    "dict_type": "should hold names and values",
    "model_type": "should hold names and values",
}


def explained(error: ValidationError, origin: str) -> str:
    """Each entry that is wrong and what it should be, never a value: that may be a secret."""
    sentences = []
    for problem in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = _known_names(problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
            message = (
                f"there is no such setting{f'; did you mean {near[0]!r}?' if near else f' (there are {listed(known)})'}"
            )
        message = _IN_WORDS.get(problem["type"], message)
        sentences.append(f"{where}: {message}" if where else message)
    return f"{origin} is wrong: {'; '.join(sentences)}. docs/configuration.md explains each setting."


def _known_names(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Config
    groups: dict[str, type[BaseModel]] = {
        "hosts": HostSettings,
        "platforms": PlatformSettings,
        "agent": AgentSettings,
        "service": ServiceSettings,
        "typing": TypingSettings,
        "spice": SpiceSettings,
        "timeouts": Timeouts,
        "pool": PoolSettings,
    }
    if path:
        model = groups.get(str(path[0]), Config)
    if path == ("pool", "reconnect"):
        model = ReconnectSettings
    return [name for name in model.model_fields if name not in ("origin", "name")]
