"""A command in a guest that is moved away: libvirt says that the VM is gone before it says where to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ATPLibrary.errors import AgentError, VmNotFoundError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.protocol.qga import execution

pytestmark = pytest.mark.unit


class Gone:
    """The guest agent of a VM that its host has no more, once the command has begun."""

    subject = "The guest agent of VM 'sales-1'"

    def __init__(self) -> None:
        self.bus = EventBus()
        self.domain = SimpleNamespace(name="sales-1", uuid="1234", host=SimpleNamespace(bus=self.bus))

    async def command(self, name: str, *_: Any) -> Any:
        return {"pid": 7}

    async def command_across_pauses(self, name: str, *_: Any) -> Any:
        raise VmNotFoundError("VM 'sales-1' on host 'a' should exist but does not.")

    def tell(self, detail: str) -> None:
        self.bus.publish(Event("vm:sales-1", "libvirt.lifecycle.stopped", {"uuid": "1234", "detail": detail}))


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ("migrated", "the VM was moved or saved meanwhile"),
        ("destroyed", "its guest was restarted or stopped meanwhile"),
    ],
)
async def test_what_became_of_the_vm_is_waited_for_when_it_is_not_told_yet(detail: str, sentence: str) -> None:
    qga: Any = Gone()
    running = execution.Running(qga, {}, "linux", 5)
    await running.started()
    asyncio.get_running_loop().call_later(0.05, qga.tell, detail)
    with pytest.raises(AgentError, match=sentence):
        await running.status()


async def test_a_vm_of_which_nothing_is_told_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_NEWS_SECONDS", 0.05)
    qga: Any = Gone()
    running = execution.Running(qga, {}, "linux", 5)
    await running.started()
    with pytest.raises(VmNotFoundError, match="should exist but does not"):
        await running.status()
