"""Real runs of Robot Framework: what stands in the log and beside it when keywords fail."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from robot.api import ExecutionResult
from robot.result import ResultVisitor

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
DEADLINE = 240.0


@dataclass(frozen=True)
class Shown:
    """One message of evidence: where it stands in the log, and its HTML."""

    test: str
    item: str
    html: str

    @property
    def text(self) -> str:
        collector = _Text()
        collector.feed(self.html)
        return collector.text

    @property
    def links(self) -> list[str]:
        return re.findall(r'href="([^"]*)"', self.html)

    @property
    def pictures(self) -> list[str]:
        return re.findall(r'src="([^"]*)"', self.html)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


class _Collector(ResultVisitor):
    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.tests: list[Any] = []
        self._test = ""

    def start_test(self, test: Any) -> None:
        self._test = test.name
        self.tests.append(test)

    def end_test(self, test: Any) -> None:
        self._test = ""

    def visit_message(self, message: Any) -> None:
        if re.match(r"(<\w+>)*Evidence", message.message):
            parent = message.parent
            item = parent.type if parent.type in ("TEST", "TRY/EXCEPT ROOT", "VAR") else parent.name
            self.shown.append(Shown(self._test, item, message.message))


@dataclass(frozen=True)
class Run:
    directory: Path
    output: str
    shown: list[Shown]
    tests: list[Any]

    def of(self, test: str) -> list[Shown]:
        return [shown for shown in self.shown if shown.test == test]

    def items(self, test: str) -> list[str]:
        return [shown.item for shown in self.of(test)]

    def file(self, link: str, log_directory: Path | None = None) -> Path:
        return (log_directory or self.directory) / unquote(link)


def start_robot(suite: Path, directory: Path, *options: str) -> subprocess.Popen[str]:
    directory.mkdir(parents=True, exist_ok=True)
    bench = directory / "bench"
    bench.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "robot", "--pythonpath", str(HERE), "-d", str(directory), *options, str(suite)]
    environment = os.environ | {"BENCH_DIRECTORY": str(bench), "PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        command, env=environment, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process: subprocess.Popen[str], directory: Path, output: str = "output.xml") -> Run:
    try:
        text, _ = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    collector = _Collector()
    if (directory / output).exists():
        ExecutionResult(directory / output).visit(collector)
    return Run(directory, text, collector.shown, collector.tests)


def run_robot(suite: str | Path, directory: Path, *options: str) -> Run:
    return finish(start_robot(HERE / suite, directory, *options), directory)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`failing.robot`, run once: its tests are the cases."""
    return run_robot("failing.robot", tmp_path_factory.mktemp("failing"))


@pytest.mark.parametrize(
    ("test", "items"),
    [
        ("BuiltIn Fails", ["Should Be Equal"]),
        ("User Keyword Fails", ["Should Be Equal"]),
        ("Library Keyword Fails", ["Second Fails"]),
        ("Lost Edge", ["Type At Bench"]),
        ("Timeout Stops It", ["Sleep Until Stopped"]),
        ("Timeout Inside Keyword", ["Sleep Until Stopped"]),
        ("Setup Fails", ["Fail"]),
        ("Teardown Fails", ["Fail"]),
        ("Invalid Variable", ["VAR"]),
        ("Unknown Keyword", ["No Such Keyword At All"]),
    ],
)
def test_a_failure_is_shown_once_at_the_innermost_failing_keyword(run: Run, test: str, items: list[str]) -> None:
    assert run.items(test) == items
    [shown] = run.of(test)
    assert "win11" in shown.text
    assert "running (booted)" in shown.text
    assert shown.pictures[0].startswith("data:image/")
    assert run.file(shown.links[0]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "test", ["Passing", "Swallowed By TRY", "Swallowed By BuiltIn", "Polling Passes In The End", "Skipped"]
)
def test_a_failure_that_the_test_handles_leaves_nothing(run: Run, test: str) -> None:
    [result] = [each for each in run.tests if each.name == test]
    assert result.status in ("PASS", "SKIP"), result.message
    assert run.of(test) == []
    stem = f"Failing-{test.replace(' ', '_')}-"
    assert [path for path in (run.directory / "evidence").iterdir() if path.name.startswith(stem)] == []


def test_what_a_handler_lets_through_is_shown_at_the_handler(run: Run) -> None:
    assert set(run.items("Polling Fails In The End")) == {"Wait Until Keyword Succeeds"}
    assert run.items("Not The Expected Error") == ["Run Keyword And Expect Error"]
    assert run.items("TRY Without A Matching EXCEPT") == ["TRY/EXCEPT ROOT"]


