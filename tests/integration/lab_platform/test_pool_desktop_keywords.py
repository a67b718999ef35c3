"""The keywords about all desktops of a desk pool, on the real server: what each did is looked up in libvirt."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import libvirt
import pytest

from ATPLibrary import runtime
from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.integration

OFF = libvirt.VIR_DOMAIN_SHUTOFF
RUNNING = libvirt.VIR_DOMAIN_RUNNING
PAUSED = libvirt.VIR_DOMAIN_PAUSED


@pytest.fixture
def states(platform_lab: Any) -> Any:
    """What libvirt says of the desktops, in the order of their names."""

    def look() -> list[int]:
        found = {}
        for number in range(len(platform_lab.hosts)):
            with contextlib.closing(platform_lab.libvirt(number)) as connection:
                found |= {domain.name(): domain.state()[0] for domain in connection.listAllDomains()}
        return [found[name] for name in sorted(found)]

    return look


@pytest.fixture
def sales(tester: Any) -> str:
    """A desk pool with three desktops, off."""
    tester.create_desk_pool("销售", model="atp-linux", amount=3)
    return "销售"


def test_every_desktop_of_a_pool_is_switched(tester: Any, sales: str, states: Any) -> None:
    assert len(set(tester.start_desktops(sales))) == 3
    assert states() == [RUNNING] * 3
    assert tester.start_desktops(sales) == []
    tester.suspend_desktops(sales)
    assert states() == [PAUSED] * 3
    assert tester.suspend_desktops(sales) == []
    tester.resume_desktops(sales)
    assert states() == [RUNNING] * 3
    tester.put_desktops_to_sleep(sales)
    assert states() == [OFF] * 3
    tester.wake_up_desktops(sales)
    assert states() == [RUNNING] * 3
    tester.suspend_desktop(f"{sales}-002")
    tester.close_desktops(sales, force=True)
    assert states() == [OFF] * 3
    assert tester.close_desktops(sales) == []


def test_desktops_are_started_so_many_at_a_time(tester: Any, sales: str, states: Any, platform_lab: Any) -> None:
    events = tester.start_desktops(sales, at_once=1)
    assert states() == [RUNNING] * 3
    client = Workspace.current().platforms.current
    told = [runtime.wait(client.events.detail(event), 10, "Reading an event") for event in events]
    times = [(event.create_time, event.update_time) for event in told]  # ISO 8601
    assert all(begun >= ended for (_, ended), (begun, _) in itertools.pairwise(times)), times


def test_each_desktop_that_cannot_be_started_is_named_and_the_others_run(
    tester: Any, sales: str, states: Any, platform_lab: Any
) -> None:
    tester.start_desktop(f"{sales}-001", f"{sales}-002")
    tester.suspend_desktop(f"{sales}-001", f"{sales}-002")
    with pytest.raises(
        PlatformError, match=r"failed in 2 of 3 operations: .*销售-001: 虚机已挂起.*销售-002: 虚机已挂起"
    ) as refused:
        tester.start_desktops(sales, at_once=1)
    assert "销售-003" not in str(refused.value)
    assert states() == [PAUSED, PAUSED, RUNNING]
    tester.resume_desktops(sales)
    assert states() == [RUNNING] * 3


def test_nothing_to_do_it_to_is_an_error_that_says_how_the_desktops_are(tester: Any, sales: str) -> None:
    for do in (tester.reboot_desktops, tester.suspend_desktops, tester.resume_desktops, tester.put_desktops_to_sleep):
        with pytest.raises(
            PlatformError, match=r"desktops of '销售' should find one that .* but its desktops are 3 shut off"
        ):
            do(sales)


def test_what_is_not_waited_for_is_told_by_its_events(tester: Any, sales: str, states: Any) -> None:
    tester.start_desktops(sales)
    events = tester.reboot_desktops(sales, wait=False)  # these guests have no ear for it
    assert len(set(events)) == 3
    with pytest.raises(PlatformError, match=r"销售-001: 虚机正在操作中.*销售-003: 虚机正在操作中"):
        tester.close_desktops(sales, force=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"), [({"at_once": 0}, "1 or more"), ({"at_once": 2, "wait": False}, "wait=False")]
)
def test_a_bound_that_makes_no_sense_is_refused_before_the_platform_is_asked(
    tester: Any, arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        tester.start_desktops("no such pool", **arguments)
