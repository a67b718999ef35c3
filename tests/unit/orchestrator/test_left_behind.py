"""Keys of a VM that takes no release: nobody says that they are up, and the next connection lets go of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import AgentError, CommandError, InputError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.keywords.lifecycle import Lifecycle
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.held_input import let_go_of_everything
from ATPLibrary.orchestrator.machine import Machine
from ATPLibrary.protocol.qmp.edges import key_event
from ATPLibrary.transport.domain_state import VmState

pytestmark = pytest.mark.unit


class Vm:
    """A domain, and its QMP channel, which refuses input while it is paused."""

    def __init__(self) -> None:
        self.name, self.uuid, self.host = "win11", "u", SimpleNamespace(name="rack-1", is_simulated=False)
        self.now, self.is_open = VmState.PAUSED, True
        self.sent: list[Any] = []
        self.has_taken, self.has_refused = asyncio.Event(), asyncio.Event()

    async def state(self, timeout: float) -> Any:
        return SimpleNamespace(state=self.now)

    async def execute(self, command: str, arguments: Any = None, timeout: float = 0) -> Any:
        if command == "query-status":
            return {"status": self.now.value, "running": self.now is VmState.RUNNING}
        if command == "query-mice":
            return []
        if self.now is VmState.PAUSED:
            self.has_refused.set()
            raise CommandError("The VM is paused")
        self.sent += arguments["events"]
        self.has_taken.set()
        return None

    async def close(self) -> None:
        self.is_open = False


class Engine:
    """Holds shift, and can't let go of it while its VM is paused."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self.keys_down = self.shown_down = ["shift"]

    async def release_all(self) -> None:
        if self._vm.now is VmState.RUNNING:
            self.keys_down = self.shown_down = []

    async def release_left_over(self) -> bool:
        await self.release_all()
        return not self.keys_down


@pytest.fixture
def vm(monkeypatch: pytest.MonkeyPatch) -> Vm:
    vm = Vm()

    async def qmp(self: Machine, timeout: float) -> Vm:
        return vm

    monkeypatch.setattr(Machine, "_open_qmp", qmp)
    return vm


def holding(machine: Machine, vm: Any) -> Machine:
    machine.engines.typing_of[(False, "qmp")] = Engine(vm)  # type: ignore[assignment]
    return machine


async def test_what_a_paused_vm_keeps_down_is_not_said_to_be_let_go(vm: Any) -> None:
    machine = holding(Machine(vm, Config(), EventBus()), vm)
    with pytest.raises(InputError, match=r"may still have shift down: it is paused.*'Resume VM'"):
        await let_go_of_everything(machine, 5)


async def test_what_a_qemu_that_hangs_keeps_down_is_not_said_to_be_let_go(
    vm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_agent(self: Machine, timeout: float) -> Any:
        raise AgentError("The agent is silent.")

    monkeypatch.setattr(Machine, "agent", no_agent)
    machine = holding(Machine(vm, Config(), EventBus()), vm)
    monkeypatch.setattr(Engine, "release_all", lambda self: asyncio.sleep(0))
    vm.now = VmState.RUNNING
    with pytest.raises(
        InputError, match=r"may still have shift down: QEMU took no release of it\. The agent is silent"
    ):
        await let_go_of_everything(machine, 5)


async def test_what_a_paused_vm_keeps_down_at_its_disconnect_is_named_and_let_go_of_when_it_runs_connected_again(
    vm: Any,
) -> None:
    workspace = Workspace(Config())
    await workspace.forget(holding(workspace.adopt(vm), vm))
    (told,) = [each for each in workspace.bus.take_notices() if each.kind == "input.left_behind"]
    assert told.is_warning
    assert "VM 'win11' was disconnected while down there was: shift." in told.notice
    vm.is_open = True
    machine = workspace.adopt(vm)
    assert machine.engines.left_down == [key_event("shift", False)]
    async with asyncio.timeout(5):
        await vm.has_refused.wait()
        assert vm.sent == []
        vm.now = VmState.RUNNING
        workspace.bus.publish(Event(machine.source, "qmp.RESUME"))
        await vm.has_taken.wait()
    assert vm.sent == [key_event("shift", False)]


async def test_what_is_down_when_the_agent_s_session_ends_the_next_use_of_qmp_lets_go_of(vm: Any) -> None:
    machine = holding(Machine(vm, Config(), EventBus()), vm)
    assert await machine.qmp(5) is vm
    await machine.close_agent()
    vm.now = VmState.RUNNING
    await machine.qmp(5)
    assert vm.sent == [key_event("shift", False)]


def test_what_is_still_down_at_a_test_s_end_is_warned_of(
    vm: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = Workspace(Config())
    monkeypatch.setattr(Workspace, "_current", workspace)
    monkeypatch.setattr(workspace, "_watch_lifecycles", lambda: None)
    holding(workspace.adopt(vm), vm)
    Lifecycle().end_test(SimpleNamespace(full_name="Suite.Test"), None)
    assert "VM 'win11' takes no release of shift: it is paused" in caplog.text


async def test_a_disconnect_that_leaves_nothing_down_warns_of_nothing(vm: Any) -> None:
    vm.now = VmState.RUNNING
    workspace = Workspace(Config())
    await workspace.forget(holding(workspace.adopt(vm), vm))
    assert workspace.bus.take_notices() == []
    assert workspace.adopt(vm).engines.left_down == []
