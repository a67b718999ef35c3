"""The lab's small guests: defined on a real libvirt, started, and gone again. No guest is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import libvirt
import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab import small_vm
from ATPLibrary.lab.hosts import LabHost

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Accelerator:
    kind: Literal["kvm", "tcg"] = "tcg"
    reason: str = "nobody waits for its guest"


@pytest.mark.parametrize("guest", small_vm.GUESTS)
def test_a_small_guest_is_defined_anew_starts_and_goes(lab_host: LabHost, guest: str) -> None:
    name = small_vm.name_of(guest)
    connection = libvirt.open(lab_host.uri)
    try:
        for _ in range(2):  # one that runs gives way
            assert small_vm.define(lab_host, guest, Accelerator()) == name
            assert (lab_host.vms(10) or {})[name] == "shut off"
            domain = connection.lookupByName(name)
            domain.create()
            assert domain.isActive()
    finally:
        small_vm.remove(lab_host, guest)
        connection.close()
    assert name not in (lab_host.vms(10) or {})
    assert not (lab_host.directory / "small" / guest).exists()
    small_vm.remove(lab_host, guest)


def test_a_guest_that_there_is_not_is_refused_with_those_there_are(lab_host: LabHost) -> None:
    with pytest.raises(LabError, match="be one of pictures, echo but is 'films'"):
        small_vm.define(lab_host, "films", Accelerator())
