"""Which VMs a lease may be taken on: by name, tag, state, and a desk pool of the platform."""

from __future__ import annotations

from typing import Any

import pytest

from ATPLibrary.errors import PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
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
        VmNotFoundError, match=r"A VM called '\*' on a host tagged 'cad' should exist but the VMs there are: sal"
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
