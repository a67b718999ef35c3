"""One of three hosts is dead from the start: what is on the other two can be used, and what is missing is named."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.config import Config
from ATPLibrary.errors import ATPError, HostError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.adapter import connect_desk_pool
from ATPLibrary.transport import HostState, VmState
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.integration

ON_RACK_1 = "11111111-1111-4111-8111-111111111111"
ON_RACK_2 = "22222222-2222-5222-8222-222222222222"
NOWHERE = "99999999-9999-4999-8999-999999999999"
TIMEOUT = 20.0


@pytest.fixture
def config(host_file: Path, tmp_path: Path) -> Config:
    other_file = tmp_path / "other.xml"
    text = host_file.read_text(encoding="utf-8")
    other_file.write_text(text.replace("sales-", "hr-").replace("-4", "-5"), encoding="utf-8")
    return Config.model_validate(
        {
            "hosts": {
                "rack-1": {"uri": f"test://{host_file}", "ip": "192.0.2.1"},
                "rack-2": {"uri": f"test://{other_file}", "ip": "192.0.2.2"},
                "rack-3": {"uri": "qemu+tcp://127.0.0.1:1/system", "ip": "192.0.2.3"},
            },
            "pool": {"reconnect": {"max_attempts": 3, "max_delay": 1000}},
            "platforms": {"lab": {"url": "http://platform.test", "username": "tester", "password": "a password"}},
        }
    )


@pytest_asyncio.fixture
async def three(config: Config) -> AsyncIterator[Workspace]:
    workspace = Workspace(config)
    yield workspace
    await workspace.close(5.0)


def on_three_hosts(platform: Any, last: str) -> None:
    platform.hosts = [
        {"id": f"h{number}", "name": f"rack-{number}", "ip": f"192.0.2.{number}", "status": 1} for number in (1, 2, 3)
    ]
    platform.pools = [{"id": "p1", "name": "sales", "enabled": 1}]
    platform.vms = {
        "p1": [
            {"id": uuid, "name": name, "status": 1, "hostId": host}
            for uuid, name, host in (
                (ON_RACK_1, "sales-001", "h1"),
                (ON_RACK_2, "hr-002", "h2"),
                (last, "on the dead one", "h3"),
            )
        ]
    }


async def test_a_pool_of_three_hosts_names_the_vms_of_the_dead_one_and_the_others_can_be_used(
    three: Workspace, client: VdiClient, platform: Any
) -> None:
    on_three_hosts(platform, NOWHERE)
    with pytest.raises(
        HostError,
        match=r"Desk pool 'sales' should be connected whole but 1 of its 3 VMs can't be reached "
        r"\(on the dead one\): Host 'rack-3'.*refused",
    ):
        await connect_desk_pool(three, client, "sales", TIMEOUT)
    for uuid, host in ((ON_RACK_1, "rack-1"), (ON_RACK_2, "rack-2")):
        machine = await three.machine(uuid, timeout=TIMEOUT)
        assert machine.host == host
        assert str(await machine.domain.state(TIMEOUT)).startswith("running")


async def test_a_vm_of_the_dead_host_that_runs_on_another_one_is_found_there(
    three: Workspace, client: VdiClient, platform: Any
) -> None:
    # Restarted elsewhere, say, and the platform doesn't know it yet.
    await three.host("rack-1", TIMEOUT)
    await three.host("rack-2", TIMEOUT)
    on_three_hosts(platform, "22222222-2222-4222-8222-222222222222")
    machines = await connect_desk_pool(three, client, "sales", TIMEOUT)
    assert [machine.host for machine in machines] == ["rack-1", "rack-2", "rack-1"]


async def test_the_dead_host_costs_the_run_a_few_attempts_and_no_more(three: Workspace) -> None:
    transport, started = three.transport, time.time()
    for _ in range(20):
        for name in ("sales-001", "sales-002", "hr-001", "hr-002"):
            assert (await three.machine(name, timeout=TIMEOUT)).name == name
        assert (await transport.place(timeout=TIMEOUT)).name in {"rack-1", "rack-2"}
    dead = transport.hosts["rack-3"]
    assert dead.state is HostState.BROKEN, "after three attempts nobody waits for it any more"
    told = [event for event in three.bus.recent("host:rack-3", limit=200) if event.time >= started]
    assert sum(event.kind == "host.connecting" for event in told) == 3
    figures = {each.host: each for each in transport.statistics()}
    assert figures["rack-3"].state == "broken"
    assert figures["rack-3"].requests == 0
    assert figures["rack-1"].state == figures["rack-2"].state == "connected"
    assert figures["rack-1"].errors <= 1, "it was asked for what the other one has"
    assert figures["rack-1"].requests > 0


async def test_a_silent_host_leaves_the_others_vms_in_the_list(three: Workspace, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        three.transport.add_host("silent", f"qemu+unix:///system?socket={tmp_path}/silent")
        for name in ("rack-1", "rack-2"):
            await three.host(name, TIMEOUT)
        problems: list[ATPError] = []
        listed = await three.vms(2.0, state=VmState.RUNNING, problems=problems)
        assert {vm.host.name for vm in listed} == {"rack-1", "rack-2"}
        assert sorted(str(problem).split()[1] for problem in problems) == ["'rack-3'", "'silent'"]
        with pytest.raises(HostError, match=r"The VMs of 2 of 4 hosts can't be listed: .*with unreachable=skip\.$"):
            await three.vms(2.0)
        assert [vm.host.name for vm in await three.homes("sales-001", None, TIMEOUT)] == ["rack-1"]
