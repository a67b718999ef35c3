"""The keywords about hosts, storage, events, alarms, the dashboard, terminals, USB devices and logs, on the real server.

What each did is looked up where it is: in libvirt, in the images, in the hosts' directories.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.errors import InputError, PlatformError, VerificationError
from ATPLibrary.keywords.platform.hosts import PlatformHostStatus
from ATPLibrary.keywords.platform.panel import CountOf
from ATPLibrary.vdi.codes import EventOutcome

pytestmark = pytest.mark.integration

SOON = timedelta(seconds=20)


@pytest.fixture
def first_host(platform_lab: Any) -> Any:
    return platform_lab.hosts[0]


@pytest.fixture
def desktop(tester: Any) -> str:
    """One desktop, off, on the first host."""
    tester.create_desk_pool("资产", model="atp-linux", amount=1)
    return "资产-001"


@pytest.fixture
def unstartable(desktop: str, first_host: Any) -> Any:
    """The same with its disk out of the way, so that its QEMU doesn't start."""
    (disk,) = (first_host.directory / "vm").glob("*/disk.qcow2")
    disk.rename(disk.with_suffix(".away"))
    yield desktop
    if disk.with_suffix(".away").exists():  # unless the test has removed its desktop
        disk.with_suffix(".away").rename(disk)


def runs_on(platform_lab: Any, name: str) -> bool:
    with contextlib.closing(platform_lab.libvirt(0)) as connection:
        return bool(connection.lookupByName(name).isActive())


def rows_in(sheet: Path) -> int:
    """How many rows a spreadsheet has, its titles counted."""
    with zipfile.ZipFile(sheet) as parts:
        return parts.read("xl/worksheets/sheet1.xml").count(b"<row")


def test_a_host_is_described_as_it_is(tester: Any, platform_lab: Any) -> None:
    assert tester.get_platform_hosts() == ["lab-a", "lab-b"]
    assert tester.get_platform_hosts(status=PlatformHostStatus.CLOSED) == []
    assert tester.get_platform_hosts(name="-b") == ["lab-b"]
    host = tester.get_platform_host("lab-a")
    assert (host.ip, host.id, host.host_count) == ("127.0.0.2", platform_lab.hosts[0].id, 2)
    assert tester.get_platform_host(host.id, "status", "==", "enabled") == "enabled"
    with contextlib.closing(platform_lab.libvirt(0)) as connection:
        info, version = connection.getInfo(), connection.getLibVersion()
    assert tester.get_platform_host("lab-a", "cpu_size") == info[2]
    assert tester.get_platform_host_hardware("lab-a", "sockets") == info[5]
    assert tester.get_platform_host_versions("lab-a", "agent_version").split()[-1] == (
        f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    )
    up = float(Path("/proc/uptime").read_text().split()[0])
    assert tester.get_platform_host_uptime("lab-a", ">=", str(int(up))) < up + 60
    assert tester.get_platform_host_addresses("lab-a", "ip", "==", "127.0.0.2") == "127.0.0.2"
    with pytest.raises(VerificationError, match=r"Host 'lab-a': status should be 'closed' but is 'enabled'"):
        tester.get_platform_host("lab-a", "status", "==", "closed")
    with pytest.raises(VerificationError, match=r"should be 'closed' but is 'enabled', after 0.3 s of waiting"):
        tester.get_platform_host("lab-a", "status", "==", "closed", timeout=timedelta(seconds=0.3))
    with pytest.raises(
        InputError, match=r"^Host 'lab-a' should have a field 'stats' but has none. Near it are: status"
    ):
        tester.get_platform_host("lab-a", "stats")
    with pytest.raises(PlatformError, match=r"no host 'lab-c'\. It has 'lab-.', 'lab-.'"):
        tester.get_platform_host("lab-c")


def test_a_host_in_maintenance_starts_no_desktop(tester: Any, platform_lab: Any, desktop: str) -> None:
    tester.put_platform_host_into_maintenance("lab-a")
    tester.platform_host_should_be("lab-a", PlatformHostStatus.MAINTENANCE)
    tester.platform_counts_should_be(CountOf.HOSTS, running=1, maintenance=1)
    with pytest.raises(PlatformError, match=desktop):
        tester.start_desktop(desktop)
    tester.return_platform_host_to_service("lab-a")
    tester.refresh_platform_host("lab-a")
    tester.start_desktop(desktop)
    assert runs_on(platform_lab, desktop)


