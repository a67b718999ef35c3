"""Input that nobody watched may arrive late: the verified input after it isn't blamed for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import VmStateError
from ATPLibrary.orchestrator import Machine
from ATPLibrary.orchestrator.input_engines import QUIET_SECONDS, InputEngines
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE, key_event
from ATPLibrary.verifier import AgentSession

from .faulty_guest import FaultyGuest

pytestmark = pytest.mark.integration

SHIFT = EVDEV_OF_QCODE["shift"]
RELEASE = [key_event("shift", False)]


class DescribedDomain:
    """As much of a VM as typing asks libvirt for."""

    name = "faulty"
    host = None

    async def description(self, timeout: float, refresh: bool = False) -> Any:
        return self

    keyboards = ("ps2",)


@pytest.fixture
async def machine(guest: FaultyGuest, session: AgentSession) -> Machine:
    domain: Any = DescribedDomain()
    made = Machine(domain, Config(), guest.events)
    made._qmp.value, made._agent.value = guest.qmp, session
    return made


async def test_a_key_that_was_typed_unwatched_and_comes_late_is_not_the_next_inputs(
    guest: FaultyGuest, machine: Machine
) -> None:
    guest.edge_seconds = 0.05  # busy: the unwatched engine is done before its keys have arrived
    await (await machine.typing(5, verified=False)).type_text("x")
    report = await (await machine.typing(5)).press("ctrl+c")
    report.raise_if_bad(must_be_verified=True)
    assert report.verified


async def test_what_a_spice_channel_leaves_down_as_it_ends_is_not_the_next_inputs(
    guest: FaultyGuest, machine: Machine
) -> None:
    """Its server lets go of it by itself, and nobody waits for that."""
    (await (await machine.typing(5)).key_down("shift")).raise_if_bad(must_be_verified=True)
    machine.spice_input_ended()
    asyncio.get_running_loop().call_later(0.1, guest.take, RELEASE)
    (await (await machine.typing(5)).press("a")).raise_if_bad(must_be_verified=True)
    assert guest.seen[1] == (SHIFT, 0)


async def test_strays_of_a_channel_that_ends_while_others_are_waited_for_are_waited_for_too(
    guest: FaultyGuest, machine: Machine
) -> None:
    (await (await machine.typing(5)).key_down("shift")).raise_if_bad(must_be_verified=True)
    machine.spice_input_ended()
    opening = asyncio.create_task(machine.typing(5))
    await asyncio.sleep(0.1)  # in the quiet wait for the first ones
    machine.spice_input_ended()
    asyncio.get_running_loop().call_later(0.25, guest.take, RELEASE)  # when the first ones have come to an end
    (await (await opening).press("a")).raise_if_bad(must_be_verified=True)
    assert guest.seen[1] == (SHIFT, 0)


async def test_whoever_asks_meanwhile_waits_as_well(guest: FaultyGuest, machine: Machine) -> None:
    (await (await machine.typing(5)).key_down("shift")).raise_if_bad(must_be_verified=True)
    machine.spice_input_ended()
    asyncio.get_running_loop().call_later(0.1, guest.take, RELEASE)
    first = asyncio.create_task(machine.pointer(5))
    await asyncio.sleep(0.02)
    (await (await machine.typing(5)).press("a")).raise_if_bad(must_be_verified=True)
    assert guest.seen[1] == (SHIFT, 0)
    await first


async def test_who_still_lets_go_is_waited_for_before_the_silence(
    guest: FaultyGuest, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that takes longer than the silence, on a busy machine: it is sent when that has gone by."""
    (await (await machine.typing(5)).key_down("shift")).raise_if_bad(must_be_verified=True)
    let_go = asyncio.Event()

    async def release_all(self: InputEngines, via: str | None = None) -> None:
        await let_go.wait()
        guest.take(RELEASE)

    monkeypatch.setattr(InputEngines, "release_all", release_all)
    machine.spice_input_ended()
    opening = asyncio.create_task(machine.typing(5))
    await asyncio.sleep(QUIET_SECONDS + 0.1)
    assert not opening.done()
    let_go.set()
    await opening
    assert guest.seen[-1] == (SHIFT, 0)


async def test_of_a_vm_that_stands_still_this_is_said_and_its_agent_not_waited_for(
    guest: FaultyGuest, machine: Machine
) -> None:
    await (await machine.typing(5, verified=False)).type_text("x")
    guest.status = "paused"
    with pytest.raises(
        VmStateError, match="VM 'faulty' should be running to take input but is paused, and nothing was sent"
    ):
        await machine.typing(5)
