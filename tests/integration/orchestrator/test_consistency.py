"""Platform and hypervisors compared: a made-up platform behind the real client, and hosts that are libvirt's test driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ATPLibrary.config import Config
from ATPLibrary.errors import ConfigError, DeadlineError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.consistency import Comparison, compare
from ATPLibrary.vdi import VdiClient

from .conftest import DOMAIN

pytestmark = pytest.mark.integration

HOSTS, VMS_A_HOST = 10, 100


def uuid(host: int, number: int) -> str:
    return f"{host:08}-0000-4000-8000-{number:012}"


class Fleet:
    """A platform of ten hosts and 1,000 VMs that answers in pages; `between` is called before each answer to `GET /domain`."""

    def __init__(self) -> None:
        self.hosts = [{"id": f"h{n}", "name": f"rack-{n}", "ip": f"192.0.2.{n}", "status": 1} for n in range(HOSTS)]
        self.vms = [
            {"id": uuid(h, n), "name": f"vm-{h}-{n}", "status": 1, "hostId": f"h{h}", "cpu": 1, "memory": 8}
            for h in range(HOSTS)
            for n in range(VMS_A_HOST)
        ]
        self.models: list[dict[str, object]] = []
        self.recycled: list[dict[str, object]] = []
        self.pool: list[dict[str, object]] = self.vms[:2]
        self.disks: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.lists_of_vms = 0
        self.between = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ocloud/v1/")
        self.asked.append(path)
        if path in ("login", "logout"):
            return self._ok({"token": "0123456789abcdef"})
        if path == "domain":
            if request.url.params["pageNum"] == "1":
                self.lists_of_vms += 1
                self.between()
            return self._page(request, self.vms)
        if path == "desk-pool":
            return self._page(request, [{"id": "p1", "name": "sales", "enabled": 1}])
        if path == "desk-pool/p1/domain/list":
            return self._ok(self.pool)
        if path.endswith(("/disk", "/nic")):
            return self._ok(self.disks if path.endswith("/disk") else [])
        lists = {"host": self.hosts, "model": self.models, "recycle": self.recycled}
        return self._page(request, lists[path])

    def _page(self, request: httpx.Request, items: list[Any]) -> httpx.Response:
        number, size = int(request.url.params["pageNum"]), int(request.url.params["pageSize"])
        shown = items[(number - 1) * size : number * size]
        return self._ok({"list": shown, "pageNum": number, "pages": -(-len(items) // size), "total": len(items)})

    def _ok(self, data: object) -> httpx.Response:
        return httpx.Response(200, json={"status": 0, "msg": "操作成功", "data": data})


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
async def client(fleet: Fleet, config: Config) -> AsyncIterator[VdiClient]:
    client = VdiClient(config.platform_settings("lab"), transport=httpx.MockTransport(fleet))
    await client.login()
    fleet.asked.clear()
    yield client
    await client.close()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    hosts: dict[str, object] = {}
    for host in range(HOSTS):
        nodes = (DOMAIN.format(name=f"vm-{host}-{n}", uuid=uuid(host, n)) for n in range(VMS_A_HOST))
        file = tmp_path / f"rack-{host}.xml"
        file.write_text(f"<node>{''.join(nodes)}</node>", encoding="utf-8")
        hosts[f"rack-{host}"] = {"uri": f"test://{file}", "ip": f"192.0.2.{host}"}
    platform = {"url": "http://platform.test", "username": "tester", "password": "a password"}
    return Config.model_validate({"hosts": hosts, "platforms": {"lab": platform}})


def told(found: Comparison) -> list[tuple[str, str, object, object]]:
    return [(each.subject, each.field, each.platform, each.hypervisor) for each in found.differences]


@contextmanager
def silent_host(workspace: Workspace, name: str, tmp_path: Path) -> Iterator[None]:
    """In place of a host: one that takes connections and never says a word."""
    import socket

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        workspace.transport.hosts.pop(name)
        workspace.transport.add_host(name, f"qemu+unix:///system?socket={tmp_path}/silent")
        yield


async def test_a_thousand_vms_on_ten_hosts_cost_a_page_a_hundred_and_one_call_a_host(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    found = await compare(workspace, client, timeout=60)
    assert (told(found), len(found.hosts), len(found.vms)) == ([], 10, 1000)
    assert sorted(fleet.asked) == ["domain"] * 10 + ["host", "model", "recycle"]
    assert {each.host: each.requests for each in workspace.transport.statistics()} == {
        f"rack-{n}": 1 for n in range(10)
    }
    assert found.not_compared == ["disks and network cards: there are more than 200 VMs, and it wasn't asked for"]


async def test_devices_are_compared_for_a_thousand_where_they_are_asked_for(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.disks = [{"id": "d", "volFullPath": "/d/a", "size": 1}]
    found = await compare(workspace, client, devices=True, grace=0.0, timeout=60)
    assert len(found.differences) == 2000
    assert told(found)[:2] == [
        ("VM 'vm-0-0'", "disks", 1, 0),
        ("VM 'vm-0-0'", "disk /d/a", "1 GB", "not attached"),
    ]
    assert {each.host: each.requests for each in workspace.transport.statistics()} == {
        f"rack-{n}": 2 for n in range(10)
    }


async def test_each_difference_is_found_on_real_libvirt(workspace: Workspace, client: VdiClient, fleet: Fleet) -> None:
    fleet.vms[0]["status"] = 2
    fleet.vms[1] |= {"cpu": 2, "memory": 16}
    fleet.vms[2]["hostId"] = "h5"
    gone = fleet.vms.pop(3)
    fleet.vms.append({**gone, "id": uuid(99, 99), "name": "nowhere"})
    found = await compare(workspace, client, timeout=60)
    assert told(found) == [
        ("VM 'vm-0-0'", "status", "suspended", "running"),
        ("VM 'vm-0-1'", "cpu", 2, 1),
        ("VM 'vm-0-1'", "memory", 16, 8),
        ("VM 'vm-0-2'", "host", "rack-5", "rack-0"),
        ("VM 'nowhere'", "domain", "running", "missing"),
        ("VM 'vm-0-3'", "domain", "not managed", "running"),
    ]
    assert fleet.lists_of_vms == 2, "what differs is looked at twice"


async def test_a_model_and_a_recycled_vm_are_managed(workspace: Workspace, client: VdiClient, fleet: Fleet) -> None:
    fleet.models.append({**fleet.vms.pop(0), "isModel": 1})
    fleet.recycled.append({**fleet.vms.pop(0), "isRecycle": 1})
    fleet.models.append({"id": uuid(99, 98), "name": "a model that is on no hypervisor", "isModel": 1})
    found = await compare(workspace, client, timeout=60)
    assert (told(found), len(found.vms)) == ([], 998)


async def test_what_is_under_way_is_looked_at_until_it_is_over(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.vms[0]["status"] = 5

    def over_at_the_fourth() -> None:
        if fleet.lists_of_vms == 4:
            fleet.vms[0]["status"] = 1

    fleet.between = over_at_the_fourth
    found = await compare(workspace, client, grace=30.0, timeout=60)
    assert told(found) == []
    assert fleet.lists_of_vms == 4


async def test_what_stays_under_way_counts_when_the_grace_is_over(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.vms[0]["status"] = 5
    found = await compare(workspace, client, grace=3.0, timeout=60)
    assert told(found) == [("VM 'vm-0-0'", "status", "busy", "running")]
    assert fleet.lists_of_vms > 2


async def test_what_differs_in_one_look_only_is_no_difference(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.vms[0]["status"] = 0

    def started() -> None:
        fleet.vms[0]["status"] = 1 if fleet.lists_of_vms > 1 else 0

    fleet.between = started
    assert told(await compare(workspace, client, timeout=60)) == []


async def test_a_silent_host_is_its_own_finding_and_its_vms_are_not_missing(
    workspace: Workspace, client: VdiClient, fleet: Fleet, tmp_path: Path
) -> None:
    with silent_host(workspace, "rack-4", tmp_path):
        found = await compare(workspace, client, timeout=8)
        (only,) = found.differences
        assert (only.subject, only.field, only.platform) == ("Host 'rack-4'", "connection", "enabled")
        assert str(only.hypervisor).startswith("unreachable (")
        assert found.not_compared[0].startswith("100 VMs, whose hosts can't be asked: 'vm-4-0', 'vm-4-1',")
        assert (len(found.hosts), len(found.vms)) == (9, 900)


async def test_a_silent_host_is_not_waited_for_a_second_time(
    workspace: Workspace, client: VdiClient, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.vms[0]["status"] = 0
    with silent_host(workspace, "rack-4", tmp_path):
        found = await compare(workspace, client, timeout=8)
        assert [each.subject for each in found.differences] == ["Host 'rack-4'", "VM 'vm-0-0'"]
        assert fleet.lists_of_vms == 2
        tried = [event for event in workspace.bus.recent("host:rack-4", 200) if event.kind == "host.connecting"]
        assert len([event for event in tried if str(tmp_path) in event.data["uri"]]) == 1


async def test_hosts_that_one_side_lacks_are_named(workspace: Workspace, client: VdiClient, fleet: Fleet) -> None:
    fleet.hosts[0] = {"id": "h0", "name": "another", "ip": "198.51.100.1", "status": 1}
    found = await compare(workspace, client, grace=0.0, timeout=60)
    assert told(found)[0] == ("Host 'another'", "host", "listed at 198.51.100.1", "not configured")
    assert told(found)[1] == ("Host 'rack-0'", "host", "not listed", "connected")
    # Its VMs are found where they are, which isn't where the platform says.
    assert {each.field for each in found.differences[2:]} == {"host"}
    assert len(found.differences) == 102


async def test_a_desk_pool_s_desktops_are_compared_and_only_their_host_is_asked(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.vms[0]["status"] = 0
    fleet.vms[500]["status"] = 0
    found = await compare(workspace, client, pool="sales", timeout=60)
    assert [each.subject for each in found.differences] == ["VM 'vm-0-0'"]
    assert (len(found.hosts), len(found.vms)) == (1, 2)
    assert {each.host for each in workspace.transport.statistics() if each.requests} == {"rack-0"}


async def test_named_desktops_are_compared_and_one_that_moved_is_found(
    workspace: Workspace, client: VdiClient, fleet: Fleet
) -> None:
    fleet.vms[500]["hostId"] = "h1"
    found = await compare(workspace, client, desktops=["vm-5-0", uuid(0, 0)], timeout=60)
    assert told(found) == [("VM 'vm-5-0'", "host", "rack-1", "rack-5")]
    with pytest.raises(VmNotFoundError, match="no VM 'vm-77'"):
        await compare(workspace, client, desktops=["vm-77"], timeout=60)


async def test_disks_that_the_platform_won_t_tell_are_named_as_not_compared(
    workspace: Workspace, client: VdiClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise PlatformError("The platform refused.")

    monkeypatch.setattr(client.domains, "disks", refused)
    found = await compare(workspace, client, desktops=["vm-0-0"], timeout=60)
    assert found.agree
    assert found.not_compared == ["disks and network cards of VM 'vm-0-0': The platform refused."]


async def test_disks_that_are_not_told_in_time_hide_no_difference_and_are_no_agreement(
    workspace: Workspace, client: VdiClient, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks, allowed = client.domains.disks, []

    async def late(vm_id: str, *, timeout: float) -> Any:
        allowed.append(timeout)
        if vm_id == uuid(0, 0):
            raise DeadlineError("The platform should answer but did not.")
        return await disks(vm_id, timeout=timeout)

    monkeypatch.setattr(client.domains, "disks", late)
    with pytest.raises(DeadlineError, match="should answer but did not"):
        await compare(workspace, client, pool="sales", timeout=60)
    assert max(allowed) < 60 * 0.5 * 0.5  # of the look's half, so that one leaves some for the others
    fleet.vms[1]["status"] = 0
    found = await compare(workspace, client, pool="sales", timeout=60)
    assert told(found) == [("VM 'vm-0-1'", "status", "shut off", "running")]
    fleet.between = lambda: fleet.vms[1].update(status=fleet.lists_of_vms % 2)  # it differs in the first look only
    fleet.lists_of_vms = 1
    with pytest.raises(DeadlineError, match="should answer but did not"):
        await compare(workspace, client, pool="sales", timeout=60)


async def test_a_platform_that_doesn_t_answer_is_no_agreement(
    workspace: Workspace, client: VdiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never:
        async def collect(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(client.domains, "recycled", lambda **_: Never())
    with pytest.raises(DeadlineError, match=r"Comparing platform 'lab' with its hypervisors .*within 1 s"):
        await compare(workspace, client, timeout=1)


async def test_without_any_host_nothing_looks_like_agreement(client: VdiClient) -> None:
    with pytest.raises(ConfigError, match="A host should be in"):
        await compare(Workspace(Config(origin="atp.yaml")), client, timeout=5)


async def test_an_empty_desk_pool_and_a_platform_without_anything_are_no_agreement(
    workspace: Workspace, client: VdiClient, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.pool = []
    found = await compare(workspace, client, pool="sales", timeout=60)
    assert (found.agree, told(found), found.vms) == (False, [], [])
    fleet.vms, fleet.hosts = [], []
    workspace.config.platforms["other"] = workspace.config.platforms["lab"]
    found = await compare(workspace, client, timeout=60)
    assert (found.agree, told(found), found.hosts) == (False, [], [])