def test_a_limit_keeps_desktops_from_starting_and_is_put_back(tester: Any, desktop: str) -> None:
    before = tester.get_platform_host("lab-a", "vm_limit")
    tester.limit_platform_host("lab-a", 0)
    with pytest.raises(PlatformError, match=desktop):
        tester.start_desktop(desktop)
    tester.set_platform_host_outer_address("lab-a", ip="192.0.2.7")
    tester.get_platform_host("lab-a", "extranet_ip", "==", "192.0.2.7")
    tester.remove_created_things()
    assert tester.get_platform_host("lab-a", "vm_limit") == before
    assert tester.get_platform_host("lab-a", "extranet_ip") in (None, "")


def test_a_host_leaves_its_resource_pool_and_comes_back(tester: Any) -> None:
    pool = tester.get_platform_host("lab-b", "pool_name")
    tester.take_platform_host_out_of_resource_pool("lab-b")
    assert tester.get_platform_hosts(outside_pools=True) == ["lab-b"]
    assert tester.get_platform_hosts(resource_pool=pool) == ["lab-a"]
    tester.put_platform_host_into_resource_pool("lab-b", pool)
    with pytest.raises(PlatformError, match="主机已在资源池中"):
        tester.put_platform_host_into_resource_pool("lab-b", pool)
    tester.remove_created_things()
    tester.get_platform_host("lab-b", "pool_name", "==", pool)
    with pytest.raises(PlatformError, match="主机的地址是固定的"):
        tester.set_platform_host_addresses("lab-b", ip="192.0.2.7")
    with pytest.raises(PlatformError, match="主机是固定的"):
        tester.delete_platform_host("lab-b")


def test_closing_a_host_cuts_its_desktops_power(tester: Any, platform_lab: Any, desktop: str) -> None:
    tester.start_desktop(desktop)
    assert runs_on(platform_lab, desktop)
    tester.close_platform_host("lab-a", timeout=SOON)
    assert not runs_on(platform_lab, desktop)
    tester.platform_host_should_be("lab-a", PlatformHostStatus.CLOSED)
    tester.return_platform_host_to_service("lab-a")


def test_a_storage_pool_is_a_directory_and_a_volume_an_image(tester: Any, first_host: Any) -> None:
    directory = first_host.directory / "scratch"
    tester.create_directory_storage_pool("草稿", "lab-a", str(directory))
    assert directory.is_dir()
    tester.storage_pool_should_exist("草稿")
    tester.get_storage_pool("草稿", "path", "==", str(directory))
    assert tester.get_storage_pool_space("草稿", "capacity", ">", "0") == tester.get_platform_storage_usage("capacity")
    tester.rename_storage_pool("草稿", "稿件")
    assert tester.get_storage_pools(name="稿") == ["稿件"]
    pool = tester.get_storage_pool("lab-a-data", "pool_name")
    tester.unbind_storage_pool("稿件")
    assert tester.get_storage_pools(outside_pools=True) == ["稿件"]
    tester.bind_storage_pool("稿件", pool)
    tester.get_storage_pool("稿件", "pool_name", "==", pool)

    id_ = tester.create_storage_volume("卷", 2, "稿件", bus_type="ide")
    (image,) = directory.iterdir()
    told = subprocess.run(
        ["qemu-img", "info", "--output=json", str(image)], check=True, capture_output=True, text=True, timeout=30
    )
    assert json.loads(told.stdout)["virtual-size"] == 2 * 1024**3
    tester.get_storage_volume("卷", "bus_type", "==", "ide")
    assert tester.get_storage_volumes(storage_pool="稿件", free=True) == ["卷"]
    with pytest.raises(PlatformError, match="存储池不为空"):
        tester.delete_storage_pool("稿件")
    tester.delete_storage_volume(id_)
    assert not image.exists()
    tester.storage_volume_should_not_exist("卷")
    with pytest.raises(VerificationError, match="Storage volume '卷' should exist but does not"):
        tester.storage_volume_should_exist("卷")
    tester.create_storage_volume("再一个", 1, "稿件")
    assert {thing["kind"] for thing in tester.get_created_things()} == {"storage pool", "storage volume"}
    tester.remove_created_things()  # the volume first, else the pool isn't empty
    assert not directory.exists()
    tester.storage_pool_should_not_exist("稿件")


def test_storage_that_the_lab_has_not_is_refused_and_nothing_of_it_is_remembered(tester: Any) -> None:
    for create in (
        lambda: tester.create_nfs_storage_pool("n", "192.0.2.9", "/export", "/mnt"),
        lambda: tester.create_gfs_storage_pool("n", "/mnt"),
        lambda: tester.create_gluster_storage_pool("n", "192.0.2.9", "v", "/mnt"),
        lambda: tester.create_lvm_storage_pool("n", "lab-a", "vg0", "/x"),
    ):
        with pytest.raises(PlatformError, match="只支持本地目录存储池"):
            create()
    assert tester.get_created_things() == []
    assert tester.get_volume_groups("lab-a") == []
    with pytest.raises(InputError, match="size of 1 GB or more but was to have 0 GB"):
        tester.create_storage_volume("v", 0, "lab-a-data")


