"""The platform's keywords as one: what they share is called the same, has the same type, and stands in the same place."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from ATPLibrary import VDIPlatform
from ATPLibrary.keywords.platform.components import PLATFORM_COMPONENTS
from ATPLibrary.keywords.specifications import keywords_of

pytestmark = pytest.mark.unit

# One word that means different things, each in its own sentence.
DIFFERENT = {
    "begin": "a count of users is of a day, a log of a moment",
    "end": "the same",
    "bound": "how many are, or whether",
    "level": "an alarm's, or a closing level",
    "path": "a host's or an archive's, which this machine can't look at, or a file here",
    "restore_point": "how often it restores, or whether",
    "status": "a desktop's or a host's",
}
BY_NAME_ONLY = {"closing", "wait", "remark", "of"}


def arguments(library: VDIPlatform, keyword: str) -> tuple[list[str], list[str]]:
    """What may be given by place, and what by name only."""
    names = [each[0] if isinstance(each, tuple) else each for each in library.get_keyword_arguments(keyword)]
    by_place = next((place for place, name in enumerate(names) if name.startswith("*")), len(names))
    return names[:by_place], [name for name in names[by_place:] if not name.startswith("*")]


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[list[str], list[str], dict[str, Any]]]:
    library = VDIPlatform()
    names = [name for component in PLATFORM_COMPONENTS for _, name in keywords_of(component)]
    assert len(names) > 200
    return {name: (*arguments(library, name), library.get_keyword_types(name)) for name in names}


def test_an_argument_of_one_name_has_one_type(said: dict[str, Any]) -> None:
    types: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for keyword, (by_place, by_name, kinds) in said.items():
        for name in (*by_place, *by_name):
            types[name][str(kinds[name])].append(keyword)
    several = {
        name: {kind: names[:3] for kind, names in kinds.items()} for name, kinds in types.items() if len(kinds) > 1
    }
    assert {name: kinds for name, kinds in several.items() if name not in DIFFERENT} == {}
    assert DIFFERENT.keys() <= several.keys()


def test_what_is_said_by_name_is_said_so_everywhere(said: dict[str, Any]) -> None:
    wrong = {keyword: BY_NAME_ONLY & {*by_place} for keyword, (by_place, _, _) in said.items()}
    assert {keyword: names for keyword, names in wrong.items() if names} == {}


def test_what_many_have_comes_last_in_one_order(said: dict[str, Any]) -> None:
    order = ("wait", "closing", "timeout")
    asserting = ["field", "operator", "expected"]
    for keyword, (by_place, by_name, _) in said.items():
        assert [name for name in by_name if name in order] == [name for name in order if name in by_name], keyword
        if "wait" in by_name or "closing" in by_name:
            assert by_name[-1] == "timeout", keyword
        if "operator" in by_place:
            expected = [name for name in asserting if name in by_place]
            assert by_place[-len(expected) :] == expected, keyword
            assert by_name[-1] == "timeout", keyword
