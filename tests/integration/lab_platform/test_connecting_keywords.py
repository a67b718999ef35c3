"""The keywords between platform and hypervisors: making and connecting a desktop, and whether the two sides agree."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest
from robot.api import logger

from ATPLibrary.errors import VerificationError
from ATPLibrary.keywords.platform.agreement import table
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.consistency import Comparison, Difference

from .behind import Behind

pytestmark = pytest.mark.integration


def current() -> str | None:
    machine = Workspace.current().current_machine
    return None if machine is None else machine.name


def test_a_desktop_is_made_started_connected_and_remembered_by_one_keyword(tester: Any, behind: Behind) -> None:
    id_ = tester.create_desktop("桥", model="atp-linux", start=True, connect=True)
    assert current() == "桥"
    assert behind.state("桥") == libvirt.VIR_DOMAIN_RUNNING
    assert [each["id"] for each in tester.get_created_things()] == [id_]
    assert tester.remove_created_things() == ["桥"]
    assert current() is None


def test_a_desktop_that_is_only_started_isn_t_connected(tester: Any, behind: Behind) -> None:
    tester.create_desktop("桥", model="atp-linux", start=True)
    assert behind.state("桥") == libvirt.VIR_DOMAIN_RUNNING
    assert current() is None


def test_a_desktop_is_connected_by_name_and_by_id_and_is_the_current_vm(tester: Any) -> None:
    id_ = tester.create_desktop("one", model="atp-linux")
    tester.create_desktop("two", model="atp-linux", connect=True)
    assert tester.connect_to_desktop("one") == "one"
    assert current() == "one"
    tester.connect_to_desktop("two")
    assert tester.connect_to_desktop(id_) == "one"
    assert len(Workspace.current().machines) == 2


def test_agreement_passes_and_a_difference_is_named_in_the_failure_and_in_a_table(
    tester: Any, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[tuple[str, bool]] = []
    monkeypatch.setattr(logger, "info", lambda text, html=False: logged.append((str(text), html)))
    tester.create_desk_pool("双", model="atp-linux", amount=2)
    tester.platform_and_hypervisor_should_agree(devices=True)
    assert logged[-1] == ("Platform 'lab' and hypervisors agree about 2 VMs on 2 hosts.", False)
    assert tester.get_platform_differences("双-001") == []
    with behind.domain("双-002") as domain:
        domain.undefine()
    with pytest.raises(VerificationError) as failed:
        tester.platform_and_hypervisor_should_agree(pool="双")
    assert str(failed.value) == (
        "Platform 'lab' and its hypervisors should agree but differ in 1: VM '双-002' on host 'lab-b': "
        "domain is shut off to the platform, missing to the hypervisor. The log has them all."
    )
    text, is_html = logged[-1]
    assert is_html
    assert "双-002" in text
    assert "<td" in text
    (difference,) = tester.get_platform_differences()
    assert (difference.subject, difference.field, difference.hypervisor) == ("VM '双-002'", "domain", "missing")


def test_a_table_in_the_log_shows_names_as_text(tester: Any) -> None:
    evil = Difference("VM '<script>'", "i", "a&b", "status", "running", "<b>shutoff</b>")
    shown = table(Comparison("lab", ["a&b"], [("<script>", "a&b")], [evil], []))
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "<b>shutoff" not in shown
