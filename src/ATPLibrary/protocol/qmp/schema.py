"""What a VM's QEMU says its commands take: names and types of arguments. Source: QEMU `docs/devel/qapi-code-gen`, introspection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from weakref import WeakKeyDictionary

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.channel import COMMAND_SECONDS, Qmp

# What their arguments are depends on the device or the backend, and the schema doesn't tell all of it (QEMU: 'gen': false).
_TAKES_ANYTHING = ("device_add", "netdev_add", "object-add")
_TRUTH = {"true": True, "false": False}


class Schema:
    """The answer of `query-qmp-schema`, looked up by name."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._entries = {entry["name"]: entry for entry in entries}
        self._commands = sorted(entry["name"] for entry in entries if entry["meta-type"] == "command")
        self._events = sorted(entry["name"] for entry in entries if entry["meta-type"] == "event")

    def arguments(self, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What a tester wrote, as the command wants it: a text becomes what its type says, `_` in a name may stand for `-`.

        A text whose type isn't told (`device_add`'s properties), or is a list or an object, is read as JSON if it is that.
        `InputError` for a command that this QEMU doesn't have, and for a text that isn't what the type says.
        """
        if command not in self._commands:
            near = get_close_matches(command, self._commands, n=3)
            raise InputError.about(
                f"QMP command '{command}'", wanted="be one that this VM's QEMU has", got="is not",
                next_step=f"Did you mean {' or '.join(near)}?" if near else "'Execute QMP    query-commands' lists them",
            )  # fmt: skip
        types = self._members(self._entries[command]["arg-type"])
        # QEMU complains of what is missing before it complains of what it doesn't know, and a slip of the pen is both.
        if types and command not in _TAKES_ANYTHING:
            for written in given:
                if written not in types and written.replace("_", "-") not in types:
                    raise InputError.about(
                        f"Argument '{written}' of QMP command '{command}'", wanted="be one that it takes", got="is not",
                        next_step=f"It takes {', '.join(sorted(types))}",
                    )  # fmt: skip
        sent = {}
        for written, value in given.items():
            dashed = written.replace("_", "-")
            name = written if written in types else dashed if dashed in types or command != "device_add" else written
            sent[name] = self._typed(command, name, value, types.get(name))
        return sent

    def event(self, name: str) -> str:
        """The name of an event as this QEMU writes it; `InputError` for one that it never reports."""
        if name.upper() not in self._events:
            near = get_close_matches(name.upper(), self._events, n=3)
            raise InputError.about(
                f"QMP event '{name}'", wanted="be one that this VM's QEMU can report", got="is not",
                next_step=f"Did you mean {' or '.join(near)}?" if near else f"Such as {', '.join(self._events[:8])}",
            )  # fmt: skip
        return name.upper()

    def _members(self, type_name: str) -> dict[str, str]:
        """The name and type of each member of an object, those of its variants included."""
        entry = self._entries[type_name]
        members = {member["name"]: member["type"] for member in entry.get("members", ())}
        for variant in entry.get("variants", ()):
            for name, its in self._members(variant["type"]).items():
                members.setdefault(name, its)
        return members

    def _typed(self, command: str, name: str, value: Any, type_name: str | None) -> Any:
        if not isinstance(value, str):
            return value
        entry = self._entries[type_name] if type_name is not None else {"meta-type": "unknown"}
        kind = entry.get("json-type", entry["meta-type"])
        if kind in ("string", "enum"):
            return value
        parsed = _TRUTH.get(value.lower(), _json(value))
        wanted: dict[str, type | tuple[type, ...]] = {
            "int": int,
            "number": (int, float),
            "boolean": bool,
            "array": list,
        }
        if kind in wanted and (
            not isinstance(parsed, wanted[kind]) or (isinstance(parsed, bool) != (kind == "boolean"))
        ):
            raise InputError.about(
                f"Argument '{name}' of QMP command '{command}'", wanted=f"be of type {kind}", got=f"is {value!r}"
            )  # fmt: skip
        return parsed


_SCHEMAS: WeakKeyDictionary[Qmp, Schema] = WeakKeyDictionary()


async def schema_of(qmp: Qmp, timeout: float = COMMAND_SECONDS) -> Schema:
    """The schema of the QEMU behind a channel, asked for once a channel."""
    schema = _SCHEMAS.get(qmp)
    if schema is None:
        schema = _SCHEMAS[qmp] = Schema(await qmp.execute("query-qmp-schema", timeout=timeout))
    return schema


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
