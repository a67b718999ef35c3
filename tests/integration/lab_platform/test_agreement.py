"""Platform and hypervisors compared on real libvirt, where something was changed behind the platform's back.

The lab asks libvirt before each answer; the vendor's platform remembers. So what the tests' client hears can be held: it goes on
hearing what the server said before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ATPLibrary.config import Config, PlatformSettings
from ATPLibrary.events import EventBus
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.adapter import connect_desktop
from ATPLibrary.orchestrator.consistency import Comparison, compare
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient

from .conftest import PASSWORD

pytestmark = pytest.mark.integration

EXTRA = "<domain type='qemu'><name>extra</name><memory>4096</memory><os><type>hvm</type></os></domain>"


class Remembering(httpx.AsyncBaseTransport):
    """Passes on what is asked; while `held`, the same question gets the answer that it got before."""

    def __init__(self) -> None:
        self._wire = httpx.AsyncHTTPTransport()
        self._answers: dict[str, tuple[int, bytes]] = {}
        self.held = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        question = str(request.url)
        if self.held and question in self._answers:
            status, content = self._answers[question]
            return httpx.Response(status, content=content, request=request)
        answer = await self._wire.handle_async_request(request)
        content = await answer.aread()
        if request.method == "GET":
            self._answers[question] = (answer.status_code, content)
        return httpx.Response(answer.status_code, content=content, request=request)

    async def aclose(self) -> None:
        await self._wire.aclose()


@pytest.fixture
def remembering() -> Remembering:
    return Remembering()


@pytest.fixture
def config(platform_lab: Any) -> Config:
    return Config.model_validate(
        {
            "hosts": {host.name: {"uri": host.uri, "ip": host.ip} for host in platform_lab.hosts},
            "platforms": {"lab": {"url": platform_lab.url, "username": "admin", "password": PASSWORD}},
            "timeouts": {"connect": 5.0},
        }
    )


@pytest.fixture
async def workspace(config: Config) -> AsyncIterator[Workspace]:
    workspace = Workspace(config)
    yield workspace
    await workspace.close(5.0)


@pytest.fixture
async def told(platform_lab: Any, client: VdiClient, remembering: Remembering) -> AsyncIterator[VdiClient]:
    """Logged in beside `client`, which deletes the pools at the end."""
    settings = PlatformSettings(name="lab", url=platform_lab.url, username="admin", password=Secret(PASSWORD))
    async with VdiClient(settings, timeout=30, event_bus=EventBus(), transport=remembering) as told:
        yield told


@pytest.fixture
async def vms(told: VdiClient) -> dict[str, Any]:
    """Four desktops by number: 001 and 003 on lab-a, 002 and 004 on lab-b; the first two run."""
    model = await told.models.find("atp-linux")
    await (await told.desk_pools.create("一致", model_id=model.id, amount=4, vm_prefix="agree"))
    pool = await told.desk_pools.detail("一致")
    listed = await told.desk_pools.vms(pool.id)
    await (await told.domains.start([vm.id for vm in listed[:2]]))
    return {vm.name[-3:]: vm for vm in listed}


def rows(found: Comparison) -> list[tuple[str, str, object, object]]:
    return [(each.subject.split("'")[1], each.field, each.platform, each.hypervisor) for each in found.differences]


async def test_a_lab_that_nobody_meddles_with_agrees_in_every_part(
    workspace: Workspace, told: VdiClient, vms: dict[str, Any]
) -> None:
    await told.domains.delete([vms["004"].id], recycle=True)
    found = await compare(workspace, told, devices=True, timeout=30)
    assert rows(found) == []
    assert found.not_compared == []
    assert (len(found.hosts), len(found.vms)) == (2, 3)


async def test_each_change_behind_its_back_is_named(
    workspace: Workspace, told: VdiClient, vms: dict[str, Any], remembering: Remembering, platform_lab: Any
) -> None:
    import libvirt

    await compare(workspace, told, devices=True, timeout=30)
    remembering.held = True
    with contextlib.closing(platform_lab.libvirt(0)) as a, contextlib.closing(platform_lab.libvirt(1)) as b:
        first, third = a.lookupByUUIDString(vms["001"].id), a.lookupByUUIDString(vms["003"].id)
        second, fourth = b.lookupByUUIDString(vms["002"].id), b.lookupByUUIDString(vms["004"].id)
        first.destroy()
        second.suspend()
        config = libvirt.VIR_DOMAIN_AFFECT_CONFIG
        for flag in (libvirt.VIR_DOMAIN_VCPU_MAXIMUM, 0):
            second.setVcpusFlags(3, config | flag)  # in effect when it starts again
        third.setVcpusFlags(2, config | libvirt.VIR_DOMAIN_VCPU_MAXIMUM)
        third.setVcpusFlags(2, config)
        third.setMemoryFlags(128 * 1024, config | libvirt.VIR_DOMAIN_MEM_MAXIMUM)
        root = ET.fromstring(third.XMLDesc(0))
        disk = next(each for each in root.iterfind("./devices/disk") if each.get("device", "disk") == "disk")
        path = disk.find("source").get("file")
        third.detachDeviceFlags(ET.tostring(disk, encoding="unicode"), config)
        fourth.undefine()
        extra = b.defineXML(EXTRA)
        found = await compare(workspace, told, devices=True, timeout=30)
        assert rows(found) == [
            ("agree-001", "status", "running", "shutoff"),
            ("agree-002", "status", "running", "paused"),
            ("agree-003", "cpu", 1, 2),
            ("agree-003", "memory", 112, 128),
            ("agree-004", "domain", "shut off", "missing"),
            ("extra", "domain", "not managed", "shutoff"),
            ("agree-003", "disks", 1, 0),
            ("agree-003", f"disk {path}", "1 GB", "not attached"),
            ("agree-002", "cpu at next start", 1, 3),
        ]
        remembering.held = False
        found = await compare(workspace, told, devices=True, timeout=30)
        # The lab asks libvirt before it answers: what it has to remember itself is left.
        assert [row[:2] for row in rows(found)] == [
            ("agree-004", "domain"),
            ("extra", "domain"),
            ("agree-002", "cpu at next start"),
        ]
        extra.undefine()


async def test_a_disk_that_grew_behind_its_back_differs_in_bytes(
    workspace: Workspace, told: VdiClient, vms: dict[str, Any], remembering: Remembering
) -> None:
    await compare(workspace, told, devices=True, timeout=30)
    remembering.held = True
    (disk,) = await told.domains.disks(vms["003"].id)
    resize = ["qemu-img", "resize", "-q", disk.path, "3G"]
    await asyncio.to_thread(subprocess.run, resize, check=True, timeout=30)
    found = await compare(workspace, told, devices=True, timeout=30)
    assert rows(found) == [("agree-003", f"disk {disk.path}", "1 GB", f"{3 * 2**30} bytes")]


async def test_a_vm_that_was_moved_behind_its_back_is_connected_where_it_is_and_is_a_difference(
    workspace: Workspace, told: VdiClient, vms: dict[str, Any], platform_lab: Any
) -> None:
    with contextlib.closing(platform_lab.libvirt(0)) as a, contextlib.closing(platform_lab.libvirt(1)) as b:
        here = a.lookupByUUIDString(vms["003"].id)
        xml = here.XMLDesc(0)
        here.undefine()
        b.defineXML(xml)
        machine = await connect_desktop(workspace, told, vms["003"].name, 20.0)
        assert machine.host == "lab-b"
        found = await compare(workspace, told, pool="一致", timeout=30)
        assert ("agree-003", "host", "lab-a", "lab-b") in rows(found)
        b.lookupByUUIDString(vms["003"].id).undefine()


async def test_a_silent_libvirt_is_a_difference_of_its_host_unless_the_platform_calls_the_host_off_line(
    workspace: Workspace, told: VdiClient, vms: dict[str, Any], platform_lab: Any, remembering: Remembering
) -> None:
    await compare(workspace, told, devices=True, timeout=30)
    (daemon,) = [each for each in platform_lab.hosts[1].processes() if each.role.startswith("libvirtd")]
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        remembering.held = True
        (only,) = (await compare(workspace, told, devices=True, timeout=30)).differences
        remembering.held = False
        both_know = await compare(workspace, told, devices=True, timeout=60)
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    assert (only.subject, only.field, only.platform) == ("Host 'lab-b'", "connection", "enabled")
    assert str(only.hypervisor).startswith("unreachable")
    assert both_know.agree
    assert both_know.not_compared[0].startswith("2 VMs, whose hosts can't be asked: 'agree-002', 'agree-004'")
    assert (len(both_know.hosts), len(both_know.vms)) == (1, 2)


# -- the same from a terminal


@pytest.fixture
def atp_yaml(config: Config, tmp_path: Path) -> Path:
    file = tmp_path / "atp.yaml"
    hosts = {name: {"uri": host.uri, "ip": host.ip} for name, host in config.hosts.items()}
    platform = {"url": config.platforms["lab"].url, "username": "admin", "password": PASSWORD}
    file.write_text(yaml.safe_dump({"hosts": hosts, "platforms": {"lab": platform}}), encoding="utf-8")
    return file


@pytest.fixture
def without_lab_b(atp_yaml: Path) -> None:
    values = yaml.safe_load(atp_yaml.read_text(encoding="utf-8"))
    del values["hosts"]["lab-b"]
    atp_yaml.write_text(yaml.safe_dump(values), encoding="utf-8")


async def atp(file: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `atp vdi ...`."""
    command = [sys.executable, "-c", "from ATPLibrary.cli import main; main()", "vdi", *arguments]
    environ = {**os.environ, "ATP_CONFIG": str(file)}
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=90, env=environ)
    return done.returncode, done.stdout, done.stderr


