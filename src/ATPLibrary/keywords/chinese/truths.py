"""Arguments that are true or false. Robot Framework hands on the text that it doesn't know, and Python takes any for true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.chinese import words


def truth(argument: str, value: str) -> bool:
    """What a text that Robot Framework has left as it is says: it knows 是 and 否 in a run that is told `Language: zh-CN` only."""
    said = words.TRUTH.get(value.strip())
    if said is None:
        raise InputError.about(f"'{argument}'", wanted="be True or False (是 or 否)", got=f"is '{value}'")
    return said


class Truths:
    """Those of a keyword: by their places, and by their names."""

    def __init__(self, arguments: Sequence[Any], types: Mapping[str, Any]) -> None:
        self.names = {name for name, kind in types.items() if kind is bool}
        names = [each[0] if isinstance(each, tuple) else each for each in arguments]
        by_place = next((place for place, name in enumerate(names) if name.startswith("*")), len(names))
        self._places = [(place, name) for place, name in enumerate(names[:by_place]) if name in self.names]

    def said(self, positional: Sequence[Any], named: Mapping[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments of a call, each truth as one. `InputError` where one is neither."""
        for place, name in self._places:
            if place < len(positional) and isinstance(positional[place], str):
                positional = [*positional[:place], truth(name, positional[place]), *positional[place + 1 :]]
        for name in self.names:
            if isinstance(named.get(name), str):
                named = {**named, name: truth(name, named[name])}
        return positional, named
