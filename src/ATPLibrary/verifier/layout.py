"""Text as the edges that a person's hands would make on a keyboard of a given layout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, NoReturn

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.edges import Edge, check_qcode
from ATPLibrary.verifier import xkb
from ATPLibrary.verifier.unicode_entry import UnicodeEntry, presses_of

# Keys that every layout has in the same place.
_SAME_EVERYWHERE = {" ": "spc", "\t": "tab", "\n": "ret"}


class Chord(NamedTuple):
    """One key, with the modifiers that are down around it; `is_last` lets go of them after it, whatever follows."""

    qcode: str
    modifiers: tuple[str, ...] = ()
    is_last: bool = False


class Stroke(NamedTuple):
    """The edges of one character, modifiers that change included. `position` counts from 0."""

    position: int
    character: str
    edges: tuple[Edge, ...]


class Layout:
    """A keyboard layout by its XKB name: "us", "de", "ch(fr)". `ConfigError` when there is none of that name.

    What the layout has no key for is written with `compose`, the key that is Compose in the guest ("menu", "alt_r"), and else by
    the guest's `unicode_entry`, where they are given. That the guest has them so, and that its program then shows the character,
    nobody can see from outside: the edges are proved, as all are.
    """

    def __init__(
        self, name: str = "us", *, compose: str | None = None, unicode_entry: UnicodeEntry | None = None
    ) -> None:
        self.name = name
        if compose is not None:
            check_qcode(compose)
        self._compose = compose
        self._unicode_entry = unicode_entry
        self._chords: dict[str, tuple[Chord, ...]] = _table(name)

    @property
    def characters(self) -> Iterable[str]:
        """Those that it has keys for."""
        return self._chords.keys()

    def chord_of(self, character: str) -> Chord | None:
        """The key of a character that is written with one."""
        chords = self._chords.get(character, ())
        return chords[0] if len(chords) == 1 else None

    def beyond_the_keys(self, text: str) -> list[str]:
        """The characters of `text` that have no key, and are written with Compose or by the guest's Unicode entry, once each."""
        known = self._chords
        return [character for character in dict.fromkeys(with_newlines(text)) if character not in known]

    def read(self, chords: tuple[tuple[str, frozenset[str]], ...]) -> str | None:
        """The character that keys write one after the other, each with the modifiers that are down; None where they write none."""
        return _reading(self.name).get(chords)

    def begins(self, chords: tuple[tuple[str, frozenset[str]], ...]) -> bool:
        """Whether the keys are dead keys, which write something together with the next."""
        return chords in _dead(self.name)

    def note_about(self, text: str, *, hidden: bool = False) -> str:
        """Which characters are written otherwise than with their keys, and what that leaves unproved; "" where none is."""
        if self._compose is None and self._unicode_entry is None:
            return ""
        beyond = self.beyond_the_keys(text)
        if not beyond:
            return ""
        by = [f"the Compose key {self._compose}"] if self._compose else []
        by += [f"the guest's Unicode entry {self._unicode_entry.value}"] if self._unicode_entry else []
        shown = "".join(beyond[:10]) + ("..." if len(beyond) > 10 else "")
        if hidden:
            shown = f"{len(beyond)} different characters"
        return f"by {' or '.join(by)}: {shown}; the keys are proved, what the guest's program made of them is not"

    def edges(self, text: str, *, hidden: bool = False) -> list[Edge]:
        """Every edge of `text`, in order. Raises `InputError` naming the first character that can't be written, unless `hidden`."""
        return [edge for stroke in self.strokes(text, hidden=hidden) for edge in stroke.edges]

    def strokes(self, text: str, *, hidden: bool = False) -> list[Stroke]:
        """One stroke a character; modifiers stay down while the next key needs them too. "\\r\\n" is one return."""
        return list(self._strokes(with_newlines(text), hidden))

    def _strokes(self, text: str, hidden: bool) -> Iterator[Stroke]:
        known = self._chords
        ways = [
            known.get(character) or self._other_way(text, position, hidden) for position, character in enumerate(text)
        ]
        held: tuple[str, ...] = ()
        for position, (character, chords) in enumerate(zip(text, ways, strict=True)):
            edges: list[Edge] = []
            for number, (qcode, modifiers, is_last) in enumerate(chords, 1):
                if modifiers != held:
                    edges += [_edge(modifier, True) for modifier in modifiers if modifier not in held]
                edges += (_edge(qcode, True), _edge(qcode, False))
                held = modifiers
                if held:
                    after = chords if number < len(chords) else ways[position + 1] if position + 1 < len(ways) else ()
                    wanted = after[number % len(chords)].modifiers if after and not is_last else ()
                    edges += [_edge(modifier, False) for modifier in reversed(held) if modifier not in wanted]
                    held = tuple([modifier for modifier in held if modifier in wanted])
            yield Stroke(position, character, tuple(edges))

    def _other_way(self, text: str, position: int, hidden: bool) -> tuple[Chord, ...]:
        character = text[position]
        if self._compose is not None and (plain := _compose().get(character)):
            chords = [chord for each in plain for chord in self._chords.get(each, ())]
            if len(chords) >= len(plain):
                return (Chord(self._compose), *chords)
        if self._unicode_entry is not None:
            return self._by_number(character, self._unicode_entry)
        self._refuse(text, position, hidden)

    def _by_number(self, character: str, entry: UnicodeEntry) -> tuple[Chord, ...]:
        chords: list[Chord] = []
        for press, modifiers, is_last in presses_of(character, entry):
            key = self.chord_of(press) if len(press) == 1 else None
            if key is None:
                chords.append(Chord(press, modifiers, is_last))
            else:  # a digit, wherever this layout has it
                chords.append(Chord(key.qcode, tuple(dict.fromkeys((*modifiers, *key.modifiers))), is_last))
        return tuple(chords)

    def _refuse(self, text: str, position: int, hidden: bool) -> NoReturn:
        if hidden:
            raise InputError.about(
                f"The character at position {position + 1} of the text", wanted=f"be on the '{self.name}' keyboard layout",
                got="is not, and nothing was typed",
                next_step="It isn't named, as the text is a secret. Use a layout that has it, in the guest too",
            )  # fmt: skip
        character = text[position]
        before = text[max(0, position - 10) : position]
        others = [name for name in _shipped() if name != self.name and character in _table(name)][:12]
        raise InputError.about(
            f"Character {name_of(character)} at position {position + 1} of the text"
            + (f" (after {before!r})" if before else ""),
            wanted=f"be on the '{self.name}' keyboard layout",
            got="is not, and nothing was typed",
            next_step=(f"Use a layout that has it, in the guest too ({', '.join(others)}). " if others else "")
            + "Leave it out, name the guest's Unicode entry or Compose key ('Set Keyboard Layout'), "
            "or put such text into the guest by a command (QGA) or its clipboard",
        )


