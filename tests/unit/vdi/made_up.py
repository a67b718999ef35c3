"""Values made up from the vendor's document: answers with every field, and requests of ours filled in with the right types."""

from __future__ import annotations

import enum
import typing
from typing import Any

from pydantic import BaseModel

from ATPLibrary.secrets import Secret
from ATPLibrary.vdi.document import VendorDocument

TEXT = "文本"


def sent_name(name: str, field: Any) -> str:
    return str(field.serialization_alias or field.alias or name)


def inner(annotation: Any) -> Any:
    """`X` of `X | None` and of `Annotated[X, ...]`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return inner(typing.get_args(annotation)[0])
    rest = [each for each in typing.get_args(annotation) if each is not type(None)]
    if type(None) in typing.get_args(annotation):
        return inner(rest[0]) if len(rest) == 1 else rest[0]
    return annotation


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def made_up(vendor: VendorDocument, schema: Any, depth: int = 0) -> Any:
    """A value of the document's type, with every field that it has."""
    schema = vendor.resolved(schema)
    kind = schema.get("type", "object" if "properties" in schema else None)
    if kind == "object":
        extra = schema.get("additionalProperties")
        more = {"some name": made_up(vendor, extra, depth)} if isinstance(extra, dict) else {}
        return more | {name: made_up(vendor, each, depth + 1) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [made_up(vendor, schema["items"], depth + 1)] if depth < 8 else []
    return {"string": TEXT, "integer": 1, "number": 1.5, "boolean": True}[kind]


def filled_in(vendor: VendorDocument, model: type[BaseModel], properties: dict[str, Any], where: str) -> BaseModel:
    """A request of ours, each field with a value of the type that the document says it is of."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        assert sent_name(name, field) in properties, f"{where}: the vendor has no field {sent_name(name, field)}"
        schema = vendor.resolved(properties[sent_name(name, field)])
        annotation = inner(field.annotation)
        item = inner(typing.get_args(annotation)[0]) if typing.get_origin(annotation) is list else None
        if is_model(item):
            values[name] = [filled_in(vendor, item, vendor.resolved(schema["items"])["properties"], where)]
        elif isinstance(annotation, type) and issubclass(annotation, enum.IntEnum):
            assert schema["type"] == "integer", f"{where}.{name}"
            values[name] = next(iter(annotation))
        elif annotation is Secret:
            assert schema["type"] == "string", f"{where}.{name}"
            values[name] = Secret("secret")
        else:
            values[name] = made_up(vendor, schema)
    return model(**values)
