"""Real runs of Robot Framework: input timelines as files beside the log, and as pictures in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.result import ResultVisitor

from .test_evidence_in_the_log import Run, run_robot

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_robot("timelines.robot", tmp_path_factory.mktemp("timelines"))


class _Messages(ResultVisitor):
    def __init__(self, test: str) -> None:
        self.html: list[str] = []
        self._wanted = test

    def start_test(self, test: Any) -> bool:
        return bool(test.name == self._wanted)

    def visit_message(self, message: Any) -> None:
        if message.html:
            self.html.append(message.message)


def messages(run: Run, test: str) -> list[str]:
    """The HTML that stands in the log of a test."""
    collector = _Messages(test)
    ExecutionResult(run.directory / "output.xml").visit(collector)
    return collector.html


def test_everything_in_the_suite_passes(run: Run) -> None:
    assert {test.name: test.message for test in run.tests if test.status != "PASS"} == {}, run.output
    assert len(run.tests) > 1


def test_files_stand_beside_the_log_and_none_takes_anothers_name(run: Run) -> None:
    def links(page: str) -> str:
        return page.split('href="')[1].split('"', maxsplit=1)[0]

    linked = [links(page) for page in messages(run, "Saved")]
    assert linked == [
        "timelines/win11-1.csv",
        "timelines/win11-1.json",
        "timelines/win11-2.csv",
        "own/hello.JSON",
        "timelines/win11-2.json",
    ]
    tables = [run.file(link).read_text(encoding="utf-8-sig") for link in (linked[0], linked[2])]
    assert len(tables[0].splitlines()) == 1 + 2 * 2 * 5
    assert tables[0] == tables[1]
    for link in (linked[1], linked[3], linked[4]):
        document = json.loads(run.file(link).read_text(encoding="utf-8"))
        assert [each["what"] for each in document["inputs"]] == ["text 'hello'", "text 'world'"]
        assert [each["edges"] for each in document["inputs"]] == [10, 10]


def test_the_newest_input_is_shown_first_and_what_was_lost_is_open_and_red(run: Run) -> None:
    [page] = [page for page in messages(run, "Shown") if not page.startswith("<b>Evidence")]
    newest, older = page.split("<details")[1:]
    assert newest.startswith(" open><summary>Input text &#x27;world&#x27;")
    assert older.startswith("><summary>Input text &#x27;hello&#x27;")
    assert newest.count('<g fill="#d22">') == 1
    assert "<svg" in older
    assert '<g fill="#d22">' not in older