def with_newlines(text: str) -> str:
    """With one character for each end of a line: positions count these."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@cache
def _table(name: str) -> dict[str, tuple[Chord, ...]]:
    """How each character of a layout is written: the one that comes with the package, else this machine's XKB data."""
    shipped = _shipped()
    written: dict[str, str] = _read(name) if name in shipped else xkb.read(name, _read("dead_keys"))
    table = {character: tuple(_chord(chord) for chord in chords.split()) for character, chords in written.items()}
    return table | {character: (Chord(qcode),) for character, qcode in _SAME_EVERYWHERE.items()}


@cache
def _reading(name: str) -> dict[tuple[tuple[str, frozenset[str]], ...], str]:
    """A layout the other way round. Of two characters that are written the same there is none."""
    return {
        tuple((chord.qcode, frozenset(chord.modifiers)) for chord in chords): character
        for character, chords in _table(name).items()
    }


@cache
def _dead(name: str) -> frozenset[tuple[tuple[str, frozenset[str]], ...]]:
    return frozenset(chords[:-1] for chords in _reading(name) if len(chords) > 1)


def _chord(text: str) -> Chord:
    *modifiers, qcode = text.split("+")
    return Chord(qcode, tuple(modifiers))


@cache
def _shipped() -> list[str]:
    """The names of the layouts that come with the package."""
    files = resources.files("ATPLibrary.verifier").joinpath("keyboards").iterdir()
    names = sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))
    return [name for name in names if name not in ("dead_keys", "compose")]


@cache
def _compose() -> Mapping[str, str]:
    """What is pressed after Compose for each character, on a US keyboard's characters."""
    return dict(_read("compose"))


def _read(name: str) -> Any:
    path = resources.files("ATPLibrary.verifier").joinpath("keyboards", f"{name}.json")
    return json.loads(path.read_text(encoding="utf-8"))


# A long text has few different ones; what isn't made isn't looked through by the garbage collector either.
_edge = cache(Edge)


def name_of(character: str) -> str:
    """A character as a sentence can show it: "'你' (U+4F60)"."""
    return f"{character!r} (U+{ord(character):04X})"
