"""The one set of connections of a process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.integration.orchestrator.conftest import DOMAIN

from ATPLibrary import runtime
from ATPLibrary.config import Config
from ATPLibrary.errors import ConfigError, HostError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.transport import VmState

pytestmark = pytest.mark.integration


@pytest.fixture
def namesakes(tmp_path: Path, host_file: Path) -> Path:
    """Another host, whose VMs have the same names and other UUIDs."""
    file = tmp_path / "namesakes.xml"
    text = host_file.read_text(encoding="utf-8")
    file.write_text(text.replace("1111-111111111111", "1111-aaaaaaaaaaaa"), encoding="utf-8")
    return file


async def test_a_vm_is_found_by_name_and_by_uuid_and_is_one_machine(workspace: Workspace) -> None:
    machine = await workspace.machine("sales-001", timeout=10.0)
    assert await workspace.machine(machine.uuid, timeout=10.0) is machine
    assert await workspace.machine("sales-001", "rack-1", timeout=10.0) is machine


async def test_without_a_name_the_current_vm_is_meant(workspace: Workspace) -> None:
    workspace.current_machine = await workspace.machine("sales-002", timeout=10.0)
    assert (await workspace.choose(None, 10.0)).name == "sales-002"
    assert (await workspace.choose("sales-001", 10.0)).name == "sales-001"


async def test_without_a_current_vm_the_sentence_says_how_to_get_one(workspace: Workspace) -> None:
    with pytest.raises(VmNotFoundError, match="'Connect To VM' or 'Connect To Desk Pool', or name it with vm="):
        await workspace.choose(None, 10.0)


async def test_a_vm_that_no_host_has_is_named_with_near_ones(workspace: Workspace) -> None:
    with pytest.raises(VmNotFoundError, match=r"'sales-01'.*'sales-001'"):
        await workspace.machine("sales-01", timeout=10.0)


async def test_where_no_host_is_known_nothing_is_said_of_any_vm() -> None:
    workspace = Workspace(Config(origin="atp.yaml"))
    for asked in (workspace.machine("sales-001", timeout=10.0), workspace.vms(10.0)):
        with pytest.raises(ConfigError, match=r"^A host should be in atp\.yaml but there is none\. .*'atp lab up'"):
            await asked


async def test_one_name_on_two_hosts_must_be_told_apart(workspace: Workspace, namesakes: Path) -> None:
    await workspace.host("rack-2", 10.0, f"test://{namesakes}")
    await workspace.machine("sales-001", "rack-1", timeout=10.0)
    await workspace.machine("sales-001", "rack-2", timeout=10.0)
    with pytest.raises(VmNotFoundError, match="one on each of rack-1, rack-2"):
        await workspace.machine("sales-001", timeout=10.0)
    assert (await workspace.machine("sales-001", "rack-2", timeout=10.0)).host == "rack-2"


async def remade(workspace: Workspace, name: str, uuid: str | None) -> None:
    """Somebody else deletes the VM of that name, and makes another by it unless `uuid` is None."""

    def remake(connection: Any) -> None:
        old = connection.lookupByName(name)
        old.destroy()
        old.undefine()
        if uuid is not None:
            connection.defineXML(DOMAIN.format(name=name, uuid=uuid))

    await workspace.transport.hosts["rack-1"].call("make it anew", remake, timeout=10.0)


@pytest.mark.parametrize("called_by", ["name", "uuid"])
async def test_a_vm_that_was_made_anew_is_connected_to_by_its_name_and_its_uuid(
    workspace: Workspace, called_by: str
) -> None:
    uuid = "33333333-3333-4333-8333-333333333333"
    workspace.current_machine = before = await workspace.connect("sales-001", timeout=10.0)
    await remade(workspace, "sales-001", uuid)
    with workspace.bus.subscribe(lambda event: event.kind == "vm.gone") as news:
        after = await workspace.connect("sales-001" if called_by == "name" else uuid, timeout=10.0)
        assert (await asyncio.wait_for(anext(news), 5)).data == {"host": "rack-1", "uuid": before.uuid}
    assert (after.uuid, workspace.current_machine) == (uuid, None)
    assert await workspace.machine("sales-001", timeout=10.0) is after
    assert not (await after.domain.state(10.0)).state.is_active
    with pytest.raises(VmNotFoundError):
        await workspace.connect(before.uuid, timeout=10.0)


async def test_a_vm_that_was_deleted_is_not_connected_to_from_memory(workspace: Workspace) -> None:
    machine = await workspace.connect("sales-001", timeout=10.0)
    assert await workspace.connect("sales-001", timeout=10.0) is machine
    await remade(workspace, "sales-001", None)
    for host in (None, "rack-1"):
        with pytest.raises(VmNotFoundError, match=r"VM 'sales-001' should exist on host '?rack-1'? but does not"):
            await workspace.connect("sales-001", host, timeout=10.0)
    assert workspace.connected("sales-001") is None


async def test_every_host_s_vms_are_listed(workspace: Workspace) -> None:
    assert sorted(vm.name for vm in await workspace.vms(10.0)) == ["sales-001", "sales-002"]


async def test_an_unknown_host_is_named_with_those_there_are(workspace: Workspace) -> None:
    with pytest.raises(HostError, match=r"Host 'rack-9'.*rack-1"):
        await workspace.host("rack-9", 10.0)


async def test_a_host_that_could_not_be_reached_is_not_kept(workspace: Workspace) -> None:
    """Later searches on every host must not fail because of it."""
    with pytest.raises(HostError):
        await workspace.host("typo", 10.0, "qemu+unix:///session?socket=/nonexistent/libvirt.sock")
    assert "typo" not in workspace.transport.hosts
    assert sorted(vm.name for vm in await workspace.vms(10.0)) == ["sales-001", "sales-002"]


async def test_a_disconnected_host_is_connected_again_when_it_is_needed(workspace: Workspace) -> None:
    workspace.current_machine = await workspace.machine("sales-001", timeout=10.0)
    await workspace.disconnect_host("rack-1", 10.0)
    assert workspace.current_machine is None
    assert (await workspace.machine("sales-001", timeout=10.0)).host == "rack-1"


async def test_a_known_vm_s_host_that_was_lost_is_connected_again(workspace: Workspace) -> None:
    machine = await workspace.machine("sales-001", timeout=10.0)
    await workspace.transport.hosts["rack-1"].close(5.0)
    again = await workspace.choose("sales-001", 10.0)
    assert again is machine
    assert (await again.domain.state(10.0)).state is VmState.RUNNING


async def test_closing_forgets_everything_and_twice_is_harmless(workspace: Workspace) -> None:
    await workspace.machine("sales-001", timeout=10.0)
    await workspace.close(5.0)
    await workspace.close(5.0)
    assert workspace.machines == {}
    assert not workspace.has_connections


async def test_a_vm_that_stops_has_its_description_read_again(workspace: Workspace) -> None:
    machine = await workspace.machine("sales-001", timeout=10.0)
    before = await machine.description(10.0)
    assert await machine.description(10.0) is before
    machine.lifecycle(stopped=True)
    assert await machine.description(10.0) is not before


def test_closing_the_current_workspace_makes_room_for_a_new_one(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(config)
    monkeypatch.setattr(Workspace, "_current", workspace)
    runtime.wait(workspace.machine("sales-001", timeout=10.0), 10.0, "Connecting")
    Workspace.close_current(5.0)
    assert Workspace.existing() is None
    assert workspace.machines == {}


def test_credentials_of_a_keyword_replace_those_of_the_configuration(workspace: Workspace) -> None:
    settings = workspace.platforms.settings(None, "someone", "else's password")
    assert (settings.name, settings.username) == ("lab", "someone")
    assert settings.password is not None
    assert settings.password.reveal() == "else's password"
    assert "else" not in repr(settings)
