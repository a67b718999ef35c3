"""What Robot Framework is told of keywords, read once in a process for all libraries, and only when it is asked for.

Seven libraries share hundreds of methods: reading signatures, types and documentation of all of them anew for each library, before
anybody has asked, would be most of what making one costs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

from robotlibcore.keywords import KeywordSpecification

V = TypeVar("V")

_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class WhenAsked(Mapping[str, V], Generic[V]):
    """A mapping whose values are made when they are first asked for."""

    def __init__(self, names: Collection[str], make: Callable[[str], V]) -> None:
        self._names = names
        self._make = make
        self._made: dict[str, V] = {}

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@cache
def keywords_of(component: type[object]) -> tuple[tuple[str, str], ...]:
    """For each keyword in that class the names of its method and of the keyword."""
    methods = ((name, getattr(component, name)) for name in dir(component))
    return tuple((name, each.robot_name or name) for name, each in methods if hasattr(each, "robot_name"))


@cache
def specification(function: Callable[..., Any]) -> KeywordSpecification:
    """The same that PythonLibCore makes of a method. It reads each signature twice and compiles every annotation, most of which
    say `timedelta | None`.
    """
    signature = inspect.signature(function)
    module = sys.modules[function.__module__]
    parameters = [*signature.parameters.values()][1:]  # without self
    annotations = {each.name: each.annotation for each in parameters} | {"return": signature.return_annotation}
    return KeywordSpecification(
        _arguments(parameters),
        inspect.getdoc(function) or "",
        {name: _type(module, said) for name, said in annotations.items() if said is not inspect.Parameter.empty},
    )


def _arguments(parameters: Sequence[inspect.Parameter]) -> list[Any]:
    """As Robot Framework's dynamic libraries say them."""
    arguments: list[Any] = []
    is_free = True  # what comes may be given by place
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and is_free:
            arguments.append("*")
        is_free = is_free and each.kind not in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        if each.default is not each.empty:
            arguments.append((each.name, each.default))
        else:
            arguments.append(_STARS.get(each.kind, "") + each.name)
    return arguments


def _type(module: Any, annotation: Any) -> Any:
    return _meant(module, annotation) if isinstance(annotation, str) else _without_none(annotation)


@cache
def _meant(module: Any, annotation: str) -> Any:
    try:
        return _without_none(eval(annotation, vars(module)))
    except NameError:
        return annotation  # what a keyword returns is only shown, by its name: it may be imported for mypy alone


def _without_none(kind: Any) -> Any:
    """`X | None` is X to Robot Framework: None is what isn't given, and a wrong word then gets a sentence that says which words
    there are, instead of "can't be converted to X or None".
    """
    if get_origin(kind) not in (Union, UnionType):
        return kind
    others = [each for each in get_args(kind) if each is not NoneType]
    return others[0] if len(others) == 1 else kind