def test_an_iso_file_gets_into_a_drive_and_out_again(
    tester: Any, platform_lab: Any, first_host: Any, desktop: str
) -> None:
    def inserted() -> bool:
        with contextlib.closing(platform_lab.libvirt(0)) as connection:
            return "工具.iso" in connection.lookupByName(desktop).XMLDesc()

    file = first_host.directory / "iso" / "工具.iso"
    tester.iso_file_should_not_exist("工具.iso", "lab-a-iso")
    file.write_bytes(b"\0" * 4096)
    tester.iso_file_should_exist("工具.iso", "lab-a-iso", timeout=SOON)
    assert tester.get_iso_files("lab-a-iso") == ["工具.iso"]
    tester.get_iso_file("工具.iso", "lab-a-iso", "capacity", "==", "4096")
    tester.insert_iso_file_into_desktops("工具.iso", "lab-a-iso", desktop)
    assert inserted()
    tester.eject_iso_file_from_desktops("工具.iso", "lab-a-iso", desktop)
    assert not inserted()
    tester.insert_iso_file_into_desktops(str(file), "lab-a-iso", desktop)
    assert [thing["kind"] for thing in tester.get_created_things()][-1] == "ISO file in a drive of desktop"
    tester.eject_iso_file_from_desktops(str(file), "lab-a-iso", desktop, with_drive=True)
    with pytest.raises(PlatformError, match=r"no image 'nothing\.iso'\. It has '工具.iso'"):
        tester.insert_iso_file_into_desktops("nothing.iso", "lab-a-iso", desktop)
    tester.delete_iso_file("工具.iso", "lab-a-iso")
    assert not file.exists()


def test_an_event_tells_how_an_operation_went(tester: Any, platform_lab: Any, unstartable: str) -> None:
    (event,) = tester.start_desktop(unstartable, wait=False)
    tester.platform_event_should_have_failed(event, reason="disk.qcow2", timeout=SOON)
    with pytest.raises(
        VerificationError, match=rf"should have succeeded but .*{unstartable} has failed: .*disk\.qcow2"
    ):
        tester.platform_event_should_have_succeeded(event, timeout=SOON)  # it isn't waited for
    with pytest.raises(PlatformError, match=unstartable):
        tester.wait_for_platform_events(event)
    failed = tester.get_platform_events(desktop=unstartable, outcome=EventOutcome.FAILED)
    assert [each.id for each in failed] == [event]
    assert tester.get_platform_events(outcome=EventOutcome.PENDING) == []
    assert len(tester.get_platform_events(limit=2)) == 2
    assert tester.get_platform_event(event, "outcome", class_room=True) == "failed"


def test_events_that_succeed_are_waited_for(tester: Any, platform_lab: Any, desktop: str) -> None:
    (event,) = tester.start_desktop(desktop, wait=False)
    tester.wait_for_platform_events(event, timeout=SOON)
    assert runs_on(platform_lab, desktop)
    tester.platform_event_should_have_succeeded(event)
    with pytest.raises(VerificationError, match="should have failed but"):
        tester.platform_event_should_have_failed(event)


def test_an_alarm_is_raised_by_its_rule_alone(tester: Any, unstartable: str) -> None:
    assert tester.get_alarm_rules() == ["host-memory", "operation-failed"]
    tester.no_alarm_should_be_raised()
    with pytest.raises(VerificationError, match=r"An alarm \(level 'minor'\) should be raised but the platform has no"):
        tester.alarm_should_be_raised(level="minor")
    tester.set_alarm_rule("operation-failed", enabled=True, level="major")
    tester.get_alarm_rule("operation-failed", "enable", "==", "1")
    (event,) = tester.start_desktop(unstartable, wait=False)
    tester.alarm_should_be_raised(level="major", content=unstartable, host_ip="127.0.0.2", timeout=SOON)
    tester.platform_event_should_have_failed(event)
    tester.get_platform_counts(CountOf.ALARMS, "number", "==", "1")
    with pytest.raises(
        VerificationError, match=f"should not be raised but the platform has major domain.*{unstartable}"
    ):
        tester.no_alarm_should_be_raised()
    tester.no_alarm_should_be_raised(level="minor")
    (alarm,) = tester.get_platform_alarms(module="domain")
    tester.delete_platform_alarm(alarm.id)
    tester.no_alarm_should_be_raised()
    assert [past.content for past in tester.get_past_platform_alarms(level="major")] == [alarm.content]
    tester.remove_created_things()  # the desktop too
    assert tester.get_alarm_rule("operation-failed", "enable") == 0
    assert tester.get_alarm_rule("operation-failed", "level") == "minor"