def test_a_failing_except_shows_its_own_failure_and_the_one_it_was_for(run: Run) -> None:
    assert run.items("EXCEPT Fails Itself") == ["Fail", "TRY/EXCEPT ROOT"]
    assert "'BuiltIn.Should Be Equal' failed" in run.of("EXCEPT Fails Itself")[1].text


def test_a_handled_failure_is_shown_at_the_end_of_a_test_that_fails_later(run: Run) -> None:
    assert run.items("Handled And Then Failed") == ["Should Be Equal", "TEST"]
    handled = run.of("Handled And Then Failed")[1]
    assert handled.text.startswith("Evidence: when 'SecondBench.Second Fails' failed, which the test handled")
    assert handled.html.startswith("<details>"), "folded: it may have been meant"


def test_the_timeline_shows_the_lost_edge_and_the_table_has_every_edge(run: Run) -> None:
    [shown] = run.of("Lost Edge")
    assert "<details open>" in shown.html
    assert "lost 1" in shown.text
    assert re.search(r"<tr style=\"color:#d22[^\"]*\"><td[^>]*>key up  </td>.*?>lost</td>", shown.html)
    assert "more" in shown.text
    [table] = [link for link in shown.links if link.endswith(".csv")]
    assert len(run.file(table).read_text(encoding="utf-8-sig").splitlines()) == 1 + 2 * 43


def test_events_and_console_are_shown_escaped_and_plain(run: Run) -> None:
    [shown] = run.of("BuiltIn Fails")
    assert "libvirt.lifecycle.started (detail=<booted> & more)" in shown.text
    assert "<booted>" not in shown.html
    assert "host:bench connected" in shown.text
    assert "boot line 59" in shown.text
    assert "boot line 20" in shown.text
    assert "boot line 19" not in shown.text
    assert "\x1b" not in shown.html
    assert "[32m" not in shown.html


def test_many_failures_in_one_test_share_pictures_and_stay_few(run: Run) -> None:
    shown = run.of("Continues After Failures")
    assert [each.item for each in shown] == ["Fail"] * 5 + ["TEST"] * 4
    assert len({link for each in shown for link in each.links}) < len(shown)


def test_file_names_keep_the_language_and_links_are_encoded(run: Run) -> None:
    [shown] = [each for each in run.shown if each.test.startswith("测试桌面池")]
    assert shown.links[0].isascii()
    assert not re.search(r"[ <>\"'#&]", shown.links[0])
    assert run.file(shown.links[0]).is_file()
    assert any("测试桌面池" in path.name for path in (run.directory / "evidence").iterdir())


def test_two_tests_of_one_name_have_files_of_their_own(run: Run) -> None:
    first, second = run.of("Twice")
    assert run.file(first.links[0]).is_file()
    assert run.file(second.links[0]).is_file()
    assert first.links != second.links


def test_long_names_are_cut_between_characters(run: Run) -> None:
    [shown] = [each for each in run.shown if each.test.startswith("A very long name")]
    path = run.file(shown.links[0])
    assert path.is_file()
    assert all(len(part.encode()) <= 200 for part in path.parts)


def test_a_secret_is_neither_in_the_log_nor_in_file_names(run: Run) -> None:
    [shown] = run.of("Secret")
    assert "hunter2" not in shown.html
    assert "36 edges" in shown.text
    assert "key down" not in shown.text, "the letters would spell it"
    tables = [run.file(link).read_text(encoding="utf-8") for link in shown.links if link.endswith(".csv")]
    assert len(tables) == 1
    assert "key down" not in tables[0]
    assert not [path for path in (run.directory / "evidence").rglob("*") if "hunter2" in str(path)]


def test_a_part_that_cannot_be_had_says_why_in_one_line(run: Run) -> None:
    [shown] = run.of("Broken")
    assert "no console: /nowhere/console.log can't be read on this machine (No such file or directory)" in shown.text
    assert "shaky" in shown.text
    assert shown.pictures[0].startswith("data:image/"), "libvirt gave the picture that QMP refused"
    [garbled] = run.of("Garbled")
    assert "The screen can't be shown" in garbled.text


def test_without_a_vm_the_last_events_are_shown(run: Run) -> None:
    [shown] = run.of("No VM")
    assert "host:bench connected" in shown.text
    assert shown.pictures == []


