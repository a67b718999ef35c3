"""`Deploy Agent` in a real guest: its own agent is ended, ours comes through qemu-ga, speaks over virtio-serial, and goes again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.protocol.qga.deployed_guest import variant

from ATPLibrary import agent_package
from ATPLibrary.config import Config
from ATPLibrary.errors import AgentError
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.orchestrator.deployment import Deployed, deploy, deploying, remove, wish_for

pytestmark = pytest.mark.e2e

PATIENCE = 120.0
DIRECTORY = "/usr/local/lib/atp-agent"
OURS = agent_package.build().version


class Guest:
    """A VM whose image's own agent doesn't run."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.said: list[str] = []

    async def has_ended(self, process: str) -> bool:
        """Once it has gone: what has ended is still in the list of processes until its parent has looked."""
        return await self.run(f"while [ -e /proc/{process} ]; do usleep 50000; done; echo ended") == "ended"

    async def run(self, line: str) -> str:
        result = await (await self.machine.qga(PATIENCE)).exec(line, timeout=PATIENCE)
        return str(result.stdout + result.stderr).strip()

    async def deploy(self, package: agent_package.AgentPackage | None = None, **more: Any) -> Deployed:
        wish = await wish_for(self.machine, package or agent_package.build(), PATIENCE, **more)
        return await deploy(self.machine, wish, PATIENCE, self.said.append)

    async def version(self) -> str:
        session = await self.machine.agent(PATIENCE)
        await session.ensure_watching(PATIENCE)
        assert session.hello is not None
        return session.hello.version

    async def type(self, text: str) -> bool:
        return (await (await self.machine.typing(PATIENCE)).type_text(text, PATIENCE)).verified


@pytest_asyncio.fixture
async def guest(ps2_vm: Any, lab_host: Any) -> AsyncIterator[Guest]:
    workspace = Workspace(Config.model_validate({"hosts": {"here": {"uri": lab_host.uri}}}))
    made = Guest(await workspace.machine(ps2_vm.name, timeout=PATIENCE))
    try:
        await made.run("atp-agent stop")
        yield made
        assert await remove(made.machine, PATIENCE) in (DIRECTORY, "")
        assert await made.run(f"ls -d {DIRECTORY}") == f"ls: {DIRECTORY}: No such file or directory"
    finally:
        await made.run(f"umount {DIRECTORY}; rm -rf {DIRECTORY}; atp-agent start")
        await made.machine.close_agent()
        await made.version()
        await workspace.close()


async def test_an_agent_comes_types_are_proved_and_it_goes_again(guest: Guest) -> None:
    deployed = await guest.deploy()
    assert (deployed.version, deployed.directory, deployed.keeper) == (OURS, DIRECTORY, "")
    assert deployed.python.startswith("/usr/bin/python3")
    assert await guest.version() == OURS
    assert await guest.type("echo deployed")
    assert await guest.run(f"ls -A {DIRECTORY}") == "agent.pyz\nlog\npid\nrun"
    first = await guest.run(f"cat {DIRECTORY}/pid")
    assert not (await guest.deploy()).is_new
    assert await guest.run(f"cat {DIRECTORY}/pid") == first
    assert await remove(guest.machine, PATIENCE) == DIRECTORY
    assert await guest.has_ended(first)


async def test_an_upgrade_ends_the_old_one_and_one_that_does_not_answer_gives_its_place_back(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await guest.deploy(variant(tmp_path, "0.0.9"))).version == "0.0.9"
    assert await guest.version() == "0.0.9"
    old = await guest.run(f"cat {DIRECTORY}/pid")
    upgraded = await guest.deploy()
    assert (upgraded.version, upgraded.before) == (OURS, "0.0.9")
    assert await guest.has_ended(old)
    assert await guest.type("echo upgraded")
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", 5.0)
    with pytest.raises(
        AgentError, match=rf"it doesn't run; it is no good\. Agent {OURS} that was there is in its place again"
    ):
        await guest.deploy(variant(tmp_path, "7.0.0", "sys.exit('it is no good')"))
    assert await guest.version() == OURS
    assert await guest.type("echo back again")


async def test_a_disk_that_is_full_is_said_and_nothing_is_left(guest: Guest) -> None:
    await guest.run(f"mkdir -p {DIRECTORY}; mount -t tmpfs -o size=16k tmpfs {DIRECTORY}")
    with pytest.raises(
        AgentError, match=r"copying the agent into the guest: .*No space left on device.*Nothing of it is left"
    ):
        await guest.deploy()
    assert await guest.run(f"ls -A {DIRECTORY}; umount {DIRECTORY}; rmdir {DIRECTORY}") == ""


async def test_an_agent_of_the_image_is_left_alone_when_it_is_of_the_same_version(guest: Guest, tmp_path: Path) -> None:
    await guest.run("atp-agent start")
    assert await guest.version() == OURS
    deployed = await guest.deploy()
    assert (deployed.version, deployed.directory, deployed.is_new) == (OURS, "", False), guest.said
    with pytest.raises(
        AgentError,
        match=rf"its port com\.vmagent\.sock is held by process \d+ \(/usr/bin/python3\.11 .*\), agent {OURS}, which",
    ):
        await guest.deploy(variant(tmp_path, "7.0.0"))
    await guest.run("atp-agent stop")
