"""Text as the edges that a person's hands would make on a keyboard of a given layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, NoReturn

from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.protocol.qmp.edges import Edge


@dataclass(frozen=True, slots=True)
class Key:
    """Where a character is: the QEMU key name, and whether shift is held."""

    qcode: str
    shifted: bool = False


class Stroke(NamedTuple):
    """The edges of one character: shift if it changes, then the key down and up. `position` counts from 0."""

    position: int
    character: str
    edges: tuple[Edge, ...]


@cache
def _us() -> dict[str, Key]:
    keys = {character: Key(character) for character in "abcdefghijklmnopqrstuvwxyz0123456789"}
    keys |= {character.upper(): Key(character, True) for character in "abcdefghijklmnopqrstuvwxyz"}
    keys |= {character: Key(digit, True) for character, digit in zip(")!@#$%^&*(", "0123456789", strict=True)}
    symbols = {
        "grave_accent": "`~",
        "minus": "-_",
        "equal": "=+",
        "bracket_left": "[{",
        "bracket_right": "]}",
        "backslash": "\\|",
        "semicolon": ";:",
        "apostrophe": "'\"",
        "comma": ",<",
        "dot": ".>",
        "slash": "/?",
    }
    for qcode, pair in symbols.items():
        keys |= {pair[0]: Key(qcode), pair[1]: Key(qcode, True)}
    return keys | {" ": Key("spc"), "\t": Key("tab"), "\n": Key("ret")}


_LAYOUTS = {"us": _us}


class Layout:
    """A keyboard layout by its name ("us"). `ConfigError` when there is none of that name."""

    def __init__(self, name: str = "us") -> None:
        if name not in _LAYOUTS:
            raise ConfigError.about(
                f"Keyboard layout '{name}'",
                wanted="be one of " + ", ".join(sorted(_LAYOUTS)),
                got="is not",
                next_step="Set 'typing: {layout: us}' in the configuration and the same layout in the guest",
            )
        self.name = name

    @property
    def keys(self) -> Mapping[str, Key]:
        return _LAYOUTS[self.name]()

    def key_of(self, character: str) -> Key | None:
        return self.keys.get(character)

    def edges(self, text: str) -> list[Edge]:
        """Every edge of `text`, in order. Raises `InputError` naming the first character that this layout lacks."""
        return [edge for stroke in self.strokes(text) for edge in stroke.edges]

    def strokes(self, text: str) -> list[Stroke]:
        """One stroke a character; shift stays down through consecutive shifted characters. "\\r\\n" is one return."""
        return list(self._strokes(text.replace("\r\n", "\n").replace("\r", "\n")))

    def _strokes(self, text: str) -> Iterable[Stroke]:
        known = self.keys
        keys = [known.get(character) or self._refused(text, position) for position, character in enumerate(text)]
        shift_is_down = False
        for position, (character, key) in enumerate(zip(text, keys, strict=True)):
            edges: list[Edge] = []
            if key.shifted and not shift_is_down:
                edges.append(_edge("shift", True))
            edges += (_edge(key.qcode, True), _edge(key.qcode, False))
            next_is_shifted = position + 1 < len(keys) and keys[position + 1].shifted
            if key.shifted and not next_is_shifted:
                edges.append(_edge("shift", False))
            shift_is_down = key.shifted and next_is_shifted
            yield Stroke(position, character, tuple(edges))

    def _refused(self, text: str, position: int) -> NoReturn:
        character = text[position]
        before = text[max(0, position - 10) : position]
        raise InputError.about(
            f"Character {name_of(character)} at position {position + 1} of the text"
            + (f" (after {before!r})" if before else ""),
            wanted=f"be on the '{self.name}' keyboard layout",
            got="is not, and nothing was typed",
            next_step="Leave it out, press keys by name with 'Press Keys', or put such text into the guest by a command (QGA)",
        )


# A long text has few different ones; what isn't made isn't looked through by the garbage collector either.
_edge = cache(Edge)


def name_of(character: str) -> str:
    """A character as a sentence can show it: "'你' (U+4F60)"."""
    return f"{character!r} (U+{ord(character):04X})"
