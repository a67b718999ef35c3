"""Real libvirt daemons of our own, no VM runs."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from ATPLibrary.errors import HostError, LabError
from ATPLibrary.lab import processes
from ATPLibrary.lab.daemon_user import can_name_hosts, daemon_user
from ATPLibrary.lab.hosts import LabHost, reach, short_directory
from ATPLibrary.lab.machine import MODELS, MachineSpec, domain_xml

pytestmark = pytest.mark.integration

IMAGE = SimpleNamespace(kernel=Path("/i/k"), initrd=Path("/i/i"), disk=Path("/i/d"), cmdline='console=ttyS0 x="<&>"')
TCG = SimpleNamespace(kind="tcg", reason="no guest runs here")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[LabHost, LabHost]]:
    """Two hosts that aren't started, in one lab's short directory."""
    short = short_directory(tmp_path)
    pair = tuple(
        LabHost(f"lab-{n}", str(uuid.uuid4()), ip, short / n, tmp_path)
        for n, ip in (("a", "127.0.0.2"), ("b", "127.0.0.3"))
    )
    yield pair  # type: ignore[misc]
    for host in pair:
        host.stop()
    if short.is_dir():
        short.rmdir()


def spec(host: LabHost, **changes: Any) -> MachineSpec:
    values = {"name": "vm", "uuid": str(uuid.uuid4()), "image": IMAGE, "accelerator": TCG, "directory": host.directory}
    return MachineSpec(**{**values, **changes})


def test_two_hosts_on_one_machine_have_their_own_identity_and_their_own_vms(hosts: tuple[LabHost, LabHost]) -> None:
    daemons = [host.start() for host in hosts]
    for host, daemon in zip(hosts, daemons, strict=True):
        host.wait_until_ready(daemon)
    connections = [libvirt.open(host.uri) for host in hosts]
    ids = [ET.fromstring(connection.getCapabilities()).findtext("host/uuid") for connection in connections]
    assert ids == [host.id for host in hosts]
    names = [connection.getHostname() for connection in connections]
    assert names == ([host.host_name for host in hosts] if can_name_hosts() else [names[0]] * 2)
    connections[0].defineXML(domain_xml(spec(hosts[0])))
    assert hosts[0].vms(5) == {"vm": "shut off"}
    assert hosts[1].vms(5) == {}
    for connection in connections:
        connection.close()


def test_a_stopped_host_leaves_no_process_and_no_file(hosts: tuple[LabHost, LabHost]) -> None:
    host = hosts[0]
    daemon = host.start()
    host.wait_until_ready(daemon)
    assert sorted(process.role for process in host.processes()) == ["libvirtd lab-a", "reaper lab-a"]
    host.stop()
    assert not daemon.alive
    assert not host.directory.exists()
    assert host.log.exists(), "the log is kept: it stands in the lab's own directory"
    host.stop()


def test_a_stopped_hosts_vms_are_buried_and_not_left_to_process_one(hosts: tuple[LabHost, LabHost]) -> None:
    host = hosts[0]
    host.wait_until_ready(host.start())
    connection = libvirt.open(host.uri)
    disk = host.directory / "disk"  # its path makes the QEMU process this host's
    disk.write_bytes(bytes(512))
    daemon_user().hand_over([disk])
    connection.createXML(
        f"""<domain type='qemu'><name>vm</name><memory unit='MiB'>16</memory><os><type arch='x86_64'>hvm</type></os><devices>
        <disk type='file' device='disk'><source file='{disk}'/><target dev='sda' bus='ide'/></disk></devices></domain>""",
        libvirt.VIR_DOMAIN_START_PAUSED,
    )
    connection.close()
    (qemu,) = [process for process in host.processes() if process.role == "qemu lab-a"]
    host.stop()
    assert not Path("/proc", str(qemu.pid)).exists()


def test_a_host_starts_again_after_its_daemon_was_killed(hosts: tuple[LabHost, LabHost]) -> None:
    host = hosts[0]
    first = host.start()
    host.wait_until_ready(first)
    os.kill(int((host.directory / "libvirtd.pid").read_text()), signal.SIGKILL)
    assert processes.wait([first], 10) == []
    assert processes.exit_status(first) == "was killed by SIGKILL", "the parent ends as the daemon ended"
    host.stop()
    second = host.start()
    host.wait_until_ready(second)
    assert second.alive


def test_a_daemon_that_dies_at_its_start_is_reported_with_its_end(hosts: tuple[LabHost, LabHost]) -> None:
    daemon = hosts[0].start()
    os.kill(daemon.pid, signal.SIGKILL)
    with pytest.raises(LabError, match=r"libvirtd of host 'lab-a' .*was killed by SIGKILL"):
        hosts[0].wait_until_ready(daemon, timeout=10)


def test_a_daemon_that_does_not_answer_costs_its_deadline_only_and_is_still_ended(
    hosts: tuple[LabHost, LabHost],
) -> None:
    host = hosts[0]
    parent = host.start()
    host.wait_until_ready(parent)
    daemon = next(process for process in host.processes() if process.role == host.daemon_role)
    os.kill(daemon.pid, signal.SIGSTOP)
    assert host.vms(0.3) is None
    with pytest.raises(HostError, match=r"within 0.3 s"):
        reach(host.uri, timeout=0.3)
    with pytest.raises(LabError, match="runs but doesn't answer"):
        host.wait_until_ready(parent, timeout=0.3)
    host.stop()
    assert not daemon.alive
    assert not parent.alive


def test_stopping_a_host_touches_nobody_elses_qemu_and_nobody_who_only_reads_its_log(
    hosts: tuple[LabHost, LabHost],
) -> None:
    host, neighbour = hosts
    host.wait_until_ready(host.start())
    daemon_next_door = neighbour.start()
    neighbour.wait_until_ready(daemon_next_door)
    strangers = [
        subprocess.Popen(["qemu-system-x86_64", "-machine", "none", "-S", "-nodefaults", "-display", "none"]),
        subprocess.Popen(["tail", "-f", str(host.directory / "libvirtd.conf")]),
    ]
    try:
        host.stop()
        assert [stranger.poll() for stranger in strangers] == [None, None]
        assert daemon_next_door.alive
    finally:
        for stranger in strangers:
            stranger.kill()
            stranger.wait(timeout=10)


@pytest.mark.parametrize("model", MODELS)
def test_libvirts_schema_and_qemu_driver_accept_every_model(lab_host: LabHost, model: str) -> None:
    vm = spec(lab_host, name=f"测试桌面池-001 <&> {model}", model=model, listen=lab_host.ip)
    connection = libvirt.open(lab_host.uri)
    domain = connection.defineXML(domain_xml(vm))
    try:
        live = ET.fromstring(domain.XMLDesc())
        assert live.findtext("name") == vm.name
        assert live.findtext("os/cmdline") == IMAGE.cmdline
        buses = {i.get("bus") for i in live.findall("devices/input") if i.get("type") == "keyboard"}
        assert buses == {"ps2", vm.keyboard}
        # libvirt says what it will run: our monitor and the identity are in it
        argv = connection.domainXMLToNative("qemu-argv", domain_xml(vm))
        assert f"path={vm.qmp_socket}," in argv
        assert f"serial={vm.uuid}" in argv
        assert f"asset=atp-token:{vm.token}" in argv
    finally:
        domain.undefine()
        connection.close()


def test_the_schema_accepts_the_xml(lab_host: LabHost) -> None:
    """The same that virt-xml-validate checks, without the parts that only the schema's extension namespace knows."""
    connection = libvirt.open(lab_host.uri)
    domain = connection.defineXMLFlags(domain_xml(spec(lab_host)), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    domain.undefine()
    connection.close()


def test_a_host_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="should answer but said"):
        reach(f"qemu+unix:///session?socket={tmp_path}/none", timeout=5)


def test_nothing_is_found_where_nothing_runs(hosts: tuple[LabHost, LabHost]) -> None:
    assert [host.processes() for host in hosts] == [[], []]
    processes.end([])
