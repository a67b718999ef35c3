"""The keywords about single desktops, on the real server: what each did is looked up in libvirt and in the images."""

from __future__ import annotations

import contextlib
from typing import Any

import libvirt
import pytest

from ATPLibrary.errors import InputError, PlatformError, VmNotFoundError

pytestmark = pytest.mark.integration

OFF = libvirt.VIR_DOMAIN_SHUTOFF
RUNNING = libvirt.VIR_DOMAIN_RUNNING
PAUSED = libvirt.VIR_DOMAIN_PAUSED


class Behind:
    """What libvirt knows, behind the platform's back. VMs are called by their names, whatever host they are on."""

    def __init__(self, lab: Any) -> None:
        self._lab = lab

    @contextlib.contextmanager
    def domain(self, name: str) -> Any:
        for number in range(len(self._lab.hosts)):
            with contextlib.closing(self._lab.libvirt(number)) as connection:
                for domain in connection.listAllDomains():
                    if domain.name() == name:
                        yield domain
                        return
        raise LookupError(f"libvirt has no {name!r}: {self._lab.left()}")

    def state(self, name: str) -> int:
        with self.domain(name) as domain:
            return int(domain.state()[0])

    def is_saved(self, name: str) -> bool:
        with self.domain(name) as domain:
            return bool(domain.hasManagedSaveImage())


@pytest.fixture
def behind(platform_lab: Any) -> Behind:
    return Behind(platform_lab)


@pytest.fixture
def pair(tester: Any) -> tuple[str, str]:
    """Two desktops, off, one on each host."""
    tester.create_desk_pool("双", model="atp-linux", amount=2)
    return "双-001", "双-002"


def test_power_keywords_do_to_libvirts_vms_what_they_say(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, second = pair
    events = tester.start_desktop(first, second)
    assert len(set(events)) == 2
    assert (behind.state(first), behind.state(second)) == (RUNNING, RUNNING)
    tester.suspend_desktop(first)
    assert (behind.state(first), behind.state(second)) == (PAUSED, RUNNING)
    tester.resume_desktop(first)
    assert behind.state(first) == RUNNING
    tester.put_desktop_to_sleep(second)
    assert behind.state(second) == OFF
    assert behind.is_saved(second)
    tester.wake_up_desktop(second)
    assert behind.state(second) == RUNNING
    assert not behind.is_saved(second)
    tester.close_desktop(first, second, force=True)
    assert (behind.state(first), behind.state(second)) == (OFF, OFF)


def test_a_batch_names_each_desktop_that_was_refused_and_does_the_others(
    tester: Any, behind: Behind, pair: tuple[str, str]
) -> None:
    first, second = pair
    tester.start_desktop(first)
    with pytest.raises(PlatformError, match=rf"failed in 1 of 2 operations: {first}: 虚机已经启动"):
        tester.start_desktop(first, second)
    assert behind.state(second) == RUNNING


def test_a_desktop_starts_on_its_own_host_only(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, _ = pair
    with pytest.raises(PlatformError, match=f"{first}.*its disk is on host lab-a"):
        tester.start_desktop(first, host="lab-b")
    tester.start_desktop(first, host="lab-a")
    assert behind.state(first) == RUNNING


def test_what_is_not_waited_for_is_told_by_its_event(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, _ = pair
    tester.start_desktop(first)
    (event,) = tester.close_desktop(first, wait=False)  # its guest has no ear for it
    assert behind.state(first) == RUNNING
    with pytest.raises(PlatformError, match=f"{first}: 虚机正在操作中"):
        tester.suspend_desktop(first, wait=False)
    assert event


def test_desktops_that_are_not_there_are_all_named(tester: Any, pair: tuple[str, str]) -> None:
    with pytest.raises(VmNotFoundError, match=r"no VM '一'.* no VM '二'"):
        tester.start_desktop("一", pair[0], "二")
    with pytest.raises(InputError, match="No desktop is named"):
        tester.start_desktop()
