"""All operations of the client, by the methods that do them: for contract tests and the table in the documentation.

Nothing is written down twice: a method does the operations whose names stand in its code.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from ATPLibrary.vdi import operations
from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Operation

# The client's own methods, which are in no group.
SESSION: dict[str, Operation[Any]] = {"login": operations.LOGIN, "logout": operations.LOGOUT}


@cache
def groups() -> dict[str, type[Group]]:
    """The client's groups by their names: "hosts" is `VdiClient.hosts`."""
    from ATPLibrary.config import PlatformSettings
    from ATPLibrary.vdi.client import VdiClient

    client = VdiClient(PlatformSettings(url="http://catalogue.invalid"))
    return {name: type(value) for name, value in vars(client).items() if isinstance(value, Group)}


@cache
def methods() -> dict[str, tuple[Operation[Any], ...]]:
    """What each method of the client does: "hosts.close" -> (CLOSE,), "hosts.find" -> (LIST,), "login" -> (LOGIN,)."""
    found: dict[str, tuple[Operation[Any], ...]] = {name: (row,) for name, row in SESSION.items()}
    for name, group in groups().items():
        functions = dict(inspect.getmembers(group, inspect.isfunction))
        for method, function in functions.items():
            if not method.startswith("_"):
                found[f"{name}.{method}"] = tuple(dict.fromkeys(_operations(function, functions)))
    # These ask through what they wait for.
    return found | dict.fromkeys(("events.finish", "events.finish_all"), found["events.detail"])


@cache
def tables() -> tuple[Operation[Any], ...]:
    """Every row of every group's table, and the session's own, each once."""
    rows: dict[str, Operation[Any]] = {str(row): row for row in SESSION.values()}
    for group in groups().values():
        for part in group.__mro__:
            for value in vars(inspect.getmodule(part) or object).values():
                if isinstance(value, Operation):
                    rows[str(value)] = value
    return tuple(rows.values())


def _operations(
    function: FunctionType, siblings: Mapping[str, FunctionType], seen: frozenset[str] = frozenset()
) -> Iterator[Operation[Any]]:
    """Those that the function names, and those of the methods of its group that it calls."""
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, Operation):
            yield value
        elif isinstance(value, Mapping):
            yield from (each for each in value.values() if isinstance(each, Operation))
        elif name in siblings and name not in seen:
            yield from _operations(siblings[name], siblings, seen | {name})


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
