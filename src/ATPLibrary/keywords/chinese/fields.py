"""Fields and their values in Chinese, for `Get ...    field    ==    value` and `... Should Have    field=value`."""

from __future__ import annotations

from ATPLibrary.keywords.chinese.tables import tables
from ATPLibrary.keywords.chinese.words import truth

# Keywords (as `key` writes them) in which an argument of another name than `field` names a field.
_FIELD_ARGUMENTS = {"getvmstats": "name", "gethoststatistics": "name"}

# **arguments of these names are fields.
NAMES_ARE_FIELDS = frozenset({"counts", "policy_fields"})


def is_field_argument(keyword: str, argument: str) -> bool:
    return argument == _FIELD_ARGUMENTS.get(keyword, "field")


def english(name: str) -> str:
    """Our name of a field. What isn't Chinese, or isn't known, stays for the keyword to judge."""
    return tables().english_fields.get(name, name)


def chinese(name: str) -> str:
    return tables().fields.get(name, name)


def word(text: str) -> str:
    """What a Chinese word for a code is in English. Only a getter that knows that the value is a code may ask: a desktop may be
    called 运行中.
    """
    return tables().english_codes.get(text, text)


def chinese_value(text: str) -> str:
    """A field's value as a Chinese suite writes it."""
    if text in ("True", "False"):
        return truth(text == "True")
    return tables().codes.get(text.lower().replace("_", " "), text)
