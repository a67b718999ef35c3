"""What becomes of "frozen" when the agent or the guest is gone. Really frozen guests are in tests/e2e/test_qga.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary import runtime
from ATPLibrary.errors import (
    AgentAbsentError,
    AgentError,
    ATPError,
    CommandError,
    DeadlineError,
    HostError,
    VmNotFoundError,
    VmStateError,
)
from ATPLibrary.events import Event
from ATPLibrary.keywords import lifecycle
from ATPLibrary.protocol.qga import FreezeState, Qga, freeze
from ATPLibrary.protocol.qga.freeze import anything_is_frozen, thaw_everything
from ATPLibrary.transport.domain_state import DomainState, VmState

from .conftest import SocketDomain

pytestmark = pytest.mark.integration

CarryOut = Callable[[], Awaitable[str]]


async def test_a_guest_whose_agent_was_never_asked_is_not_called_frozen(qga: Qga, domain: Any) -> None:
    async def absent(command: dict[str, Any], carry_out: CarryOut) -> str:
        said = "Guest agent is not responding: QEMU guest agent is not connected"
        raise CommandError(said, name=command["execute"], error_class="86", description=said)

    domain.fault = absent
    with pytest.raises(AgentAbsentError, match=r"answer guest-fsfreeze-freeze but is not connected to its channel"):
        await qga.freeze.freeze(5)
    assert qga.freeze.state is FreezeState.THAWED
    assert not anything_is_frozen()


@pytest.mark.parametrize(("state", "is_over"), [(VmState.SHUTOFF, True), (VmState.PAUSED, False)])
async def test_a_guest_that_is_off_is_not_frozen_any_more_and_a_paused_one_is(
    qga: Qga, domain: Any, monkeypatch: pytest.MonkeyPatch, state: VmState, is_over: bool
) -> None:
    async def freezes(command: dict[str, Any], carry_out: CarryOut) -> str:
        return '{"return": 1}'

    async def does_not_run(command: dict[str, Any], carry_out: CarryOut) -> str:
        raise VmStateError("Domain not running")

    async def now(timeout: float) -> DomainState:
        return DomainState(state, "")

    monkeypatch.setattr(domain, "state", now)  # what libvirt says
    domain.fault = freezes
    await qga.freeze.freeze(5)
    domain.fault = does_not_run
    await qga.freeze.close()
    assert (qga.freeze.state is FreezeState.THAWED, anything_is_frozen()) == (is_over, not is_over)
    domain.fault = freezes
    await qga.freeze.close()
    assert not anything_is_frozen()


class Guest:
    """What the agent's faults show of a guest that may be frozen, whose VM `state` is what libvirt says."""

    def __init__(self, domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_frozen = False
        self.is_gone = False
        self.failure: ATPError | None = None
        self.failed = asyncio.Event()
        self.state = DomainState(VmState.RUNNING, "")
        self.domain = domain
        domain.fault = self._answer
        monkeypatch.setattr(domain, "state", self._now)

    def tell(self, source: str, kind: str, **data: str) -> None:
        self.domain.host.bus.publish(Event(source, kind, {"uuid": self.domain.uuid, **data}))

    async def _now(self, timeout: float) -> DomainState:
        if self.is_gone:
            raise VmNotFoundError("no such VM")
        return self.state

    async def _answer(self, command: dict[str, Any], carry_out: CarryOut) -> str:
        if self.failure is not None:
            self.failed.set()
            raise self.failure
        self.is_frozen = command["execute"] == "guest-fsfreeze-freeze"
        return '{"return": 1}'


@pytest.fixture
def guest(domain: Any, monkeypatch: pytest.MonkeyPatch) -> Guest:
    return Guest(domain, monkeypatch)


async def until_thawed() -> None:
    async with asyncio.timeout(20):
        while anything_is_frozen():  # noqa: ASYNC110 - the task that thaws must be left to itself
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "failure", [HostError("lost"), AgentError("away"), VmStateError("paused"), DeadlineError("late")]
)
async def test_a_guest_that_was_frozen_too_long_is_thawed_though_the_first_thaws_fail(
    qga: Qga, guest: Guest, failure: ATPError
) -> None:
    await qga.freeze.freeze(5, longest=0.01)
    guest.failure = failure
    await asyncio.wait_for(guest.failed.wait(), 10)
    assert guest.is_frozen
    assert qga.freeze.state is FreezeState.FROZEN
    guest.failure = None
    await until_thawed()
    assert not guest.is_frozen


