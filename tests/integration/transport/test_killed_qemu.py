"""A QEMU that is killed under a monitor command: an error of that VM. Its daemon lives, and so do the host's connections."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid

import pytest

from ATPLibrary.errors import ATPError, HostError
from ATPLibrary.transport import HostState

from .conftest import Connect, Daemon

pytestmark = pytest.mark.integration

# No guest: it waits before its first instruction.
VM = (
    "<domain type='qemu'><name>one</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)
START_PAUSED = 1


async def test_a_monitor_that_ends_under_a_command_costs_no_connection(connect: Connect, a_daemon: Daemon) -> None:
    host = await connect(a_daemon.uri, heartbeat_interval=1000)
    xml = VM.format(uuid=uuid.uuid4())
    await host.call("start", lambda handle: handle.createXML(xml, START_PAUSED).name(), timeout=30)
    vm = await host.lookup("one", 10)
    (qemu,) = [each for each in a_daemon.host.processes() if each.role.startswith("qemu ")]
    os.kill(qemu.pid, signal.SIGSTOP)
    asking = asyncio.create_task(vm.monitor_command('{"execute": "query-status"}', 30))
    # Until libvirtd has written it. Nothing tells that; what is killed sooner ends in one of the other sentences.
    await asyncio.sleep(0.3)
    os.kill(qemu.pid, signal.SIGKILL)
    with pytest.raises(ATPError, match=r"VM 'one'.*(monitor|not running)") as told:
        await asyncio.wait_for(asking, 20)
    assert not isinstance(told.value, HostError)
    assert host.state is HostState.CONNECTED
    assert "lost" not in host.statistics().counts
    await host.list_domains(10)
