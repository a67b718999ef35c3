"""A VM that was paused when it was saved is paused when it wakes: that is no reason to wait for it to run."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostState, VmState, saved_state

from .conftest import Connect, Daemon

pytestmark = pytest.mark.integration

# No disk: its firmware finds nothing to boot and stays there.
VM = (
    "<domain type='qemu'><name>one</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


@pytest.mark.parametrize("in_a_file", [False, True], ids=["by libvirt", "in a file"])
async def test_it_wakes_as_it_was_and_a_warning_says_so(
    connect: Connect, a_daemon: Daemon, bus: EventBus, tmp_path: Path, in_a_file: bool
) -> None:
    host = await connect(a_daemon.uri, heartbeat_interval=1000)
    file = str(tmp_path / "saved") if in_a_file else None
    xml = VM.format(uuid=uuid.uuid4())
    await host.call("define", lambda handle: handle.defineXML(xml).name(), timeout=30)
    vm = await host.lookup("one", 10)

    async def wake() -> VmState:
        if file is not None:
            await saved_state.restore(host, file, 30)
        else:
            await vm.start(30)
            await saved_state.until_it_goes_on(vm, 30)
        return (await vm.state(10)).state

    await vm.start(30)
    for was in (VmState.RUNNING, VmState.PAUSED):
        if was is VmState.PAUSED:
            await vm.suspend(10)
        await saved_state.save(vm, 30, file)
        assert await wake() is was
        told = [each.notice for each in bus.recent("vm:one") if each.kind == "vm.restored-paused"]
        assert told == ["VM 'one' is paused, as it was when it was saved. Let it go on with 'Resume VM'."] * (
            was is VmState.PAUSED
        )
    await vm.resume(10)
    await vm.wait_for_state(VmState.RUNNING, 10)
    assert host.state is HostState.CONNECTED
