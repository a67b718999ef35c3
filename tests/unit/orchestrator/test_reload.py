"""What is different between two configurations."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.orchestrator.reload import Changes, compare

pytestmark = pytest.mark.unit

A = {"uri": "qemu+tcp://192.0.2.1/system"}
B = {"uri": "qemu+tcp://192.0.2.2/system"}
P = {"url": "https://vdi.example.com", "password": "x"}


def config(**values: Any) -> Config:
    return Config.model_validate(values)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        (config(hosts={"a": A}), config(hosts={"a": A}), Changes()),
        (config(hosts={"a": A}), config(hosts={"a": A, "b": B}), Changes(added=("b",))),
        (config(hosts={"a": A, "b": B}), config(hosts={"b": B}), Changes(removed=("a",))),
        (config(hosts={"a": A}), config(hosts={"a": B}), Changes(changed=("a",))),
        (config(hosts={"a": A}), config(hosts={"a": {**A, "tags": ["gpu"]}}), Changes(described=("a",))),
        (config(hosts={"a": A}), config(hosts={"a": {**A, "password": "new"}}), Changes(changed=("a",))),
        (config(hosts={"a": {**A, "password": "x"}}), config(hosts={"a": {**A, "password": "x"}}), Changes()),
        (config(hosts={"a": A}), config(hosts={"a": {**A, "drained": True}}), Changes(drained=("a",))),
        (config(hosts={"a": {**A, "drained": True}}), config(hosts={"a": A}), Changes(returned=("a",))),
        (config(), config(timeouts={"boot": 5}, qmp="libvirt"), Changes(settings=("qmp", "timeouts"))),
        (config(platforms={"p": P}), config(platforms={"p": P}), Changes()),
        (config(platforms={"p": P}), config(platforms={"p": {**P, "password": "y"}}), Changes(settings=("platforms",))),
        (
            config(hosts={"a": A}),
            config(hosts={"a": A}, pool={"idle_timeout": 5}),
            Changes(changed=("a",), settings=("pool",)),
        ),
    ],
)
def test_the_difference_is_told(old: Config, new: Config, changes: Changes) -> None:
    assert compare(old, new) == changes


def test_a_difference_reads_as_a_sentence() -> None:
    assert (
        str(Changes(added=("b", "c"), settings=("timeouts",))) == "hosts added: b, c; other settings changed: timeouts"
    )
    assert str(Changes()) == "nothing changed"
