"""Arguments of a QMP command become what QEMU's schema says they are. The entries are as QEMU 7.2 answers `query-qmp-schema`."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.qmp.schema import Schema

pytestmark = pytest.mark.unit

SCHEMA = Schema(
    [
        {"name": "device_del", "meta-type": "command", "arg-type": "1", "ret-type": "0"},
        {"name": "device_add", "meta-type": "command", "arg-type": "2", "ret-type": "0"},
        {"name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "work", "meta-type": "command", "arg-type": "3", "ret-type": "0"},
        {"name": "DEVICE_DELETED", "meta-type": "event", "arg-type": "0"},
        {"name": "STOP", "meta-type": "event", "arg-type": "0"},
        {"name": "0", "meta-type": "object", "members": []},
        {"name": "1", "meta-type": "object", "members": [{"name": "id", "type": "str"}]},
        {"name": "2", "meta-type": "object", "members": [{"name": "driver", "type": "str"}]},
        {
            "name": "3",
            "meta-type": "object",
            "members": [
                {"name": "cpu-index", "type": "int"},
                {"name": "share", "type": "number"},
                {"name": "force", "type": "bool"},
                {"name": "mode", "type": "4"},
                {"name": "list", "type": "[str]"},
                {"name": "opts", "type": "1"},
                {"name": "value", "type": "any"},
                {"name": "with_underscore", "type": "int"},
            ],
            "tag": "mode",
            "variants": [{"case": "fast", "type": "5"}],
        },
        {"name": "4", "meta-type": "enum", "values": ["1", "fast"]},
        {"name": "5", "meta-type": "object", "members": [{"name": "speed", "type": "int"}]},
        {"name": "[str]", "meta-type": "array", "element-type": "str"},
        {"name": "str", "meta-type": "builtin", "json-type": "string"},
        {"name": "int", "meta-type": "builtin", "json-type": "int"},
        {"name": "number", "meta-type": "builtin", "json-type": "number"},
        {"name": "bool", "meta-type": "builtin", "json-type": "boolean"},
        {"name": "any", "meta-type": "builtin", "json-type": "value"},
    ]
)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ({"cpu-index": "5"}, {"cpu-index": 5}),
        ({"cpu_index": "-5"}, {"cpu-index": -5}),
        ({"with_underscore": "1"}, {"with_underscore": 1}),
        ({"share": "1"}, {"share": 1}),
        ({"share": "0.5"}, {"share": 0.5}),
        ({"force": "true"}, {"force": True}),
        ({"force": "False"}, {"force": False}),
        ({"mode": "1"}, {"mode": "1"}),
        ({"list": '["a", "b"]'}, {"list": ["a", "b"]}),
        ({"opts": '{"id": "5"}'}, {"opts": {"id": "5"}}),
        ({"value": "false"}, {"value": False}),
        ({"value": "plain text"}, {"value": "plain text"}),
        ({"speed": "9"}, {"speed": 9}),
        ({"cpu-index": 7, "force": True, "list": ["x"]}, {"cpu-index": 7, "force": True, "list": ["x"]}),
    ],
)
def test_each_argument_is_sent_as_its_type(written: dict[str, Any], sent: dict[str, Any]) -> None:
    assert SCHEMA.arguments("work", written) == sent


def test_a_text_that_looks_like_a_number_stays_text_where_text_is_wanted() -> None:
    assert SCHEMA.arguments("device_del", {"id": "5"}) == {"id": "5"}
    assert SCHEMA.arguments("device_del", {"id": "true"}) == {"id": "true"}


def test_the_properties_of_a_device_keep_their_names() -> None:
    sent = SCHEMA.arguments("device_add", {"driver": "x", "some_property": "on", "other-property": "4"})
    assert sent == {"driver": "x", "some_property": "on", "other-property": 4}


@pytest.mark.parametrize(
    ("name", "value"),
    [("cpu-index", "one"), ("cpu-index", "1.5"), ("cpu-index", "true"), ("force", "1"), ("share", "x"), ("list", "a")],
)
def test_what_is_not_of_the_type_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(
        InputError, match=rf"Argument '{name}' of QMP command 'work' should be of type \w+ but is '{value}'"
    ):
        SCHEMA.arguments("work", {name: value})


def test_an_unknown_command_is_refused_with_near_ones() -> None:
    with pytest.raises(InputError, match=r"'query-stats' .* Did you mean query-status\?"):
        SCHEMA.arguments("query-stats", {"x": "1"})
    with pytest.raises(InputError, match="query-commands"):
        SCHEMA.arguments("zzz", {})


def test_an_argument_that_the_command_does_not_take_is_refused_with_those_it_takes() -> None:
    with pytest.raises(
        InputError, match=r"Argument 'idd' of QMP command 'device_del' should be one that it takes .*It takes id\."
    ):
        SCHEMA.arguments("device_del", {"idd": "usb1"})
    with pytest.raises(InputError, match=r"'never_heard_of' of QMP command 'work'"):
        SCHEMA.arguments("work", {"never_heard_of": "5"})


def test_an_event_that_is_never_reported_is_refused_with_near_ones() -> None:
    assert SCHEMA.event("stop") == "STOP"
    with pytest.raises(InputError, match=r"QMP event 'DEVICE_DELETE' .* Did you mean DEVICE_DELETED\?"):
        SCHEMA.event("DEVICE_DELETE")
    with pytest.raises(InputError, match=r"Such as DEVICE_DELETED, STOP\."):
        SCHEMA.event("xyz")
