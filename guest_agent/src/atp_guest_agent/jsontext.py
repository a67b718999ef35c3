"""JSON, small: `parse` and `dump`.

Debian's python3.11-minimal has no `json`, and importing it (re, enum, functools, ...) costs a guest without KVM about half a
second of start-up. The messages are small and few; what is frequent (batches of observations) is formatted by hand.
Both are tested against the standard library's `json`.
"""

from __future__ import annotations

MAX_DEPTH = 32
MAX_NUMBER = 64

_SPACE = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONSTANTS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_HEX = frozenset("0123456789abcdefABCDEF")


def parse(text: str) -> object:
    """The value of a JSON text. Raises ValueError when it isn't JSON, nests deeper than 32 or has a number over 64 digits."""
    value, at = _value(text, _skip(text, 0), 0)
    if _skip(text, at) != len(text):
        raise ValueError("text after the value")
    return value


def dump(value: object) -> str:
    """The JSON text, ASCII only, of None, bool, int, float, str, list, tuple and dict. A float JSON can't say becomes null."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value) if value - value == 0 else "null"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([dump(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([quote(str(key)) + ":" + dump(item) for key, item in value.items()]) + "}"
    raise TypeError(f"JSON can't say a {type(value).__name__}")


def quote(text: str) -> str:
    """A JSON string, ASCII only (a lone surrogate, which UTF-8 can't say, is escaped too)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return '"' + text + '"'
    return '"' + "".join([_escaped(character) for character in text]) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return character
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _skip(text: str, at: int) -> int:
    end = len(text)
    while at < end and text[at] in _SPACE:
        at += 1
    return at


def _value(text: str, at: int, depth: int) -> tuple[object, int]:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at + 1)
    if first == "{":
        return _object(text, at + 1, depth + 1)
    if first == "[":
        return _array(text, at + 1, depth + 1)
    if first in _CONSTANTS:
        word, value = _CONSTANTS[first]
        if not text.startswith(word, at):
            raise ValueError(f"no value at {at}")
        return value, at + len(word)
    return _number(text, at)


def _object(text: str, at: int, depth: int) -> tuple[dict[str, object], int]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    found: dict[str, object] = {}
    at = _skip(text, at)
    if text[at : at + 1] == "}":
        return found, at + 1
    while True:
        if text[at : at + 1] != '"':
            raise ValueError(f"no name at {at}")
        name, at = _string(text, at + 1)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise ValueError(f"no colon at {at}")
        found[name], at = _value(text, _skip(text, at + 1), depth)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "}":
            return found, at + 1
        if mark != ",":
            raise ValueError(f"no comma at {at}")
        at = _skip(text, at + 1)


def _array(text: str, at: int, depth: int) -> tuple[list[object], int]:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    found: list[object] = []
    at = _skip(text, at)
    if text[at : at + 1] == "]":
        return found, at + 1
    while True:
        item, at = _value(text, at, depth)
        found.append(item)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            return found, at + 1
        if mark != ",":
            raise ValueError(f"no comma at {at}")
        at = _skip(text, at + 1)


def _string(text: str, at: int) -> tuple[str, int]:
    """The string whose opening quote is just before `at`. Raw control characters are let through."""
    end = text.find('"', at)
    if end < 0:
        raise ValueError("a string has no end")
    if text.find("\\", at, end) < 0:
        return text[at:end], end + 1
    parts = []
    while True:
        slash = text.find("\\", at)
        if end < at:
            end = text.find('"', at)
        if end < 0:
            raise ValueError("a string has no end")
        if slash < 0 or end < slash:
            parts.append(text[at:end])
            return "".join(parts), end + 1
        parts.append(text[at:slash])
        mark = text[slash + 1 : slash + 2]
        if mark == "u":
            character, at = _unicode(text, slash + 2)
            parts.append(character)
        elif mark in _ESCAPES:
            parts.append(_ESCAPES[mark])
            at = slash + 2
        else:
            raise ValueError(f"an unknown escape at {slash}")


def _unicode(text: str, at: int) -> tuple[str, int]:
    code = _hex4(text, at)
    at += 4
    if 0xD800 <= code < 0xDC00 and text.startswith("\\u", at):
        low = _hex4(text, at + 2)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), at + 6
    return chr(code), at


def _hex4(text: str, at: int) -> int:
    digits = text[at : at + 4]
    if len(digits) != 4 or not _HEX.issuperset(digits):
        raise ValueError(f"not four hexadecimal digits at {at}")
    return int(digits, 16)


def _number(text: str, at: int) -> tuple[int | float, int]:
    end = at
    last = min(len(text), at + MAX_NUMBER + 1)
    while end < last and text[end] in "+-.0123456789eE":
        end += 1
    word = text[at:end]
    digits = word[1:] if word[:1] == "-" else word
    if not digits or len(word) > MAX_NUMBER or digits[0] not in "0123456789":
        raise ValueError(f"no value at {at}")
    if digits[0] == "0" and digits[1:2].isdigit():
        raise ValueError(f"a number with a leading zero at {at}")
    if digits.isdigit():
        return int(word), end
    before, dot, after = digits.partition(".")
    if dot and not (before.isdigit() and after[:1].isdigit()):
        raise ValueError(f"no value at {at}")
    return float(word), end
