"""How a table says a keyword in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Said:
    """`own` has the arguments that this keyword calls or explains in its own way, `words` what its module says of arguments."""

    name: str
    documentation: str
    own: Mapping[str, str]
    english: str = ""  # the keyword's name, as libdoc writes it
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def argument(self, english: str) -> tuple[str, str]:
        """An argument's Chinese name and what it is. The English name where nothing says it."""
        name, explanation = self.words.get(english, (english, ""))
        own = self.own.get(english)
        if own is None:
            return name, explanation
        chinese, _, more = own.partition("：")
        return chinese, more or explanation


def said(name: str, documentation: str, /, **arguments: str) -> Said:
    """A keyword's Chinese name and its documentation in a sentence or more.

    `arguments`: "名称" or "名称：解释" by the English name, of those that are called or explained otherwise than `ARGUMENTS` says.
    """
    return Said(name, documentation, arguments)


def arguments(lines: str) -> dict[str, tuple[str, str]]:
    """The lines of a table: English name, Chinese name, what it is."""
    found = {}
    for line in lines.strip().splitlines():
        english, chinese, explanation = line.split(maxsplit=2)
        found[english] = chinese, explanation
    return found
