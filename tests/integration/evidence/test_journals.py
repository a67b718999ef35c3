"""Real runs of Robot Framework with input journals: a file a test, linked in the log, whole also when the test failed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_evidence_in_the_log import Run, run_robot
from .test_timelines_in_the_log import messages

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_robot("journals.robot", tmp_path_factory.mktemp("journals"), "--pythonpath", ".")


def journal(run: Run, test: str) -> list[dict[str, Any]]:
    """The lines of the one journal that the log of a test links."""
    [link] = [page.split('href="', 1)[1].split('"', 1)[0] for page in messages(run, test) if "Input journal" in page]
    return [json.loads(line) for line in run.file(link).read_text(encoding="utf-8").splitlines()]


def test_the_tests_end_as_they_should(run: Run) -> None:
    assert {test.name: test.status for test in run.tests} == {
        "Two Inputs": "PASS",
        "Fails Half Way": "FAIL",
        "Is Stopped": "FAIL",
        "Keeps None": "PASS",
        "Keeps One Again": "PASS",
    }, run.output


def test_every_edge_of_every_input_of_a_test_has_a_line_with_its_four_moments(run: Run) -> None:
    lines = journal(run, "Two Inputs")
    assert [(line["input"], line["index"]) for line in lines] == [
        *((1, n) for n in range(10)),
        *((2, n) for n in range(4)),
    ]
    assert {line["verdict"] for line in lines} == {"ok"}
    assert [line["edge"] for line in lines[-4:]] == ["key down ctrl", "key down c", "key up c", "key up ctrl"]
    assert None not in [line[moment] for line in lines for moment in ("injected", "kernel", "agent", "host")]


@pytest.mark.parametrize("test", ["Fails Half Way", "Is Stopped"])
def test_an_input_that_broke_off_has_what_arrived_and_what_did_not(run: Run, test: str) -> None:
    lines = journal(run, test)
    last = {line["index"]: line["verdict"] for line in lines}
    arrived = [index for index, verdict in last.items() if verdict == "ok"]
    assert len(arrived) >= 6
    assert len(last) > len(arrived), "what was sent and not seen is there, too"
    assert sorted(last) == list(range(len(last)))


def test_a_test_that_wants_none_has_none_and_the_next_has_one_again(run: Run) -> None:
    assert not [page for page in messages(run, "Keeps None") if "Input journal" in page]
    assert len(journal(run, "Keeps One Again")) == 10
    assert len(list((run.directory / "journals").iterdir())) == 4
