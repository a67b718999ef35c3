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


class _NoGuest:
    """One who asks it would have sent the event."""

    name = "win11"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"type": "keyboard", "action": "keypress", "key": "c", "metadata": {"modifiers": ["ctrl"]}},
            "metadata of a keyboard event 'keypress' should be empty but has modifiers",
        ),
        (
            {"type": "mouse", "action": "click", "key": "left", "metadata": {"x": 30000, "y": 30000}},
            "metadata of a mouse event 'click' should be empty but has x, y",
        ),
        (
            {"type": "mouse", "action": "move", "metadata": {"x": 1, "y": 1, "tolerence": 2}},
            "should have x, y, tolerance or dx, dy but has tolerence. Did you mean 'tolerance'?",
        ),
        ({"type": "mouse", "action": "move", "metadata": {"x": 1, "dy": 1}}, "should have x, y, tolerance or dx, dy"),
        ({"type": "mouse", "action": "wheel", "metadata": {"notches": 1}}, "should have delta, horizontal but has"),
    ],
)
async def test_metadata_that_the_agent_would_not_look_at_is_refused(event: dict[str, Any], said: str) -> None:
    guest: Any = _NoGuest()
    with pytest.raises(InputError) as caught:
        await VERIFIERS.create(event["type"]).verify(VerifyEvent.from_json(event), guest, 1)
    assert said in str(caught.value)


def test_the_built_in_verifiers_judge_what_they_are_called() -> None:
    for name in ("keyboard", "mouse", "command"):
        assert VERIFIERS.names()[name].origin == "built in"
        assert VERIFIERS.create(name).verifier_type == name
