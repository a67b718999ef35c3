"""The life of a real VM: snapshots, saving, switching off step by step, moving to another host; and typing that survives each."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest
import pytest_asyncio
import yaml
from robot.api import ExecutionResult

from ATPLibrary.config import Config
from ATPLibrary.errors import CommandError, DeadlineError, HostError, VmStateError
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import MEMORY_MIB, MachineSpec
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.transport import VmState, domain_stats, saved_state, snapshots
from ATPLibrary.transport.migration import MigrationPlan, migrate
from ATPLibrary.transport.power_down import GENTLE, Way, switch_off

from .conftest import moved_xml

pytestmark = pytest.mark.e2e

BOOT = 120.0


@pytest_asyncio.fixture
async def workspace(lab_host: LabHost) -> AsyncIterator[Workspace]:
    workspace = Workspace(Config.model_validate({"hosts": {"here": {"uri": lab_host.uri}}}))
    yield workspace
    await workspace.close()


@pytest_asyncio.fixture
async def machine(workspace: Workspace, running_vm: Callable[..., Any]) -> Machine:
    """A running VM with an agent that the test may break."""
    return await workspace.machine((await asyncio.to_thread(running_vm)).uuid, timeout=20)


async def types(machine: Machine, text: str) -> None:
    """Every key arrives in the guest, once and in order."""
    report = await (await machine.typing(30)).type_text(text, timeout=30)
    report.raise_if_bad()
    assert report.verified


async def run(machine: Machine, command: str) -> str:
    return (await (await machine.qga(BOOT)).exec(command, timeout=30)).stdout.strip()


async def test_a_vm_goes_back_to_its_snapshot_and_typing_goes_on(workspace: Workspace, machine: Machine) -> None:
    domain = machine.domain
    await run(machine, "echo before >/run/story")
    await types(machine, "one")
    taken = await snapshots.create_snapshot(domain, "clean", "as it was <made>", 60)
    assert (taken.state, taken.has_memory, taken.description) == ("running", True, "as it was <made>")
    with pytest.raises(CommandError, match="already exists"):
        await snapshots.create_snapshot(domain, "clean", "", 60)
    await run(machine, "echo after >/run/story")
    await types(machine, "two")
    async with workspace.replaced(machine, 10):
        await snapshots.revert_to_snapshot(domain, "clean", 60)
    await types(machine, "three")
    assert await run(machine, "cat /run/story") == "before"

    # Somebody else reverts it, while our agent session is open: the session begins anew by itself.
    def revert_elsewhere() -> None:
        connection = libvirt.open(domain.host.uri)
        try:
            handle = connection.lookupByUUIDString(domain.uuid)
            handle.revertToSnapshot(handle.snapshotLookupByName("clean"))
        finally:
            connection.close()

    ended = lambda event: event.kind == "libvirt.lifecycle.stopped" and event.data["uuid"] == domain.uuid  # noqa: E731
    with workspace.bus.subscribe(ended) as news:
        await asyncio.to_thread(revert_elsewhere)
        async with asyncio.timeout(20):
            await anext(news)
    await types(machine, "four")

    await snapshots.create_snapshot(domain, "later", "", 60)
    first, second = await snapshots.snapshots(domain, 10)
    assert (first.name, second.name, second.parent, second.is_current) == ("clean", "later", "clean", True)
    await snapshots.delete_snapshot(domain, "clean", 60, children=True)
    with pytest.raises(VmStateError, match="should have a snapshot 'clean' but has none"):
        await snapshots.revert_to_snapshot(domain, "clean", 60)

    await run(machine, "echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda of=/dev/null bs=64k count=16")
    stats = await domain_stats.domain_stats(domain, 10, over=0.5)
    assert stats.cpu_seconds > 0
    assert 0 <= stats.cpu_percent < 400
    assert stats.processors == 1
    assert stats.memory_mib == MEMORY_MIB
    assert stats.resident_mib > 50
    assert stats.disk_reads > 0
    assert stats.devices["block.0.name"] == "vda"


async def test_a_saved_vm_goes_on_where_it_was(workspace: Workspace, machine: Machine, lab_host: LabHost) -> None:
    domain, file = machine.domain, lab_host.directory / "saved"
    await run(machine, "echo kept >/run/story")
    async with workspace.replaced(machine, 10):
        await saved_state.save(domain, 60)
    assert await saved_state.has_saved_state(domain, 10)
    assert str(await domain.state(10)) == "shutoff (saved)"
    with pytest.raises(VmStateError, match="should be on so that it can be saved but was shutoff"):
        await saved_state.save(domain, 60)
    await domain.start(60)
    await types(machine, "one")
    assert await run(machine, "cat /run/story") == "kept"
    try:
        async with workspace.replaced(machine, 10):
            await saved_state.save(domain, 60, str(file))
        assert not await saved_state.has_saved_state(domain, 10)
        restored = await saved_state.restore(domain.host, str(file), 60)
        assert restored.uuid == domain.uuid
        await types(machine, "two")
        assert await run(machine, "cat /run/story") == "kept"
    finally:
        file.unlink(missing_ok=True)


async def test_a_vm_is_switched_off_as_gently_as_it_lets_itself(workspace: Workspace, machine: Machine) -> None:
    domain = machine.domain
    await machine.qga(BOOT)
    async with workspace.replaced(machine, 10):
        (only,) = await switch_off(domain, 60)
    assert only.way is Way.GUEST_AGENT
    with pytest.raises(VmStateError, match="should be running so that it can shut down but was shutoff"):
        await switch_off(domain, 60)

    await domain.start(60)
    await run(machine, "kill -STOP $(cat /run/qemu-ga.supervisor)")
    gone = lambda event: event.kind == "libvirt.agent.disconnected" and event.data["uuid"] == domain.uuid  # noqa: E731
    with workspace.bus.subscribe(gone) as news:
        # Its last answer is that it has started this: how the command ends nobody could tell.
        last_act = {"path": "/bin/sh", "arg": ["-c", "usleep 300000; kill $(cat /run/qemu-ga.pid)"]}
        await (await machine.qga(BOOT)).command("guest-exec", last_act, 20)
        async with asyncio.timeout(20):
            await anext(news)
    async with workspace.replaced(machine, 10):
        agent, button = await switch_off(domain, 60)
    assert (agent.way, button.way) == (Way.GUEST_AGENT, Way.ACPI)
    assert "not connected" in (agent.failure or "")
    assert agent.seconds < 5
    assert button.failure is None

    await domain.start(60)
    # Now the guest says yes to its agent's wish and does nothing, and nobody reads its power button.
    await run(machine, r"printf '#!/bin/sh\nexit 0\n' >/usr/sbin/shutdown; kill -STOP $(pidof dd)")
    with pytest.raises(
        DeadlineError, match=r"should shut down within 4 s but did not\. Last seen: guest agent: .*ACPI"
    ):
        await switch_off(domain, 4, GENTLE)
    async with workspace.replaced(machine, 10):
        attempts = await switch_off(domain, 4)
    assert [attempt.way for attempt in attempts] == [Way.GUEST_AGENT, Way.ACPI, Way.DESTROY]
    assert str(await domain.state(10)) == "shutoff (destroyed)"


async def test_a_vm_moves_between_two_hosts_while_it_runs(
    two_hosts: tuple[LabHost, LabHost], two_places: tuple[MachineSpec, MachineSpec]
) -> None:
    here, there = two_places
    x, y = two_hosts
    workspace = Workspace(Config.model_validate({"hosts": {host.name: {"uri": host.uri} for host in two_hosts}}))
    try:
        machine = await workspace.machine("wanderer", timeout=20)
        await machine.agent(BOOT)
        await types(machine, "one")
        destination = await workspace.host(y.name, 20)
        text = await machine.domain.call("read its XML", lambda handle: handle.XMLDesc(8), timeout=10)

        with pytest.raises(CommandError, match=r"Unsafe migration.*say unsafe=True; if not, say storage=copy"):
            await migrate(machine.domain, destination, MigrationPlan(uri=f"unix://{y.directory}/m"), 30)
        with pytest.raises(HostError, match="should move to another host but is on 'lab-x' already"):
            await migrate(machine.domain, await workspace.host(x.name, 20), MigrationPlan(), 30)

        # A move that takes too long is called off: it runs on where it was.
        plan = MigrationPlan(
            unsafe=True, uri=f"unix://{y.directory}/m", xml=moved_xml(text, here, there, disk_too=False)
        )
        await machine.domain.call("be slow to move", lambda handle: handle.migrateSetMaxSpeed(1), timeout=10)
        with pytest.raises(DeadlineError, match=r"asked to move to host 'lab-y', should answer within \d"):
            await migrate(machine.domain, destination, plan, 3)
        await machine.domain.wait_for_state(VmState.RUNNING, 20)
        await types(machine, "still here")
        await machine.domain.call("move fast", lambda handle: handle.migrateSetMaxSpeed(2**20), timeout=10)

        # Its disk stays where it is: both hosts reach it.
        async with workspace.replaced(machine, 10):
            workspace.moved(machine, await migrate(machine.domain, destination, plan, 60))
        assert machine.host == y.name
        assert (await machine.domain.state(10)).state is VmState.RUNNING
        await types(machine, "two")
        assert await workspace.machine("wanderer", timeout=10) is machine
        assert await (await workspace.host(x.name, 20)).list_domains(10) == []

        # Back again, by the daemons themselves and by somebody else than us: its name still means it.
        back = moved_xml(
            await machine.domain.call("read its XML", lambda handle: handle.XMLDesc(8), timeout=10), there, here, disk_too=True
        )  # fmt: skip
        back = back.replace(str(there.overlay), str(here.overlay))
        elsewhere = await asyncio.to_thread(libvirt.open, y.uri)
        flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
        flags |= libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE
        parameters = {"destination_xml": back, "persistent_xml": back}
        has_moved = lambda event: event.kind == "vm.moved" and event.data["to"] == x.name  # noqa: E731
        followed = asyncio.create_task(workspace.bus.wait_for(has_moved, 60, "Our following it"))
        try:
            handle = elsewhere.lookupByUUIDString(machine.uuid)
            await asyncio.to_thread(handle.migrateToURI3, x.uri, parameters, flags)
            await followed
        finally:
            elsewhere.close()
        await types(machine, "three")

        # And once more, with what it wrote to its disk.
        await run(machine, "echo taken along >/dev/vda; sync")
        text = await machine.domain.call("read its XML", lambda handle: handle.XMLDesc(8), timeout=10)
        plan = MigrationPlan(
            storage="copy top layer", uri=f"unix://{y.directory}/m", xml=moved_xml(text, here, there, disk_too=True)
        )
        async with workspace.replaced(machine, 10):
            workspace.moved(machine, await migrate(machine.domain, destination, plan, 60))
        assert await run(machine, "head -c 11 /dev/vda") == "taken along"
        disks = await machine.domain.call("read its XML", lambda handle: handle.XMLDesc(0), timeout=10)
        assert str(there.overlay) in disks
        assert str(here.overlay) not in disks
        await types(machine, "four")
    finally:
        await workspace.close()


SUITE = """\
*** Settings ***
Library    ATPLibrary
Library    String

