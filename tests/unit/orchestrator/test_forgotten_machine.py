"""What others remember of a VM, such as the last look at its screen, goes with it."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from ATPLibrary.config import Config
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator.machine import Machine

pytestmark = pytest.mark.unit


def test_what_is_remembered_of_a_vm_goes_with_it() -> None:
    domain: Any = SimpleNamespace(name="win11", uuid="u", host=SimpleNamespace(name="rack-1"))
    machine = Machine(domain, Config(), EventBus())
    remembered: WeakKeyDictionary[Machine, str] = WeakKeyDictionary({machine: "a look"})
    assert remembered[machine] == "a look"
    del machine
    gc.collect()
    assert not remembered
