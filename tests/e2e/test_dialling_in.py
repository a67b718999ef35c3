"""A real guest whose agent dials the verification service over QEMU's user-mode network: typing is proved on each way, and goes on
after whatever happens to service, token or guest."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pytest_asyncio

from ATPLibrary import agent_package
from ATPLibrary.config import Config
from ATPLibrary.errors import ATPError
from ATPLibrary.lab.machine import HOST_IN_GUEST
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.orchestrator.deployment import Deployed, deploy, remove, wish_for
from ATPLibrary.orchestrator.served_agents import identity
from ATPLibrary.transport import VmState
from ATPLibrary.verifier import Verdict

from ..conftest import LabVm, start_vm, stop_vm
from ..integration.transport.certificates import Authority
from .test_faults_vms import Desk
from .test_typing import EVERY_CHARACTER

pytestmark = pytest.mark.e2e

BOOT = 120.0
# A connection that is gone without a word is noticed by the guest's kernel within 9 s; dialling may then wait for another 15.
BACK_SECONDS = 60.0
CONFIG_FILE, TOKEN_FILE, CA_FILE = "/etc/atp-agent.conf", "/etc/atp-agent.token", "/etc/atp-agent.ca.pem"
RESIDENT_KIB = 12 * 1024


@pytest.fixture(scope="module")
def network_vm(lab_host: Any, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    with socket.socket() as kept:
        # Ours from now on: nobody else is given it, and the service may listen there all the same.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        connect = (f"ws://{HOST_IN_GUEST}:{kept.getsockname()[1]}",)
        vm = start_vm(lab_host, guest_image, accelerator, "atp-linux", network=True, connect=connect)
        try:
            yield vm
        finally:
            stop_vm(vm)


@dataclasses.dataclass(frozen=True)
class Served(Desk):
    """A VM, and the service that its agent dials."""

    workspace: Workspace
    directory: Path

    async def listen(self, *, tls: bool = False, **ports: Any) -> dict[str, str]:
        """Start the service; the addresses are the guest's."""
        settings: dict[str, Any] = {"websocket_port": 0, "tcp_port": 0, **ports}
        if tls:
            authority = Authority(self.directory, "ca")
            settings["certificate"], settings["key"] = authority.server("server", HOST_IN_GUEST)
            qga = await self.machine.qga(BOOT)
            from ATPLibrary.protocol.qga import GuestFiles

            await GuestFiles(qga).write(CA_FILE, authority.file.read_bytes(), 30)
        configured = self.workspace.config.service.model_copy(update=settings)
        at = (await self.workspace.served_agents.start(configured, 10)).addresses
        web, tcp = (f"{HOST_IN_GUEST}:{at[way].rpartition(':')[2]}" for way in ("websocket", "tcp"))
        return {"ws": f"ws://{web}", "wss": f"wss://{web}", "tcp": f"tcp://{tcp}", "tcp+tls": f"tcp+tls://{tcp}"}

    async def dial(self, *urls: str, token: bool = False) -> None:
        """Configure the guest's agent so, and start it again."""
        lines = [f"connect = {' '.join(urls)}", f"ca-file = {CA_FILE}", f"token-file = {TOKEN_FILE}" if token else ""]
        text = "\\n".join(lines)
        await self.run(f"printf '{text}\\n' >{CONFIG_FILE}; atp-agent stop; atp-agent start")

    async def types(self, text: str = "#dialled in") -> None:
        await (await self.machine.agent(BACK_SECONDS)).ensure_watching(BACK_SECONDS)
        engine = await self.machine.typing(BACK_SECONDS)
        (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)
        report = await engine.type_text(text, timeout=60)
        report.raise_if_bad(must_be_verified=True)
        assert report.verified
        assert report.verdicts == {Verdict.OK: report.edges}

    async def deploy(self, url: str) -> Deployed:
        """As `Deploy Agent    connect=URL    force=True`."""
        wish = await wish_for(
            self.machine,
            agent_package.build(),
            BACK_SECONDS,
            connect=url,
            served=self.workspace.served_agents,
            force=True,
        )
        return await deploy(self.machine, wish, BACK_SECONDS, print)

    async def is_connected(self) -> None:
        """The agent has dialled in, and nobody uses it."""
        async with asyncio.timeout(BACK_SECONDS):
            while not self.workspace.served_agents.running().agents:  # noqa: ASYNC110 - its news may have come already
                await asyncio.sleep(0.05)

    async def way(self) -> str:
        """The way that its agent is connected by."""
        (agent,) = self.workspace.served_agents.running().agents
        return agent.channel.peer.way

    async def agent_status(self) -> dict[str, int]:
        """Resident KiB, CPU ticks and voluntary switches of the agent's process."""
        pid = await self.run("cat /run/atp-agent.pid")
        text = await self.run(
            f"grep -E '^(VmRSS|voluntary)' /proc/{pid}/status | tr -dc '0-9\\n'; cut -d' ' -f14,15 /proc/{pid}/stat"
        )
        resident, switches, ticks = text.split("\n")
        return {"resident": int(resident), "switches": int(switches), "ticks": sum(map(int, ticks.split()))}


