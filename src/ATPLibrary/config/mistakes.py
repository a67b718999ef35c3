"""What is wrong with a configuration's values, in sentences."""

from __future__ import annotations

import difflib
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from ATPLibrary.config.names import listed
from ATPLibrary.config.settings import Config

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
    """The settings that there are at that place."""
    kind: Any = Config
    for part in path:
        # Of hosts and platforms it is a name of the file's own.
        kind = get_args(kind)[1] if get_origin(kind) is dict else kind.model_fields[str(part)].annotation
    return [name for name in kind.model_fields if name not in ("origin", "name")]
