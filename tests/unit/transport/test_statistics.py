"""What a host's calls add up to, and how Prometheus reads it."""

from __future__ import annotations

import math
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ATPLibrary.transport.prometheus import exposition
from ATPLibrary.transport.statistics import MOST_OPERATIONS, HostStatistics, Recorder

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def snapshot(recorder: Recorder, host: str = "lab-a") -> HostStatistics:
    return recorder.snapshot(host, "connected", False, 2, 1)


def test_calls_are_counted_by_operation_without_the_names_in_it(clock: Clock) -> None:
    recorder = Recorder(clock)
    recorder.record("find VM 'a'", 10, False)
    recorder.record("find VM 'b'", 30, True)
    recorder.record("list the VMs", 2, False)
    found = snapshot(recorder)
    assert (found.requests, found.errors) == (3, 1)
    assert set(found.operations) == {"find VM", "list the VMs"}
    find = found.operations["find VM"]
    assert (find.count, find.errors, find.mean_ms, find.sum_ms) == (2, 1, 20, 40)
    assert find.p99_ms == pytest.approx(30, rel=0.01)


def test_a_host_that_was_never_asked_has_no_latency(clock: Clock) -> None:
    found = snapshot(Recorder(clock))
    assert (found.requests, found.requests_per_second) == (0, 0)
    assert math.isnan(found.p99_ms)


def test_the_rate_is_of_the_last_ten_seconds(clock: Clock) -> None:
    recorder = Recorder(clock)
    clock.now += 100
    for _ in range(50):
        recorder.record("x", 1, False)
    assert recorder.rate() == 5
    clock.now += 5
    recorder.record("x", 1, False)
    assert recorder.rate() == 5.1
    clock.now += 6
    assert recorder.rate() == 0.1
    clock.now += 60
    assert recorder.rate() == 0


def test_a_young_host_s_rate_is_over_its_own_life(clock: Clock) -> None:
    recorder = Recorder(clock)
    clock.now += 2
    for _ in range(10):
        recorder.record("x", 1, False)
    assert recorder.rate() == 5


def test_memory_is_bounded_however_operations_are_called(clock: Clock) -> None:
    recorder = Recorder(clock)
    for number in range(10 * MOST_OPERATIONS):
        clock.now += 1
        recorder.record(f"do thing {number}", 1, False)
    found = snapshot(recorder)
    assert len(found.operations) == MOST_OPERATIONS + 1
    assert found.operations["other"].count == 9 * MOST_OPERATIONS


def test_prometheus_itself_reads_the_text_with_any_name(clock: Clock) -> None:
    recorder = Recorder(clock)
    recorder.record("list the VMs", 250, True)
    name = '机架 "一"\\n\n#{x="y"} '
    families = {each.name: each for each in text_string_to_metric_families(exposition([snapshot(recorder, name)]))}
    (up,) = families["atp_host_up"].samples
    assert (up.labels, up.value) == ({"host": name}, 1)
    assert families["atp_host_errors"].type == "counter"
    (errors,) = families["atp_host_errors"].samples
    assert (errors.name, errors.labels, errors.value) == (
        "atp_host_errors_total", {"host": name, "operation": "list the VMs"}, 1
    )  # fmt: skip
    times = {
        (each.name.rpartition("_")[2], each.labels.get("quantile")): each.value
        for each in families["atp_host_call_duration_seconds"].samples
    }
    assert times == {
        ("seconds", "0.99"): pytest.approx(0.25, rel=0.1), ("sum", None): 0.25, ("count", None): 1
    }  # fmt: skip


def test_prometheus_text_has_each_family_once_and_each_sample_once(clock: Clock) -> None:
    recorder = Recorder(clock)
    recorder.record("list the VMs", 250, True)
    recorder.counts.add("opened", 2)
    text = exposition([snapshot(recorder), snapshot(recorder, 'odd "name"\\')])
    assert text.endswith("\n")
    families = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    assert len(dict(families)) == len(families)
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len({line.rpartition(" ")[0] for line in samples}) == len(samples)
    assert all(re.fullmatch(r'\w+\{(\w+="(?:[^"\\\n]|\\.)*",?)*\} (NaN|[0-9.e+-]+)', line) for line in samples), text
    assert 'atp_host_up{host="lab-a"} 1' in samples
    assert 'atp_host_connections{host="odd \\"name\\"\\\\"} 2' in samples
    assert 'atp_host_errors_total{host="lab-a",operation="list the VMs"} 1' in samples
    assert 'atp_host_connection_events_total{host="lab-a",event="opened"} 2' in samples
    assert 'atp_host_call_duration_seconds_sum{host="lab-a",operation="list the VMs"} 0.25' in samples
    assert 'atp_host_call_duration_seconds_count{host="lab-a",operation="list the VMs"} 1' in samples


def test_a_failed_attempt_to_connect_is_an_error_and_no_request(clock: Clock) -> None:
    recorder = Recorder(clock)
    recorder.record_attempt(30, failed=True)
    recorder.record_attempt(10, failed=False)
    recorder.record("list the VMs", 2, False)
    found = snapshot(recorder)
    assert (found.requests, found.errors, found.mean_ms) == (1, 1, 2)
    connecting = found.operations["connect"]
    assert (connecting.count, connecting.errors, connecting.sum_ms) == (2, 1, 40)
    families = {family.name: family for family in text_string_to_metric_families(exposition([found]))}
    errors = {sample.labels["operation"]: sample.value for sample in families["atp_host_errors"].samples}
    assert errors == {"connect": 1, "list the VMs": 0}