@pytest_asyncio.fixture
async def served(network_vm: LabVm, tmp_path: Path) -> AsyncIterator[Served]:
    hosts = {"here": {"uri": network_vm.uri}}
    workspace = Workspace(Config.model_validate({"hosts": hosts, "agent": {"via": "service"}}))
    machine: Machine = await workspace.machine(network_vm.uuid, timeout=20)
    desk = Served(machine, network_vm.uri, workspace, tmp_path)
    try:
        yield desk
    finally:
        with contextlib.suppress(Exception):
            await desk.run(f"rm -f {CONFIG_FILE} {TOKEN_FILE} {CA_FILE}")
        await workspace.close()


async def test_where_to_dial_may_stand_on_the_kernels_command_line(served: Served, network_vm: LabVm) -> None:
    """The first test: the others write the agent's settings anew."""
    await served.listen(websocket_port=int(network_vm.spec.connect[0].rpartition(":")[2]))
    await served.types()
    assert await served.way() == "websocket"


@pytest.mark.parametrize("way", ["virtio-serial", "ws", "tcp", "wss", "tcp+tls"])
async def test_every_character_is_proved_over_each_way(
    served: Served, way: str, capsys: Any, record_property: Any
) -> None:
    if way == "virtio-serial":
        served.workspace.follow(Config.model_validate({"hosts": {"here": {"uri": served.uri}}}))
    else:
        addresses = await served.listen(tls=way in ("wss", "tcp+tls"))
        await served.dial(addresses[way])
    engine = await served.machine.typing(BACK_SECONDS)
    (await engine.press("ctrl+c")).raise_if_bad(must_be_verified=True)
    report = await engine.type_text("#" + EVERY_CHARACTER, timeout=60)
    report.raise_if_bad(must_be_verified=True)
    assert report.verdicts == {Verdict.OK: report.edges}
    status = await served.agent_status()
    figures = {"way": way, "p50_ms": round(report.latency.percentile(50), 2), **status}
    record_property("dialling_in", figures)
    print(f"dialling in: {figures}")
    if way in ("ws", "tcp"):
        assert status["resident"] < RESIDENT_KIB


async def test_an_idle_agent_takes_no_cpu_and_stays_small(served: Served) -> None:
    addresses = await served.listen()
    await served.dial(addresses["ws"])
    await served.types()
    await served.machine.close_agent()
    await served.is_connected()
    before = await served.agent_status()
    await served.run("sleep 5", timeout=60)
    after = await served.agent_status()
    print(f"idle: {before} {after}")
    assert after["ticks"] - before["ticks"] <= 1
    assert after["switches"] - before["switches"] <= 2
    assert after["resident"] < RESIDENT_KIB


@pytest.mark.parametrize("way", ["ws", "tcp"])
async def test_typing_goes_on_after_the_service_was_started_again(served: Served, way: str) -> None:
    addresses = await served.listen()
    await served.dial(addresses[way])
    await served.types("#before")
    ports = {
        "websocket_port": int(addresses["ws"].rpartition(":")[2]),
        "tcp_port": int(addresses["tcp"].rpartition(":")[2]),
    }
    await served.workspace.served_agents.stop()
    await served.listen(**ports)
    await served.types("#after")


async def test_a_token_is_rotated_in_the_middle_of_a_session(served: Served) -> None:
    addresses = await served.listen()
    tokens, vm = served.workspace.served_agents.tokens, await identity(served.machine, 10)
    first = tokens.issue(vm)
    await served.run(f"umask 077; printf %s '{first.reveal()}' >{TOKEN_FILE}")
    await served.dial(addresses["tcp"], token=True)
    await served.types("#first")
    second = tokens.rotate(vm)
    await served.run(f"printf %s '{second.reveal()}' >{TOKEN_FILE}")
    await served.types("#still the first")
    await served.machine.close_agent()
    await served.types("#second")
    third = tokens.issue(vm)  # and the second is no longer good: the agent is refused until its file has the third
    served.workspace.served_agents.running().drop(vm, "its token is no longer valid")
    await served.run(f"printf %s '{third.reveal()}' >{TOKEN_FILE}")
    await served.types("#third")


