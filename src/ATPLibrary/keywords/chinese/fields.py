"""Fields and their values in Chinese, for `Get ...    field    ==    value` and `... Should Have    field=value`."""

from __future__ import annotations

from typing import Any

from ATPLibrary.keywords.chinese.tables import tables
from ATPLibrary.keywords.chinese.words import TRUTH, truth

# Keywords (as `key` writes them) in which an argument of another name than `field` names a field.
_FIELD_ARGUMENTS = {"getvmstats": "name", "gethoststatistics": "name"}

# **arguments of these names are fields.
NAMES_ARE_FIELDS = frozenset({"expected_fields", "policy_fields"})


def is_field_argument(keyword: str, argument: str) -> bool:
    return argument == _FIELD_ARGUMENTS.get(keyword, "field")


def english(name: str) -> str:
    """Our name of a field. What isn't Chinese, or isn't known, stays for the keyword to judge."""
    return tables().english_fields.get(name, name)


def chinese(name: str) -> str:
    return tables().fields.get(name, name)


def value(field: Any, text: str) -> Any:
    """What a Chinese word means in a field: only there, so that a desktop may be called 运行中."""
    codes = tables().codes.get(field)
    if codes is not None:
        return next((word for word, said in codes.items() if said == text), text)
    return TRUTH.get(text, text) if _is_yes_or_no(field) else text


def chinese_value(field: str, word: str) -> str:
    """A value of a field as a Chinese suite writes it."""
    if _is_yes_or_no(field) and word in ("True", "False"):
        return truth(word == "True")
    return tables().codes.get(field, {}).get(word, word)


def _is_yes_or_no(field: Any) -> bool:
    return str(field).startswith(("is_", "has_", "can_"))
