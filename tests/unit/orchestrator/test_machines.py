from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ATPLibrary.orchestrator.machines import Machines


@dataclass(eq=False)
class Vm:
    """What the mapping looks at."""

    name: str


def machines(*entries: tuple[str, str, str]) -> tuple[Machines, list[Any]]:
    known, vms = Machines(), []
    for host, uuid, name in entries:
        vms.append(Vm(name))
        known[host, uuid] = vms[-1]
    return known, vms


def test_a_vm_is_found_by_its_name_and_by_its_uuid() -> None:
    known, (vm, _) = machines(("a", "u1", "win11"), ("a", "u2", "win10"))
    assert [*known.called("win11")] == [*known.called("u1")] == [vm]
    assert known.only("win11") is known.only("u1") is vm
    assert [*known.called("win12")] == []
    assert known.only("win12") is None


def test_one_name_on_two_hosts_means_both_in_the_order_of_connecting() -> None:
    known, vms = machines(("b", "u2", "win11"), ("a", "u1", "win11"))
    assert [*known.called("win11")] == vms == list(known.values())
    assert known.only("win11") is None
    assert [known.only("u2"), known.only("u1")] == vms


def test_a_vm_named_by_its_own_uuid_is_found_once() -> None:
    known, (vm,) = machines(("a", "u1", "u1"))
    assert [*known.called("u1")] == [vm]
    del known["a", "u1"]
    assert [*known.called("u1")] == []


def test_a_forgotten_vm_is_not_found_and_its_namesake_still_is() -> None:
    known, (_, kept) = machines(("a", "u1", "win11"), ("b", "u2", "win11"))
    del known["a", "u1"]
    assert [*known.called("win11")] == [kept]
    assert known.only("win11") is kept
    assert known.only("u1") is None
    assert [*known.called("u1")] == []
    with pytest.raises(KeyError):
        del known["a", "u1"]


def test_a_vm_that_is_put_in_anew_takes_the_place_of_the_old_one() -> None:
    known, _ = machines(("a", "u1", "before"))
    known["a", "u1"] = after = Vm("after")  # type: ignore[assignment]
    assert [*known.called("before")] == []
    assert known.only("before") is None
    assert known.only("after") is known.only("u1") is after
    assert [*known.called("after")] == [*known.called("u1")] == [after]
    assert len(known) == 1
