"""`atp lab up --desktop`: one more VM, defined and off; no guest is booted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.lab.desktop_vm import NAME
from ATPLibrary.lab.lab import Lab

pytestmark = pytest.mark.integration


def test_a_lab_has_a_desktop_where_it_is_asked_for_also_later_and_once(lab_directory: Path) -> None:
    lab, said = Lab(lab_directory), list[str]()
    try:
        lab.up(said.append, with_platform=False)
        assert vms(lab) == {}
        for _ in range(2):
            lab.up(said.append, with_platform=False, with_desktop=True)
            assert vms(lab) == {NAME: "shut off"}
    finally:
        lab.down(said.append)
    assert f"VM '{NAME}' with a desktop is defined on lab-a; it is off" in said
    assert f"VM '{NAME}' is there already" in said


def vms(lab: Lab) -> dict[str, str]:
    return {name: state for host in lab.hosts() for name, state in (host.vms(10) or {}).items()}
