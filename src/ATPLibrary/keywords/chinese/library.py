"""A library whose keywords can be called in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robotlibcore import DynamicCore

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords.chinese.alias import Alias
from ATPLibrary.keywords.chinese.documentation import documentation
from ATPLibrary.keywords.chinese.tables import key, tables


class BilingualCore(DynamicCore):  # type: ignore[misc]
    """PythonLibCore's own translation puts Chinese in the place of English. Here each keyword that a table says has a second name:
    the same method, with arguments, words and documentation of its own.
    """

    _is_made = False

    def __init__(self, components: list[Any]) -> None:
        super().__init__(components)
        self._is_made = True
        said = tables().keywords
        self.chinese: dict[str, Alias] = {}  # by the Chinese name
        self._aliases: dict[str, Alias] = {}  # by the English name
        for keyword in [*self.keywords]:
            if entry := said.get(key(keyword)):
                alias = Alias(keyword, entry, self.keywords_spec[keyword], self.get_keyword_types(keyword))
                self.chinese[entry.name] = self._aliases[key(keyword)] = alias
                # Whoever asks for the Chinese keyword's method, tags or source finds the English one's.
                self.keywords[entry.name] = self.keywords[keyword]
                self.keywords_spec[entry.name] = alias.specification

    def __dir__(self) -> list[str]:
        """PythonLibCore looks for keywords in the library itself too, and there finds all those of its components again: reading
        each twice would make up nearly half of what making a library costs.
        """
        return [*(super().__dir__() if self._is_made else object.__dir__(self))]

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        alias = self.chinese.get(name)
        if alias is None:
            return super().run_keyword(name, args, kwargs)
        positional, named = alias.in_english(args, kwargs or {})
        try:
            return super().run_keyword(alias.keyword, positional, named)
        except ATPError as error:
            alias.explain(error)
            raise

    def get_keyword_tags(self, name: str) -> list[str]:
        tags: list[str] = [*super().get_keyword_tags(name)]
        return [tables().tags.get(tag, tag) for tag in tags] if name in self.chinese else tags

    def get_keyword_documentation(self, name: str) -> str:
        """Each names the other: libdoc makes links of that."""
        if alias := self.chinese.get(name):
            return documentation(alias, super().get_keyword_documentation(alias.keyword), self._find)
        text: str = super().get_keyword_documentation(name)
        other = self._find(name)
        return f"{text}\n\nIn Chinese: `{other.said.name}`." if other else text

    def _find(self, english: str) -> Alias | None:
        return self._aliases.get(key(english))
