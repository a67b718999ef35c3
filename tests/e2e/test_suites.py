"""`robot suites/`, as a user runs it: in the lab, from the repository's root, with nothing but the configuration."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult, ResultVisitor

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
DEADLINE = 600.0


class Messages(ResultVisitor):  # type: ignore[misc]
    """Every message of the log by the keyword that wrote it."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._keywords: list[str] = []

    def start_keyword(self, keyword: Any) -> None:
        self._keywords.append(keyword.name or "")

    def end_keyword(self, keyword: Any) -> None:
        self._keywords.pop()

    def visit_message(self, message: Any) -> None:
        self.found.append((self._keywords[-1] if self._keywords else "", message.message))


def run(lab: Any, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(directory), *arguments],
        cwd=ROOT,
        env={**os.environ, "ATP_LAB_DIR": str(lab.directory), "ATP_CONFIG": str(lab.directory / "config.yaml")},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    print(ran.stdout[-20_000:], ran.stderr[-5000:])
    return ran


@pytest.fixture(scope="module")
def output(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the one run has written to."""
    directory = tmp_path_factory.mktemp("results")
    run(lab, directory, "--exclude", "stress", "--exclude", "needs-desktop", "suites/")
    return directory


@pytest.fixture(scope="module")
def result(output: Path) -> Any:
    return ExecutionResult(output / "output.xml")


@pytest.fixture(scope="module")
def messages(result: Any) -> list[tuple[str, str]]:
    visitor = Messages()
    result.suite.visit(visitor)
    return visitor.found


def test_every_suite_passes(result: Any) -> None:
    assert {test.full_name: test.message for test in result.suite.all_tests if not test.passed} == {}
    elsewhere = {"__init__", "spice_agent"}  # the latter is run by test_spice_agent.py, with a desktop
    files = [path for path in (ROOT / "suites").glob("*.robot") if path.stem not in elsewhere]
    expected = {path.stem.replace("_", " ").title() for path in files} | {"zh CN"}
    assert {suite.name for suite in result.suite.suites} == expected
    assert result.return_code == 0


def test_the_log_is_small(output: Path) -> None:
    assert (output / "log.html").stat().st_size < 1_000_000


def test_each_verified_text_has_one_line_that_says_what_arrived_and_how_fast(messages: list[tuple[str, str]]) -> None:
    lines = [text for keyword, text in messages if keyword == "Type Text" and "not verified" not in text]
    sentence = re.compile(
        r"\d+ characters, \d+ edges, lost 0, duplicated 0, reordered 0; latency p50 .* p95 .* p99 .* ms"
    )
    verified = [line for line in lines if sentence.match(line)]
    assert len(verified) > 10
    assert any("not verified" in text for _, text in messages), "the negative suite types once without proof"


def test_no_secret_is_in_what_was_written(lab: Any, output: Path) -> None:
    config = yaml.safe_load((lab.directory / "config.yaml").read_text(encoding="utf-8"))
    password = next(iter(config["platforms"].values()))["password"]
    assert len(password) >= 4
    for file in output.rglob("*"):
        if file.suffix in (".xml", ".html", ".csv", ".json"):
            assert password not in file.read_text(encoding="utf-8"), file.name


def test_nothing_is_left_on_the_platform_s_hosts(result: Any, lab: Any) -> None:
    """Beside the models, libvirt knows no VM on any host after the run."""
    import libvirt

    config = yaml.safe_load((lab.directory / "config.yaml").read_text(encoding="utf-8"))
    left = []
    for host in config["hosts"].values():
        connection = libvirt.open(host["uri"])
        left += [domain.name() for domain in connection.listAllDomains() if domain.isActive()]
        connection.close()
    assert left == []


def test_the_stress_suite_s_life_of_desktops_passes_with_two(lab: Any, tmp_path: Path) -> None:
    """With fifty, and with a platform that is killed, `make bench` runs it."""
    ran = run(lab, tmp_path, "--variable", "DESKTOPS:2", "--suite", "Stress.Desktops", "suites/stress")
    tests = list(ExecutionResult(tmp_path / "output.xml").suite.all_tests)
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 4
    assert ran.returncode == 0
