"""The Chinese keywords beside the English ones: each is a second name of the same method.

`tables/` has them, a module a topic, which is found by itself; `words.py` has what they are made of: terms, arguments, words for
values, tags, fields. A new keyword goes into a table; tests/unit/keywords/test_chinese.py says what is missing and where to add it.
"""

from __future__ import annotations

from ATPLibrary.keywords.chinese.library import BilingualCore

__all__ = ["BilingualCore"]
