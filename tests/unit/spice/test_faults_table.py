"""docs/spice-faults.md: each row is a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
TESTS = Path(__file__).parents[2]
TABLE = TESTS.parent / "docs" / "spice-faults.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| fault |")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_tests_that_exist(row: list[str]) -> None:
    fault, _, _, test, real = row
    named = re.findall(r"`([^`]+\.py)(?:::(\w+))?`", test + real)
    assert named, f"'{fault}' names no test"
    for file, function in named:
        source = (TESTS / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in source, f"{file} has no {function}"


def test_every_must_of_the_list_is_there() -> None:
    faults = " ".join(row[0] for row in ROWS)
    for word in (
        *("wrong password", "TLS only", "doesn't have", "another client takes", "any byte of the link"),
        *("a length, count, pointer or list that lies", "an image that lies about its size", "bomb"),
    ):
        assert word in faults
