"""A Chinese keyword: how Robot Framework sees it, and how its call becomes the English one's."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from robotlibcore.keywords import KeywordSpecification

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords.chinese import fields, words
from ATPLibrary.keywords.chinese.said import Said
from ATPLibrary.keywords.chinese.tables import key, tables
from ATPLibrary.keywords.chinese.truths import truth

# The arguments whose words a failure may quote back.
_ASSERTED = ("expected", "state", "status")
# A field that isn't there, and what is said to be near it.
_NO_FIELD = re.compile(r"a field '(\w+)' but has none\. (?:Near it are|It has): ([\w, ]+)")


class Alias:
    """A second name for the keyword that the library calls `keyword`: what it says in `said` is that in Chinese.

    `english` is the keyword's own specification. `specification` is what Robot Framework is told of the Chinese one.
    """

    def __init__(self, keyword: str, said: Said, english: KeywordSpecification) -> None:
        types = english.argument_types
        self.keyword = keyword
        self.said = said
        self.chinese: dict[str, str] = {}  # argument names, English to Chinese; `chinese_of` for one
        self.explanations: dict[str, str] = {}
        self.truths = {name for name, kind in types.items() if kind is bool}
        self.values: dict[str, dict[str, Any]] = {}  # by argument: its Chinese words, and what they mean
        self._positional: list[str] = []
        self._rest = ""  # *arguments
        self.takes_fields = False  # **arguments are fields of what the platform tells
        kinds = {name: self._kind(name, kind) for name, kind in types.items()}
        arguments = [self._argument(each) for each in english.argument_specification]
        self.english = {chinese: name for name, chinese in self.chinese.items()}
        self.specification = KeywordSpecification(
            arguments, argument_types={self.chinese.get(name, name): kind for name, kind in kinds.items()}
        )

    def _kind(self, name: str, kind: Any) -> Any:
        members = _members(kind)
        chinese = tables().words_for({*members}) if members else {}
        if not chinese:
            return kind
        self.values[name] = {chinese[word]: member for word, member in members.items() if word in chinese}
        return Literal[(*self.values[name], *members.values())]

    def _argument(self, argument: Any) -> Any:
        whole, *default = argument if isinstance(argument, tuple) else (argument,)
        name = whole.lstrip("*")
        stars = whole[: len(whole) - len(name)]
        if not name:
            self._rest = self._rest or " "  # what follows is given by name only
            return argument
        chinese, explanation = self.said.argument(name)
        self.chinese[name], self.explanations[name] = chinese, explanation
        if stars == "**":
            self.takes_fields = name in fields.NAMES_ARE_FIELDS
        elif stars:
            self._rest = name
        elif not self._rest:
            self._positional.append(name)
        return (chinese, self._shown(name, default[0])) if default else stars + chinese

    def _shown(self, name: str, default: Any) -> Any:
        # As text, also of True and False: Robot Framework takes anything for what is True or False by default.
        if isinstance(default, bool):
            return words.truth(default)
        return next((word for word, member in self.values.get(name, {}).items() if member == default), default)

    def in_english(self, positional: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """A call's arguments, as Robot Framework has converted them, for the English keyword."""
        given = [*zip(self.names(), positional, strict=False)]
        by_name = {self.english.get(name, self._field(name)): value for name, value in named.items()}
        return [self._value(n, v) for n, v in given], {n: self._value(n, v) for n, v in by_name.items()}

    def names(self) -> Iterator[str]:
        """The English names of what is given by place, one after the other."""
        yield from self._positional
        while True:
            yield self._rest

    def _field(self, name: str) -> str:
        return fields.english(name) if self.takes_fields else name

    def _value(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if name in self.truths:
            return truth(self.chinese[name], value)
        if name in self.values:
            return self.values[name].get(value, value)
        if fields.is_field_argument(key(self.keyword), name):
            return fields.english(value)
        return value

    def explain(self, error: ATPError) -> None:
        """Put behind an error's sentence what its words for a state are in Chinese: those the tester wrote."""
        meant = {}
        for argument in _ASSERTED:
            for chinese, member in self.values.get(argument, {}).items():
                word = str(getattr(member, "value", member)).replace("_", " ")
                if re.search(rf"\b{re.escape(word)}\b", str(error)):
                    meant[word] = chinese
        if any(fields.is_field_argument(key(self.keyword), name) for name in self.chinese):
            quoted = re.findall(r"'([a-z ]+)'", str(error))
            meant |= {word: tables().codes[word] for word in quoted if word in tables().codes}
            if missing := _NO_FIELD.search(str(error)):
                names = [missing[1], *missing[2].split(", ")]
                meant |= {name: fields.chinese(name) for name in names if fields.chinese(name) != name}
        if meant:
            glossary = "，".join(f"{word} = {chinese}" for word, chinese in meant.items())
            error.args = (f"{error}（{glossary}）", *error.args[1:])


def _members(kind: Any) -> dict[str, Any]:
    """What a type that is one of a few words allows, by the words that a tester writes."""
    if get_origin(kind) is Literal:
        return {each: each for each in get_args(kind) if isinstance(each, str)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {str(member.value): member for member in kind}
    return {}
