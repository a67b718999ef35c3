"""What becomes of "frozen" when the agent or the guest is gone. Really frozen guests are in tests/e2e/test_qga.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ATPLibrary.errors import AgentAbsentError, CommandError, VmStateError
from ATPLibrary.protocol.qga import FreezeState, Qga
from ATPLibrary.protocol.qga.freeze import anything_is_frozen
from ATPLibrary.transport.domain_state import DomainState, VmState

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