*** Test Cases ***
The Life Of A VM As A Tester Writes It
    Connect To VM    wanderer
    Wait Until Verifier Is Ready    timeout=2 min
    ${{xml}} =    Get VM XML    migratable=True
    ${{xml}} =    Replace String    ${{xml}}    {here.files}    {there.files}
    ${{xml}} =    Replace String    ${{xml}}    {there.overlay}    {here.overlay}
    ${{xml}} =    Replace String    ${{xml}}    '{here.listen}'    '{there.listen}'
    Run Keyword And Expect Error    VM 'wanderer' on host 'lab-x' should move to host 'lab-y' but *unsafe=True*
    ...    Migrate VM    lab-y    uri=unix://{socket}
    Migrate VM    lab-y    unsafe=True    uri=unix://{socket}    xml=${{xml}}
    Type Text    moved
    Text Should Have Arrived    moved
    @{{there}} =    Get VMs    host=lab-y    state=running
    Should Be Equal    ${{there}}    ${{{{["wanderer"]}}}}
    Create Snapshot    here
    Run Command    rm -rf /etc/atp-story; mkdir /etc/atp-story
    Revert To Snapshot    here
    Type Text    back
    Text Should Have Arrived    back
    Command Output Should Be    ls -d /etc/atp-story 2>&1 | grep -c No    1
    Delete Snapshot    here
    Get VM Stats    name=memory_mib    operator===    expected=112
    Get VM Stats    name=cpu_percent    operator=<    expected=400    over=200 ms
    Save VM
    Start VM
    Type Text    on
    Text Should Have Arrived    on
    Wait Until Guest Agent Is Ready    timeout=1 min
    ${{how}} =    Shut Down VM    timeout=1 min
    Should Be Equal    ${{how}}    guest agent
    VM Should Be    shutoff
"""


def test_a_tester_writes_down_the_life_of_a_vm(
    two_hosts: tuple[LabHost, LabHost], two_places: tuple[MachineSpec, MachineSpec], tmp_path: Path
) -> None:
    here, there = two_places
    config = tmp_path / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {host.name: {"uri": host.uri} for host in two_hosts}}), encoding="utf-8")
    suite = tmp_path / "life.robot"
    suite.write_text(SUITE.format(here=here, there=there, socket=two_hosts[1].directory / "m"), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path / "out"), str(suite)],
        env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    (test,) = ExecutionResult(tmp_path / "out" / "output.xml").suite.tests
    assert test.passed, f"{test.message}\n{ran.stdout}"
