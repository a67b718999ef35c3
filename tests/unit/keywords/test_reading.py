"""Getters with a field, an assertion and a wait: what a tester writes is compared with what the platform says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import ATPError, InputError, PlatformError, VerificationError
from ATPLibrary.keywords.platform import fields, reading
from ATPLibrary.keywords.platform.base import PlatformComponent
from ATPLibrary.keywords.platform.desktops import Status
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.progress import Told
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.vdi.codes import VmStatus
from ATPLibrary.vdi.shapes.desk_pools import DeskPool
from ATPLibrary.vdi.shapes.events import PlatformEvent
from ATPLibrary.vdi.shapes.vms import Vm

pytestmark = pytest.mark.unit

VM = {"id": "7", "name": "销售-1", "status": 1, "memory": 2048, "isConnected": 1, "createTime": {"time": 0}}
POOL = {"id": "9", "name": "销售", "status": 1, "modelList": [{"id": "m", "name": "win11"}], "enabled": 0}


@pytest.fixture
def getter(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`looked_at` of what answers say, one after another, the last for good."""
    workspace = Workspace(Config())
    monkeypatch.setattr(Workspace, "_current", workspace)
    monkeypatch.setattr(reading, "FIRST_PAUSE_SECONDS", 0.001)
    workspace.platforms.current = object()  # type: ignore[assignment]

    def looked_at(answers: Any, *arguments: Any, timeout: float | None = None) -> Any:
        left = [*answers] if isinstance(answers, list) else [answers]

        async def look(client: Any, seconds: float) -> Any:
            assert seconds > 0
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        named = dict(zip(("field", "operator", "expected"), arguments, strict=False))
        return PlatformComponent().looked_at(
            "Desktop '销售-1'",
            look,
            named.pop("field", None),
            **named,
            timeout=None if timeout is None else timedelta(seconds=timeout),
        )

    return looked_at


def vm(**changes: Any) -> Vm:
    return Vm.model_validate({**VM, **changes})


def test_without_a_field_the_whole_is_returned_and_with_one_its_value_as_a_word(getter: Callable[..., Any]) -> None:
    assert getter(vm()) == vm()
    assert getter(vm(), "status") == "running"
    assert getter(vm(), "Status") == "running"
    assert getter(vm(), "memory") == 2048
    assert getter(vm(), "is_connected") is True
    assert getter(vm(), "is running") is True
    assert getter(vm(), "create_time").year == 1970
    assert getter(vm(status=77), "status") == 77
    assert getter(PlatformEvent(id="1", is_success=0), "is_success") == 0  # the vendor's number for success, not "no"
    assert getter(PlatformEvent(id="1", is_success=0), "outcome") == "succeeded"


def test_a_field_that_is_not_there_is_told_in_the_language_that_was_asked_in(getter: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"should have a field '状太' but has none\. Near it are: 状态\.$"):
        getter(vm(), "状太")
    with pytest.raises(InputError, match=r"It has: 编号, 名称, 状态, .*, 内存, "):
        getter(vm(), "颜色")


def test_a_field_that_is_not_there_is_named_once_beside_the_near_ones(getter: Callable[..., Any]) -> None:
    with pytest.raises(
        InputError, match=r"^Desktop '销售-1' should have a field 'statos' but has none\. Near it are: status"
    ):
        getter(vm(), "statos")


@pytest.mark.parametrize(
    "assertion",
    [
        ("status", "==", "running"),
        ("status", "==", "Running"),
        ("status", "!=", "shut off"),
        ("status", "!=", "shut_off"),
        ("memory", "==", "2048"),
        ("memory", ">=", "1024"),
        ("is_connected", "==", "yes"),
        ("name", "contains", "销售"),
        ("remark", "==", "None"),
        ("name", "!=", "None"),
        ("remark", "!=", "x"),
    ],
)
def test_an_assertion_is_about_the_value_as_it_is_written(
    getter: Callable[..., Any], assertion: tuple[str, ...]
) -> None:
    getter(vm(), *assertion)


def test_the_names_in_a_list_are_compared(getter: Callable[..., Any]) -> None:
    pool = DeskPool.model_validate(POOL)
    getter(pool, "models", "contains", "win11")
    with pytest.raises(VerificationError):
        getter(pool, "models", "contains", "win10")
    assert getter(pool, "models")[0].id == "m"


