"""The vendor's own API document, OpenAPI 3 or Swagger 2: what it says an operation takes and answers, and what differs from it.

It is no part of the project. A platform's setting `api_document` names one; then each call is held against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ATPLibrary.errors import ConfigError

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_METHODS = frozenset(("get", "post", "put", "patch", "delete"))

Schema = Mapping[str, Any]


class VendorDocument:
    """Reads the file at `path`; `ConfigError` where it can't be."""

    def __init__(self, path: Path) -> None:
        try:
            self.document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            self.paths: dict[str, Any] = self.document["paths"]
            components = self.document.get("components", {}).get("schemas")
            self.schemas: dict[str, Any] = components if components is not None else self.document["definitions"]
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ConfigError.about(
                f"The API document '{path}'",
                wanted="be the vendor's OpenAPI or Swagger document, as JSON",
                got=f"can't be used: {error!r}",
                next_step="correct the platform's api_document, or leave it out",
            ) from None

    def operations(self) -> Iterator[tuple[str, str]]:
        """Method and path of every operation, in the document's order."""
        for path, methods in self.paths.items():
            for method in methods:
                if method in _METHODS:
                    yield method.upper(), path

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What the document says about an operation, or nothing."""
        found: dict[str, Any] | None = self.paths.get(path, {}).get(method.lower())
        return found

    def parameters(self, method: str, path: str, place: str) -> dict[str, dict[str, Any]]:
        """The parameters in `place` ("path" or "query") by their names, each with its `schema` and `required`."""
        parameters = (self.operation(method, path) or {}).get("parameters", [])
        return {
            parameter["name"]: {**parameter, "schema": parameter.get("schema", parameter)}
            for parameter in parameters
            if parameter["in"] == place
        }

    def request(self, method: str, path: str) -> Schema | None:
        """The schema of the body, or nothing where the operation takes none."""
        operation = self.operation(method, path) or {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "body":
                return dict(parameter["schema"])
        body = operation.get("requestBody")
        return dict(body["content"]["application/json"]["schema"]) if body else None

    def answer(self, method: str, path: str) -> Schema | None:
        """The schema of the whole answer, or nothing where it isn't JSON."""
        success = (self.operation(method, path) or {}).get("responses", {}).get("200", {})
        content: dict[str, Any] = next(iter(success.get("content", {}).values()), {})
        schema = content.get("schema") or success.get("schema")
        return dict(schema) if schema and not name_of(schema).startswith("Error-ModelName") else None

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself where `schema` only names it."""
        name = name_of(schema)
        found: Schema = self.schemas.get(name, {}) if name else schema
        return found

    def deviations(self, value: Any, schema: Schema, where: str, *, null_is_missing: bool = True) -> list[str]:
        """How `value` differs from `schema`: unknown fields, missing ones, and values of another type.

        A null stands for a value that there isn't, unless `null_is_missing` is false: then it is of a wrong type.
        """
        schema = self.resolved(schema)
        kind = schema.get("type", "object" if "properties" in schema else None)
        if kind == "object" and isinstance(value, dict):
            return list(self._fields(value, schema, where, null_is_missing))
        if kind == "array" and isinstance(value, list):
            items = schema.get("items", {})
            return [
                line
                for number, item in enumerate(value)
                for line in self.deviations(item, items, f"{where}[{number}]", null_is_missing=null_is_missing)
            ]
        if kind is None or (value is None and null_is_missing):
            return []
        right = kind in _TYPES and isinstance(value, _TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
        return [] if right else [f"{where}: should be {kind} but is {_kind_of(value)}"]

    def _fields(self, value: dict[str, Any], schema: Schema, where: str, null_is_missing: bool) -> Iterator[str]:
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for name, item in value.items():
            inside = known.get(name, others if isinstance(others, dict) else None)
            if inside is not None:
                yield from self.deviations(item, inside, f"{where}.{name}", null_is_missing=null_is_missing)
            elif known and not others:
                yield f"{where}.{name}: no such field"
        for name in schema.get("required", ()):
            if value.get(name) is None:
                yield f"{where}.{name}: is missing"

    def request_deviations(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> list[str]:
        """How what would be sent differs from what the document wants. An unknown operation is one deviation."""
        if self.operation(method, path) is None:
            return ["the operation: isn't in the document"]
        known = self.parameters(method, path, "query")
        found = [f"query.{name}: no such parameter" for name in query if name not in known]
        for name, parameter in known.items():
            if name in query:
                found += self.deviations(query[name], parameter["schema"], f"query.{name}")
            elif parameter.get("required"):
                found.append(f"query.{name}: is missing")
        schema = self.request(method, path)
        if body is not None and not isinstance(body, bytes):
            found += self.deviations(body, schema, "body") if schema else ["body: the operation takes none"]
        elif body is None and schema is not None and self.resolved(schema).get("required"):
            found.append("body: is missing")
        return found

    def answer_deviations(self, method: str, path: str, answer: Any) -> list[str]:
        """How a whole answer, with its envelope, differs from the document."""
        schema = self.answer(method, path)
        return [] if schema is None else self.deviations(answer, schema, "answer")


def name_of(schema: Schema) -> str:
    """The name of a schema that is only referred to, else ""."""
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "array"
    return next((kind for kind, types in reversed(_TYPES.items()) if isinstance(value, types)), type(value).__name__)