@pytest.mark.parametrize(
    "news",
    [
        ("host:here", "host.connected"),
        ("vm:win11", "libvirt.lifecycle.resumed"),
        ("vm:win11", "libvirt.agent.connected"),
    ],
)
async def test_it_is_tried_again_as_soon_as_an_event_tells_that_it_may_succeed(
    qga: Qga, guest: Guest, monkeypatch: pytest.MonkeyPatch, news: tuple[str, str]
) -> None:
    monkeypatch.setattr(freeze, "_FIRST_RETRY_SECONDS", 3600.0)
    await qga.freeze.freeze(5)
    guest.failure = HostError("lost")
    thawing = qga.freeze.begin_thawing()
    await asyncio.wait_for(guest.failed.wait(), 10)
    guest.failure = None
    guest.tell("vm:win11", "libvirt.lifecycle.suspended")
    guest.tell(*news)
    await asyncio.wait_for(thawing, 10)
    assert not guest.is_frozen


@pytest.mark.parametrize("how", ["it is off", "it was restarted"])
async def test_trying_ends_with_the_guest(qga: Qga, guest: Guest, how: str) -> None:
    await qga.freeze.freeze(5)
    guest.failure = AgentError("away")
    thawing = qga.freeze.begin_thawing()
    await asyncio.wait_for(guest.failed.wait(), 10)
    if how == "it is off":
        guest.state = DomainState(VmState.SHUTOFF, "destroyed")
        guest.tell("vm:win11", "libvirt.lifecycle.stopped", detail="destroyed")
    else:
        guest.tell("vm:win11", "libvirt.lifecycle.started", detail="booted")
    await asyncio.wait_for(thawing, 10)
    assert not anything_is_frozen()


async def test_a_guest_that_was_saved_is_still_frozen_when_it_is_restored(qga: Qga, guest: Guest) -> None:
    await qga.freeze.freeze(5)
    guest.failure = VmStateError("Domain not running")
    guest.state = DomainState(VmState.SHUTOFF, "saved")
    await qga.freeze.close()
    assert qga.freeze.state is FreezeState.FROZEN
    guest.failure = None
    guest.tell("vm:win11", "libvirt.lifecycle.started", detail="restored")
    await until_thawed()
    assert not guest.is_frozen


async def test_a_guest_that_is_not_there_any_more_is_left_with_a_warning(qga: Qga, guest: Guest) -> None:
    await qga.freeze.freeze(5)
    guest.failure, guest.is_gone = VmNotFoundError("no such VM"), True
    await qga.freeze.close()
    assert not anything_is_frozen()
    (told,) = qga.domain.host.bus.take_notices()
    assert told.is_warning
    assert "thaw it there: 'virsh domfsthaw 1111" in told.notice


async def test_somebody_elses_thaw_ends_the_trying(qga: Qga, guest: Guest) -> None:
    await qga.freeze.freeze(5)
    guest.failure = AgentError("away")
    thawing = qga.freeze.begin_thawing()
    await asyncio.wait_for(guest.failed.wait(), 10)
    guest.failure = None
    await qga.freeze.thaw(5)
    await asyncio.wait({thawing}, timeout=10)
    assert thawing.done()
    assert await qga.freeze.freeze(5) == 1
    await qga.freeze.close()


async def test_a_guest_that_can_not_be_thawed_is_told_once_and_at_the_end_again(qga: Qga, guest: Guest) -> None:
    await qga.freeze.freeze(5)
    guest.failure = HostError("Host 'here' was lost.")
    expected = (
        r"^The file systems of VM 'win11' on host 'here' should be thawed within 0\.1 s but are still frozen\. "
        r"Last seen: Host 'here' was lost\. .*by hand: 'virsh -c qemu:///session domfsthaw 1111"
    )
    with pytest.raises(VmStateError, match=expected):
        await thaw_everything(0.1)
    await thaw_everything(0.1)
    with pytest.raises(VmStateError, match=expected):
        await thaw_everything(0.1, once_more=True)
    guest.failure = None
    await until_thawed()
    assert qga.domain.host.bus.take_notices()[-1].notice == "The file systems of VM 'win11' are not frozen any more."


def test_a_tests_end_reports_a_guest_that_stays_frozen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    domain = SocketDomain(Path("/nowhere"))
    guest = Guest(domain, monkeypatch)
    monkeypatch.setattr(lifecycle, "THAW_SECONDS", 0.1)
    runtime.wait(Qga(domain).freeze.freeze(5), 10, "Freezing")
    guest.failure = AgentError("The guest agent is away.")
    lifecycle.Lifecycle().end_test(SimpleNamespace(full_name="Suite.Test"), None)
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "but are still frozen. Last seen: The guest agent is away." in record.getMessage()
    guest.failure = None
    lifecycle.Lifecycle().end_suite(SimpleNamespace(full_name="Suite", parent=None), None)
    runtime.wait(until_thawed(), 20, "Thawing")
    assert not guest.is_frozen
