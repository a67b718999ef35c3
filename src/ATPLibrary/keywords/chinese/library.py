"""A library whose keywords can be called in English and in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from robotlibcore import DynamicCore
from robotlibcore.keywords import KeywordSpecification

from ATPLibrary.errors import ATPError
from ATPLibrary.keywords.chinese.alias import Alias
from ATPLibrary.keywords.chinese.documentation import documentation
from ATPLibrary.keywords.chinese.tables import key, tables
from ATPLibrary.keywords.chinese.truths import Truths
from ATPLibrary.keywords.specifications import WhenAsked, keywords_of, specification


class BilingualCore(DynamicCore):  # type: ignore[misc]
    """PythonLibCore's own translation puts Chinese in the place of English. Here each keyword that a table says has a second name:
    the same method, with arguments, words and documentation of its own.
    """

    def __init__(self, components: list[Any]) -> None:
        super().__init__(components)
        said = tables().keywords
        self._english: dict[str, str] = {}  # by the Chinese name
        self._chinese: dict[str, str] = {}  # by the `key` of the English name
        for keyword in [*self.keywords]:
            if entry := said.get(key(keyword)):
                self._english[entry.name], self._chinese[key(keyword)] = keyword, entry.name
                # Whoever asks for the Chinese keyword's method, tags or source finds the English one's.
                self.keywords[entry.name] = self.keywords[keyword]
        self._truths = WhenAsked({*self.keywords}, self._truths_of)
        self.chinese = WhenAsked(self._english, self._alias)
        self.keywords_spec = WhenAsked({*self.keywords, "__init__"}, self._specification)

    def add_library_components(
        self, library_components: list[Any], translation: Any = None, translated_kw_names: Any = None
    ) -> None:
        """PythonLibCore's own reads each keyword's specification here, and all again through the library's own attributes."""
        for component in library_components:
            for method, keyword in keywords_of(component.__class__):
                bound = getattr(component, method)
                self.keywords[keyword] = self.attributes[method] = self.attributes[keyword] = bound

    def _specification(self, name: str) -> KeywordSpecification:
        if name in self._english:
            return self.chinese[name].specification
        return specification(type(self).__init__ if name == "__init__" else self.keywords[name].__func__)

    def _alias(self, name: str) -> Alias:
        keyword = self._english[name]
        return alias_of(keyword, self.keywords[keyword].__func__)

    def _truths_of(self, name: str) -> Truths:
        specification = self.keywords_spec[name]
        return Truths(specification.argument_specification, specification.argument_types)

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        alias = self.chinese.get(name)
        if alias is None:
            return super().run_keyword(name, *self._truths[name].said(args, kwargs or {}))
        positional, named = alias.in_english(args, kwargs or {})
        try:
            return super().run_keyword(alias.keyword, positional, named)
        except ATPError as error:
            alias.explain(error)
            raise

    def get_keyword_types(self, name: str) -> dict[str, Any]:
        return {**super().get_keyword_types(name)}  # Robot Framework takes out what the keyword returns

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
        name = self._chinese.get(key(english))
        return self.chinese[name] if name else None


@cache
def alias_of(keyword: str, function: Callable[..., Any]) -> Alias:
    """One for all libraries that have the keyword."""
    return Alias(keyword, tables().keywords[key(keyword)], specification(function))