@pytest.mark.parametrize(
    ("assertion", "sentence"),
    [
        (("status", "==", "shut off"), "Desktop '销售-1': status should be 'shut off' but is 'running'."),
        (("memory", "<", "1000"), "Desktop '销售-1': memory should be < 1000 but is 2048."),
        (("is_connected", "==", "False"), "Desktop '销售-1': is_connected should be False but is True."),
        (
            ("remark", "contains", "x"),
            "Desktop '销售-1': remark should contain 'x' but the platform says nothing of it.",
        ),
        (("remark", "==", "x"), "Desktop '销售-1': remark should be 'x' but the platform says nothing of it."),
        (
            ("remark", "!=", "None"),
            "Desktop '销售-1': remark should not be 'None' but the platform says nothing of it.",
        ),
    ],
)
def test_what_does_not_hold_is_said_with_both_values(
    getter: Callable[..., Any], assertion: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(VerificationError) as caught:
        getter(vm(), *assertion)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("assertion", "words"),
    [
        (("statsu",), "Near it are: status"),
        (("status", "==", "runing"), "'runing' is none of them"),
        (("memory", ">", "much"), "'much' is none"),
        (("is_connected", "==", "perhaps"), "'perhaps' is neither"),
        (("status", "=="), "has only the operator =="),
        ((None, "==", "running"), "Name one of: id, name, status"),
    ],
)
def test_what_makes_no_sense_is_an_input_error_at_once(
    getter: Callable[..., Any], assertion: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        getter(vm(), *assertion, timeout=100 if len(assertion) == 3 else None)
    assert words in str(caught.value)


def test_with_a_timeout_it_is_waited_for_and_each_change_is_told(
    getter: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    states = [vm(status=0), vm(status=0), vm(status=5), vm(status=1)]
    assert getter(states, "status", "==", "running", timeout=60) == "running"
    assert caplog.messages == [
        "Desktop '销售-1': status is 'shut off'; waiting.",
        "Desktop '销售-1': status is 'busy'; waiting.",
        "Desktop '销售-1': status is 'running'.",
    ]


def test_what_does_not_come_is_said_with_what_was_seen(getter: Callable[..., Any]) -> None:
    with pytest.raises(VerificationError) as caught:
        getter([vm(status=0), vm(status=5)], "status", "==", "running", timeout=0.05)
    assert str(caught.value) == (
        "Desktop '销售-1': status should be 'running' but is 'busy', after 0.05 s of waiting. Before that: 'shut off'."
    )


def test_an_error_of_the_question_ends_the_wait(getter: Callable[..., Any]) -> None:
    with pytest.raises(PlatformError, match="no VM"):
        getter([vm(status=0), PlatformError("no VM '销售-1'")], "status", "==", "running", timeout=60)


def test_what_is_no_shape_is_asserted_as_it_is(getter: Callable[..., Any]) -> None:
    assert getter("<domain/>", None, "contains", "domain") == "<domain/>"
    assert getter([["a", "b"]], None, "contains", "b") == ["a", "b"]


def test_dataclasses_and_dictionaries_have_fields_too(getter: Callable[..., Any]) -> None:
    @dataclass
    class Counts:
        inside: int = 3

    assert getter(Counts(), "inside", ">", "2") == 3
    assert getter({"inside": 3}, "inside", "==", "3") == 3


def event(number: int, **fields: Any) -> PlatformEvent:
    return PlatformEvent.model_validate({"id": str(number), "description": "启动虚机", **fields})


def test_a_few_operations_are_told_one_by_one() -> None:
    said: list[str] = []
    told = Told("Starting desktops", 2, said.append)
    told(event(1, domainName="a"))
    told(event(1, domainName="a", isSuccess=0))
    told(event(2, domainName="b", isSuccess=1, errorReason="内存不足"))
    assert said == [
        "Starting desktops: 启动虚机 'a' pending",
        "Starting desktops: 启动虚机 'a' succeeded",
        "Starting desktops: 启动虚机 'b' failed: 内存不足",
    ]


def test_of_many_operations_each_tenth_is_told() -> None:
    said: list[str] = []
    told = Told("Starting desktops", 50, said.append)
    for number in range(50):
        told(event(number))
        told(event(number, isSuccess=int(number == 7)))
    assert len(said) == 10
    assert said[0] == "Starting desktops: 5 of 50 have ended"
    assert said[-1] == "Starting desktops: 50 of 50 have ended, 1 failed"


def test_statuses_are_told_in_the_words_in_which_they_are_asked_for() -> None:
    assert [*get_args(Status)] == [fields.word(each).replace(" ", "_") for each in VmStatus]
    assert fields.counted([VmStatus.RUNNING, VmStatus.SHUT_OFF, VmStatus.RUNNING]) == "2 running, 1 shut off"
    assert fields.counted([77, None]) == "1 of status 77, 1 of no known status"


def test_errors_are_ours(getter: Callable[..., Any]) -> None:
    with pytest.raises(ATPError, match="be a time from now on"):
        getter(vm(), "status", "==", "running", timeout=-1)


@pytest.fixture
def should(getter: Callable[..., Any]) -> Callable[..., Any]:
    """`Looking.should` of what a look says, one after another, the last for good. It returns how often was looked."""

    def should(*answers: tuple[bool | None, str], timeout: float | None = None) -> int:
        looks = 0

        async def look(client: Any, seconds: float) -> tuple[bool | None, str]:
            nonlocal looks
            looks += 1
            return answers[min(looks, len(answers)) - 1]

        waited = None if timeout is None else timedelta(seconds=timeout)
        Looking().should("Desk pool '销售'", "have running=2", look, waited)
        return looks

    return should


def test_what_is_expected_of_several_things_at_once_is_waited_for_in_the_same_way(
    should: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert should((True, "it has 2")) == 1
    assert should((False, "it has 0"), (False, "it has 0"), (False, "it has 1"), (True, "it has 2"), timeout=60) == 4
    assert caplog.messages == [
        "Desk pool '销售' should have running=2, but it has 0; waiting.",
        "Desk pool '销售' should have running=2, but it has 1; waiting.",
    ]


def test_what_is_not_so_in_time_says_what_was_wanted_what_there_is_and_how_long_it_took(
    should: Callable[..., Any],
) -> None:
    with pytest.raises(VerificationError, match=r"^Desk pool '销售' should have running=2 but it has 0\.$"):
        should((False, "it has 0"))
    with pytest.raises(VerificationError) as caught:
        should((False, "it has 0"), (False, "it has 1"), timeout=0.05)
    assert str(caught.value) == (
        "Desk pool '销售' should have running=2 but it has 1, after 0.05 s of waiting. Before that: it has 0."
    )


def test_what_will_never_be_so_is_not_waited_for(should: Callable[..., Any]) -> None:
    with pytest.raises(VerificationError, match=r"^Desk pool '销售' should have running=2 but it is gone\.$"):
        should((False, "it has 0"), (None, "it is gone"), timeout=60)
