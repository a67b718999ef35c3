"""Which VMs a lease may be taken on: by name, tag, state, and a desk pool of the platform."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import HostError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace, lease_wish
from ATPLibrary.orchestrator.lease_wish import Wish
from ATPLibrary.transport import VmState
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.integration

SECOND = "22222222-2222-4222-8222-222222222222"


async def names(wish: Wish, workspace: Workspace) -> list[str]:
    return sorted(domain.name for domain in await wish.candidates(workspace, 10))


async def test_a_name_and_a_state_choose(workspace: Workspace) -> None:
    assert await names(Wish(), workspace) == ["sales-001", "sales-002"]
    assert await names(Wish(name="*-002"), workspace) == ["sales-002"]
    await (await workspace.machine("sales-001", timeout=10)).domain.suspend(10)
    assert await names(Wish(state=VmState.RUNNING), workspace) == ["sales-002"]


async def test_a_host_s_tag_chooses(workspace: Workspace) -> None:
    workspace.transport.hosts["rack-1"].tags = ("gpu",)
    assert await names(Wish(tag="gpu"), workspace) == ["sales-001", "sales-002"]
    with pytest.raises(
        VmNotFoundError,
        match=r"on a host tagged 'cad' should exist but .* No host has the tag 'cad'\. The tags there are: gpu\.",
    ):
        await names(Wish(tag="cad"), workspace)


async def test_a_desk_pool_chooses_among_its_members(workspace: Workspace, client: VdiClient, platform: Any) -> None:
    platform.hosts = [{"id": "h1", "name": "rack-1", "ip": "192.0.2.1", "status": 1}]
    platform.pools = [{"id": "p1", "name": "sales", "enabled": 1}]
    platform.vms = {"p1": [{"id": SECOND, "name": "sales-002", "status": 1, "hostId": "h1"}]}
    with pytest.raises(PlatformError, match="No platform is logged in to"):
        await names(Wish(pool="sales"), workspace)
    workspace.platforms.current = client
    assert await names(Wish(pool="sales"), workspace) == ["sales-002"]
    assert workspace.machines == {}  # looking isn't connecting
    with pytest.raises(
        VmNotFoundError, match=r"A VM called 'hr-\?' of desk pool 'sales' should exist and be running but"
    ):
        await names(Wish(name="hr-?", pool="sales", state=VmState.RUNNING), workspace)


async def test_a_dead_host_and_a_drained_one_are_passed_over_and_named(workspace: Workspace) -> None:
    workspace.transport.add_host("dead", "qemu+tcp://127.0.0.1:1/system")
    assert await names(Wish(), workspace) == ["sales-001", "sales-002"]
    with pytest.raises(
        VmNotFoundError, match=r"but the VMs there are: sales-001, sales-002\. Host 'dead' should accept"
    ):
        await names(Wish(name="hr"), workspace)
    with pytest.raises(HostError, match="Host 'dead' should accept"):
        await names(Wish(host="dead"), workspace)
    workspace.transport.hosts["rack-1"].drained = True
    with pytest.raises(VmNotFoundError, match=r"but its only host, 'rack-1', is drained\. Name it with host="):
        await names(Wish(), workspace)
    assert await names(Wish(host="rack-1"), workspace) == ["sales-001", "sales-002"]


async def test_a_silent_host_delays_a_lease_by_a_moment_only(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_wish, "SECOND_OPINION_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent"))
        listener.listen()
        workspace.transport.add_host("silent", f"qemu+unix:///system?socket={tmp_path}/silent")
        async with asyncio.timeout(10):  # the wish itself may take longer
            found = await Wish().candidates(workspace, 60)
    assert sorted(domain.name for domain in found) == ["sales-001", "sales-002"]
