"""Events in the design's JSON, read strictly: what would prove less than the tester means is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.verifier.verifiers.interface import VerifyEvent, VerifyResult
from ATPLibrary.verifier.verifiers.registry import VERIFIERS

pytestmark = pytest.mark.unit

DESIGN = '{"type": "keyboard", "action": "keydown", "key": "a", "timestamp": 1234567890, "metadata": {}}'


def test_the_design_s_event_is_read_and_written_as_it_is() -> None:
    event = VerifyEvent.from_json(json.loads(DESIGN))
    assert event.to_json() == json.loads(DESIGN)
    assert str(event) == "keyboard keydown a"


def test_a_result_has_the_design_s_fields() -> None:
    result = VerifyResult("uuid", True, 1234567890, 15, {})
    wanted = {"event_id": "uuid", "verified": True, "timestamp": 1234567890, "latency_ms": 15, "details": {}}
    assert result.to_json() == wanted


def test_what_is_left_out_is_empty() -> None:
    assert VerifyEvent.from_json({"type": "mouse"}) == VerifyEvent("mouse", "", None, 0, {})
    assert VerifyEvent.from_json({"type": "mouse", "key": None, "timestamp": None, "metadata": None}).timestamp == 0


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ([], r"should be an object \(a dictionary\) but is \[\]"),
        ({}, "type should be the name of a verifier but is None"),
        ({"type": 7}, "type should be the name of a verifier but is 7"),
        ({"type": "keyboard", "meta": {}}, "Did you mean 'metadata'"),
        ({"type": "command", "exit_code": 0}, "What only one type of events has is its metadata"),
        ({"type": "keyboard", "action": 1}, "action should be a word but is 1"),
        ({"type": "keyboard", "key": ["a"]}, r"key should be a name or a number but is \['a'\]"),
        ({"type": "keyboard", "key": True}, "key should be a name or a number but is True"),
        ({"type": "keyboard", "timestamp": "now"}, "timestamp should be milliseconds"),
        ({"type": "keyboard", "timestamp": -1}, "timestamp should be milliseconds"),
        ({"type": "keyboard", "timestamp": float("nan")}, "timestamp should be milliseconds"),
        ({"type": "keyboard", "metadata": "x"}, "metadata should be an object"),
    ],
)
def test_what_is_no_event_is_refused_by_its_part(event: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        VerifyEvent.from_json(event)


def test_the_built_in_verifiers_judge_what_they_are_called() -> None:
    for name in ("keyboard", "mouse", "command"):
        assert VERIFIERS.names()[name].origin == "built in"
        assert VERIFIERS.create(name).verifier_type == name