async def test_an_agent_is_deployed_over_the_guests_own_network_and_another_one_while_that_is_refused(
    served: Served,
) -> None:
    """The guest is small: a look at it that started a second agent never came to its end there."""
    await served.run(f"rm -f {CONFIG_FILE}; atp-agent stop")
    addresses, agents = await served.listen(), served.workspace.served_agents
    try:
        assert (await served.deploy(addresses["tcp"])).is_new
        await served.types("#deployed")
        assert await served.way() == "tcp"
        vm = await identity(served.machine, 10)
        agents.tokens.issue(vm)  # the agent's own is no longer good
        agents.running().drop(vm, "its token is no longer valid")
        async with asyncio.timeout(BACK_SECONDS):
            while agents.running().refusals < 3:  # noqa: ASYNC110 - only some of them are told
                await asyncio.sleep(0.1)
        with pytest.raises(
            ATPError, match=r"waiting for the new agent's answer.*was there is in its place again and was"
        ):
            await served.deploy("tcp://10.0.2.2:1")
        assert (await served.deploy(addresses["ws"])).is_new
        await served.types("#deployed again")
        assert await served.way() == "websocket"
    finally:
        await remove(served.machine, BACK_SECONDS)
        await served.run("atp-agent start")


async def test_a_paused_guest_goes_on_where_it_was(served: Served) -> None:
    addresses = await served.listen()
    await served.dial(addresses["ws"])
    await served.types("#before")
    await served.elsewhere(lambda vm: vm.suspend())
    await asyncio.sleep(2)
    await served.elsewhere(lambda vm: vm.resume())
    await served.types("#after")


@pytest.mark.parametrize("way", ["ws", "tcp"])
async def test_a_guest_that_slept_goes_on(served: Served, way: str) -> None:
    """Suspended to memory by its own kernel, and woken."""
    booted = await served.run("cat /proc/sys/kernel/random/boot_id")
    addresses = await served.listen()
    await served.dial(addresses[way])
    await served.types("#before")
    domain = served.machine.domain
    await served.elsewhere(lambda vm: vm.pMSuspendForDuration(libvirt.VIR_NODE_SUSPEND_TARGET_MEM, 0))
    await domain.wait_for_state(VmState.SUSPENDED, timeout=60)
    await asyncio.sleep(2)
    await served.elsewhere(lambda vm: vm.pMWakeup())
    await domain.wait_for_state(VmState.RUNNING, timeout=60)
    try:
        await served.types("#after")
    finally:
        again = await served.run("cat /proc/sys/kernel/random/boot_id")
        assert again == booted, "the guest did not wake: it booted anew"


async def test_a_guest_whose_clock_is_set_goes_on(served: Served) -> None:
    addresses = await served.listen()
    await served.dial(addresses["tcp"])
    await served.types("#before")
    try:
        await served.run("date -s '2001-02-03 04:05:06'")
        await served.types("#in the past")
        await served.machine.close_agent()
        await served.types("#and on a new connection")
    finally:
        await served.run(f"date -s @{time.time():.0f}")


@pytest.mark.parametrize("way", ["ws", "tcp"])
@pytest.mark.parametrize("connection", ["that is there", "that has ended"])
async def test_a_guest_that_is_put_back_to_a_snapshot_dials_anew(served: Served, way: str, connection: str) -> None:
    """Its kernel has the connection of then: on this side that has gone on meanwhile, or is no more."""
    addresses = await served.listen()
    await served.dial(addresses[way])
    await served.types("#before")
    assert "Error" not in await served.monitor("savevm dialled")
    try:
        await served.types("#after")
        if connection == "that has ended":
            await served.machine.close_agent()
            await served.types("#on another connection")
        assert await served.monitor("loadvm dialled") == ""
        began = time.monotonic()
        report = await (await served.machine.typing(BACK_SECONDS)).type_text("#at once", timeout=60)
        took = time.monotonic() - began
        report.raise_if_bad(must_be_verified=True)  # without a word of ours that would have waited for the agent
        print(f"typing was proved again {took:.1f} s after loadvm ({way}, a connection {connection})")
    finally:
        await served.monitor("delvm dialled")


async def test_a_host_that_opens_the_port_is_preferred_once_the_session_is_over(served: Served) -> None:
    addresses = await served.listen()
    await served.dial(addresses["tcp"])
    await served.types("#by tcp")
    assert await served.way() == "tcp"
    by_port = Config.model_validate({"hosts": {"here": {"uri": served.uri}}})
    await served.machine.close_agent()
    served.workspace.follow(by_port)
    await served.types("#by the port")
    assert served.workspace.served_agents.running().agents == []
    await served.machine.close_agent()
    served.workspace.follow(Config.model_validate({**by_port.model_dump(), "agent": {"via": "service"}}))
    await served.types("#by tcp again")
    assert await served.way() == "tcp"