async def test_atp_vdi_verify_is_0_where_they_agree_and_1_where_they_differ(
    told: VdiClient, vms: dict[str, Any], platform_lab: Any, atp_yaml: Path
) -> None:
    code, out, err = await atp(atp_yaml, "verify")
    assert (code, err) == (0, "Platform 'lab' and hypervisors agree about 4 VMs on 2 hosts.\n")
    assert [line.split() for line in out.splitlines()] == [
        ["SUBJECT", "HOST", "FIELD", "PLATFORM", "HYPERVISOR"],
        *(["Host", f"'{name}'", name, "same", "same"] for name in ("lab-a", "lab-b")),
        *(["VM", f"'agree-00{n}'", f"lab-{'ba'[n % 2]}", "same", "same"] for n in (1, 2, 3, 4)),
    ]
    assert (await atp(atp_yaml, "verify", "--only-diff"))[:2] == (0, "")
    with contextlib.closing(platform_lab.libvirt(1)) as b:
        b.lookupByUUIDString(vms["004"].id).undefine()
    code, out, err = await atp(atp_yaml, "verify", "--only-diff", "--pool", "一致")
    assert (code, err) == (1, "Platform 'lab' and hypervisors differ in 1 about 4 VMs on 2 hosts.\n")
    assert out.splitlines()[1].split(maxsplit=3) == ["VM", "'agree-004'", "lab-b", "domain  shut off  missing"]
    code, out, _ = await atp(atp_yaml, "verify", "--json", "--only-diff")
    assert code == 1
    assert json.loads(out) == {
        "platform": "lab",
        "agree": False,
        "differences": [
            {
                "subject": "VM 'agree-004'",
                "id": vms["004"].id,
                "host": "lab-b",
                "field": "domain",
                "platform": "shut off",
                "hypervisor": "missing",
            }
        ],
        "not_compared": [],
    }


async def test_a_host_that_was_forgotten_in_the_configuration_is_put_back_by_sync_hosts(
    told: VdiClient, vms: dict[str, Any], config: Config, atp_yaml: Path, without_lab_b: None
) -> None:
    uri = config.hosts["lab-b"].uri
    code, out, err = await atp(atp_yaml, "verify", "--only-diff")
    assert code == 1
    assert "Host 'lab-b'" in out
    assert "not configured" in out
    assert "Not compared: 2 VMs, whose hosts can't be asked" in err
    assert (await atp(atp_yaml, "sync-hosts"))[0] == 1
    assert (await atp(atp_yaml, "sync-hosts", "--uri", uri, "--write"))[0] == 0
    assert (await atp(atp_yaml, "verify"))[0] == 0
    assert PASSWORD not in out + err
