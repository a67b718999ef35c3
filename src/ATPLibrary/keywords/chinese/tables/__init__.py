"""The Chinese words, a topic a module. Every module here is found by itself and may have

- `KEYWORDS`: by the keyword's English name, as libdoc writes it, what `said` makes of the Chinese;
- `ARGUMENTS`: a line an argument (English name, Chinese name, what it is), for the keywords of this module;
- `VALUES`: for each type that is one of a few words the Chinese of its words;
- `FIELDS`: the Chinese names of fields that getters return; `CODES`: by field the Chinese of the words that it is told in
  (a field or word may have several names, of which the topic's is shown);
- `TAGS`: the Chinese of keywords' tags.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field, replace
from functools import cache

from ATPLibrary.keywords.chinese.said import Said, arguments
from ATPLibrary.keywords.chinese.words import is_same_in_chinese

COMMON = "common"
PLATFORM_FIELDS = "platform_fields"


@dataclass
class Tables:
    """All modules in one."""

    keywords: dict[str, Said] = field(default_factory=dict)  # by `key`
    values: list[dict[str, str]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    english_fields: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    english_codes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def words_for(self, english: set[str]) -> dict[str, str]:
        """The Chinese of values that are one of these words, where it differs; empty where no table has them."""
        wanted = {word for word in english if not is_same_in_chinese(word)}
        return next((words for words in self.values if words.keys() == wanted), {})


@cache
def tables() -> Tables:
    found = Tables()
    common = importlib.import_module(f"{__name__}.{COMMON}")
    general = arguments(common.ARGUMENTS)
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    # What holds for every topic first, so that a topic's own goes before it.
    for name in sorted(names, key=lambda name: name not in (COMMON, PLATFORM_FIELDS)):
        table = importlib.import_module(f"{__name__}.{name}")
        own = {**general, **arguments(getattr(table, "ARGUMENTS", ""))}
        for english, said in getattr(table, "KEYWORDS", {}).items():
            found.keywords[key(english)] = replace(said, english=english, words=own)
        found.values += getattr(table, "VALUES", ())
        for english, chinese in getattr(table, "FIELDS", {}).items():
            found.fields[english] = chinese
            found.english_fields[chinese] = english
        for words in getattr(table, "CODES", {}).values():
            for word, chinese in words.items():
                found.codes[word.replace("_", " ")] = chinese
                found.english_codes[chinese] = word.replace("_", " ")
        found.tags |= getattr(table, "TAGS", {})
    return found


def key(english: str) -> str:
    """One spelling for `Create Desk Pool` and `create_desk_pool`."""
    return english.replace(" ", "").replace("_", "").lower()