def test_more_vms_than_enough_are_named(run: Run) -> None:
    [shown] = run.of("Six VMs")
    assert len(shown.pictures) == 4
    assert shown.text.index("VM e at") < shown.text.index("VM win11 at"), "the current VM comes first"
    assert "Not looked at, because 4 VMs are enough: c, d" in shown.text


def test_the_listener_of_several_libraries_never_complains(run: Run) -> None:
    assert "listener" not in run.output
    assert "Evidence could not be gathered" not in (run.directory / "output.xml").read_text(encoding="utf-8")


def test_a_host_that_never_answers_hides_neither_the_failure_nor_the_other_vms(tmp_path: Path) -> None:
    run = run_robot("dead_host.robot", tmp_path)
    [test] = run.tests
    assert test.message == "the original failure"
    [shown] = run.shown
    assert "VM lost" in shown.text
    assert "no state: no answer within 2 s" in shown.text
    assert "no screen: " in shown.text
    assert "VM alive" in shown.text
    assert len(shown.pictures) == 1, "the living VM's screen is shown all the same"


def test_a_suites_setup_and_teardown_are_shown(tmp_path: Path) -> None:
    run = run_robot("suite_fixtures.robot", tmp_path)
    assert [shown.item for shown in run.shown] == ["Fail", "Fail"]
    assert all(run.file(shown.links[0]).is_file() for shown in run.shown)


def test_ctrl_c_is_not_followed_by_gathering(tmp_path: Path) -> None:
    process = start_robot(HERE / "stopped.robot", tmp_path)
    sleeping = tmp_path / "bench" / "sleeping"
    until = time.monotonic() + DEADLINE
    while not sleeping.exists():
        assert time.monotonic() < until, "the keyword never started"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    run = finish(process, tmp_path)
    assert "Execution terminated by signal" in run.output
    assert run.shown == []


def test_a_dry_run_looks_at_nothing(tmp_path: Path) -> None:
    run = run_robot("failing.robot", tmp_path, "--dryrun", "--test", "Unknown Keyword")
    assert "No keyword with name" in run.output
    assert run.shown == []


def test_tasks_are_treated_like_tests(tmp_path: Path) -> None:
    run = run_robot("failing.robot", tmp_path, "--rpa", "--task", "Polling Fails In The End", "--task", "Twice")
    assert [shown.item for shown in run.shown][-2:] == ["Fail", "Fail"]
    assert (tmp_path / "evidence" / "Failing-Twice-2").is_dir()


def test_output_as_json_has_the_same_evidence(tmp_path: Path) -> None:
    process = start_robot(HERE / "suite_fixtures.robot", tmp_path, "--output", "output.json")
    run = finish(process, tmp_path, "output.json")
    assert len(run.shown) == 2


def test_links_lead_from_a_log_that_is_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "html").mkdir()
    run = run_robot("suite_fixtures.robot", tmp_path, "--log", "html/log.html")
    assert [run.file(shown.links[0], tmp_path / "html").is_file() for shown in run.shown] == [True, True]


def test_a_run_without_output_writes_no_files(tmp_path: Path) -> None:
    run = run_robot("suite_fixtures.robot", tmp_path, "--output", "NONE", "--console", "dotted")
    assert "the suite's set-up failed" in run.output
    assert "listener" not in run.output
    assert not (tmp_path / "evidence").exists()


def test_a_directory_that_cannot_be_written_costs_the_files_only(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file where the directory should be")
    run = run_robot("suite_fixtures.robot", tmp_path)
    assert "Not all files were written: " in run.shown[0].text
    assert "running (booted)" in run.shown[0].text


def test_a_run_by_pabot_writes_beside_the_merged_log(tmp_path: Path) -> None:
    directory = tmp_path / "pabot_results" / "0"
    run = run_robot("suite_fixtures.robot", directory)
    for shown in run.shown:
        assert shown.links[0].startswith("../../evidence/"), "pabot takes `../../` off when it merges"
        assert run.file(shown.links[0]).is_file()
    assert not (directory / "evidence").exists()


def test_two_hundred_failures_keep_the_log_under_a_megabyte(tmp_path: Path) -> None:
    suite = tmp_path / "many.robot"
    tests = "".join(f"Failing {number}\n    failure {number}\n" for number in range(200))
    suite.write_text((HERE / "many.robot").read_text(encoding="utf-8") + tests, encoding="utf-8")
    run = finish(start_robot(suite, tmp_path / "results"), tmp_path / "results")
    assert len(run.shown) == 200
    size = (tmp_path / "results" / "log.html").stat().st_size
    print(f"log.html of 200 failures: {size} bytes")
    assert size < 1_000_000
