"""Whatever makes a thing that goes at the closing level takes `closing`, the same in every keyword."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import pytest

from ATPLibrary import VDIPlatform
from ATPLibrary.keywords.platform.components import PLATFORM_COMPONENTS
from ATPLibrary.orchestrator.creations import ClosingLevel

pytestmark = pytest.mark.unit

REMEMBERING = {"making", "remember", "making_user", "making_desktop"}
MAKING = ("create_", "clone_", "import_", "add_")
# A link says for how many days it is good; desktops that a desk pool gets were there before.
NOTHING_TO_REMOVE = {"create_model_upgrade_link", "add_desktops_to_desk_pool"}


def called(function: ast.AST) -> set[str]:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in calls}


def making() -> Iterator[str]:
    """The methods that remember what they made, also by one of their own component's methods."""
    for component in PLATFORM_COMPONENTS:
        [tree] = ast.parse(inspect.getsource(component)).body
        assert isinstance(tree, ast.ClassDef)
        methods = {each.name: called(each) for each in tree.body if isinstance(each, ast.FunctionDef)}
        remember = REMEMBERING
        while more := {name for name, calls in methods.items() if calls & remember} - remember:
            remember = remember | more
        yield from (name for name in methods if name in remember and not name.startswith("_"))


def test_every_keyword_that_makes_something_takes_the_closing_level_by_name() -> None:
    library = VDIPlatform()
    methods = {library.keywords[name].__name__: name for name in library.get_keyword_names() if name.isascii()}
    found = {*making()}
    assert len(found) > 25
    found |= {name for name in methods if name.startswith(MAKING)} - NOTHING_TO_REMOVE
    wrong = {}
    for name in sorted(found):
        arguments = library.get_keyword_arguments(methods[name])
        places = [each[0] if isinstance(each, tuple) else each for each in arguments]
        first = next((number for number, each in enumerate(places) if each.startswith("*")), len(places))
        if (
            library.get_keyword_types(methods[name]).get("closing") is not ClosingLevel
            or ("closing", None) not in arguments[first:]
            or places[-2:] != ["closing", "timeout"]
        ):
            wrong[name] = places
    assert wrong == {}