def test_the_dashboard_counts_what_there_is(tester: Any, desktop: str) -> None:
    tester.platform_counts_should_be(CountOf.DESKTOPS, running=0, closed=1)
    tester.start_desktop(desktop)
    tester.get_platform_counts(CountOf.DESKTOPS, "running", "==", "1", timeout=SOON)
    tester.platform_counts_should_be(CountOf.STORAGE_POOLS, running=4)
    tester.platform_counts_should_be(CountOf.RESOURCE_POOLS, running=1)
    tester.platform_counts_should_be(CountOf.TERMINALS, total=0)
    with pytest.raises(VerificationError, match=r"count of hosts should have running=3 but has running=2"):
        tester.platform_counts_should_be(CountOf.HOSTS, running=3)
    total = int(Path("/proc/meminfo").read_text().split()[1])
    assert tester.get_platform_performance("total") == total
    assert [each.host_name for each in tester.get_platform_host_performance("lab-a")] == ["lab-a"]
    assert len(tester.get_platform_host_performance()) == 2


def test_terminal_groups_are_kept_and_terminals_there_are_none(tester: Any) -> None:
    tester.create_terminal_group("阅览室", remark="一层")
    tester.get_terminal_group("阅览室", "remark", "==", "一层")
    tester.change_terminal_group("阅览室", name="图书馆")
    assert tester.get_terminal_groups() == ["图书馆"]
    tester.get_terminal_group("图书馆", "remark", "==", "一层")  # what isn't named stays
    tester.terminal_group_should_not_exist("阅览室")
    with pytest.raises(PlatformError, match="put terminals into a group for 1 of 1: 52:54:00:12:34:56"):
        tester.put_terminals_into_group("图书馆", "52:54:00:12:34:56")
    tester.create_terminal_group("另一个")
    tester.delete_terminal_group("另一个")
    assert [thing["name"] for thing in tester.get_created_things()] == ["阅览室"]
    tester.remove_created_things()
    assert tester.get_terminal_groups() == []
    assert tester.get_terminals() == []
    for order in (
        tester.disconnect_terminals,
        tester.restart_terminals,
        tester.shut_down_terminals,
        tester.wake_up_terminals,
        tester.delete_terminals,
        tester.get_terminal,
        tester.get_terminal_settings,
        lambda id_: tester.set_terminal_settings("{}", id_),
    ):
        with pytest.raises(PlatformError, match="终端不存在: 52:54"):
            order("52:54:00:12:34:56")
    with pytest.raises(InputError, match="No terminal is named"):
        tester.restart_terminals()


def test_a_usb_device_that_is_not_there_is_named(tester: Any, desktop: str) -> None:
    assert tester.get_usb_devices(host="lab-a") == []
    for order in (tester.pass_usb_device_to_desktop, tester.redirect_usb_device_to_desktop):
        with pytest.raises(PlatformError, match="no USB device '1-2'"):
            order("1-2", desktop)


def test_logs_are_read_and_written_to_files(tester: Any, desktop: str, tmp_path: Path) -> None:
    tester.start_desktop(desktop)
    done = tester.get_operation_log(content=desktop)
    assert {each.username for each in done} == {"admin"}
    assert tester.get_operation_log(username="nobody") == []
    sheet = Path(tester.export_operation_log(str(tmp_path / "new" / "operations.xlsx"), content=desktop))
    assert rows_in(sheet) == 1 + len(done)
    assert rows_in(Path(tester.export_operation_log(str(tmp_path / "none.xlsx"), content="nothing of this"))) == 1
    assert tester.get_login_log() == tester.get_session_log() == tester.get_past_user_counts(1) == []
    assert rows_in(Path(tester.export_login_log(str(tmp_path / "l.xlsx")))) == 1
    assert rows_in(Path(tester.export_session_log(str(tmp_path / "s.xlsx")))) == 1
    assert tester.get_hosts_with_logs() == ["lab-a", "lab-b"]
    with zipfile.ZipFile(tester.export_host_logs(str(tmp_path / "logs.zip"), "lab-a")) as logs:
        assert "lab-a/libvirtd-lab-a.log" in logs.namelist()
        assert any(desktop in name for name in logs.namelist())  # its QEMU's own
