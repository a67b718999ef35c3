"""Pages and timestamps in the vendor's shape."""

from __future__ import annotations

import pytest

from ATPLibrary.lab.machine import MODELS
from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal

pytestmark = pytest.mark.unit


def test_a_page_is_cut_from_all_items() -> None:
    assert answers.page(list("abcde"), 2, 2) == {
        "list": ["c", "d"],
        "pageNum": 2,
        "pageSize": 2,
        "pages": 3,
        "total": 5,
    }
    assert answers.page([], 1, 10)["pages"] == 0
    assert answers.page(list("ab"), 9, 10)["list"] == []


@pytest.mark.parametrize(("number", "size"), [(0, 10), (-1, 10), (1, 0), (1, 1001)])
def test_a_page_that_cannot_be_is_refused(number: int, size: int) -> None:
    with pytest.raises(Refusal, match="分页参数错误"):
        answers.check_page(number, size)


def test_a_timestamp_counts_as_java_does() -> None:
    """2024-02-29 12:34:56.789 UTC, a Thursday."""
    stamp = answers.timestamp(1709210096.789)
    assert stamp == {
        "time": 1709210096789, "nanos": 789000000, "year": 124, "month": 1, "date": 29, "day": 4,
        "hours": 12, "minutes": 34, "seconds": 56, "timezoneOffset": 0,
    }  # fmt: skip


def test_every_model_has_an_id_of_its_own() -> None:
    assert set(answers.MODEL_IDS) == set(MODELS)
    assert len(set(answers.MODEL_IDS.values())) == len(MODELS)
