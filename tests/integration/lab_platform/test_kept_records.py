"""What the platform keeps beside libvirt (volumes, snapshots, pools' sizes) stays true when libvirt goes back or lets go."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from ATPLibrary.errors import PlatformError, VerificationError

from .behind import Behind

pytestmark = pytest.mark.integration


@pytest.fixture
def desk(tester: Any) -> str:
    """A desktop on the first host, off."""
    tester.create_desk_pool("台", model="atp-linux", amount=1)
    return "台-001"


def test_a_snapshot_is_not_restored_over_volumes_that_came_went_or_grew(tester: Any, behind: Behind, desk: str) -> None:
    tester.create_desktop_snapshot(desk, "bare")
    disk = tester.add_disk_to_desktop(desk, 1)
    name = tester.get_storage_volume(disk, "name")
    with pytest.raises(PlatformError, match=f"快照后存储卷有变化: {name}"):
        tester.restore_desktop_snapshot(desk, "bare")
    assert len(behind.disks(desk)) == 2
    tester.create_desktop_snapshot(desk, "with")
    tester.restore_desktop_snapshot(desk, "with")
    tester.expand_desktop_disk(desk, 1, disk)
    with pytest.raises(PlatformError, match="快照后存储卷有变化"):
        tester.restore_desktop_snapshot(desk, "with")
    assert behind.gib(behind.disks(desk)[1]) == tester.get_desktop_disk(desk, disk, "size") == 2
    tester.unmount_desktop_disk(desk, disk)
    with pytest.raises(PlatformError, match="快照后存储卷有变化"):
        tester.restore_desktop_snapshot(desk, "with")
    tester.restore_desktop_snapshot(desk, "bare")
    tester.platform_and_hypervisor_should_agree(desk)
    tester.remove_created_things()


def test_a_desktop_that_is_reset_to_its_model_has_no_snapshots_names_either(
    tester: Any, behind: Behind, desk: str
) -> None:
    tester.create_desktop_snapshot(desk, "clean")
    tester.reset_desktop_to_model(desk)
    assert tester.get_desktop_snapshots(desk) == []
    tester.create_desktop_snapshot(desk, "clean")
    assert behind.snapshots(desk) == 1


def test_a_desktop_in_the_recycle_bin_is_none_of_its_pools_but_changes_its_model_with_it(tester: Any) -> None:
    tester.create_desk_pool("回", model="atp-linux", amount=2)
    tester.set_desk_pool_models("回", "atp-linux", "atp-linux-usb")
    tester.delete_desktop("回-001", recycle=True)
    tester.switch_desk_pool_model("回", "atp-linux-usb")
    tester.update_desk_pool("回", amount=2)
    assert tester.get_desktops("回") == ["回-002", "回-003"]
    tester.restore_from_recycle_bin("回-001")
    tester.desk_pool_should_have("回", model="atp-linux-usb", desktops=3)


def test_an_iso_file_in_a_drive_is_not_deleted(tester: Any, platform_lab: Any, desk: str) -> None:
    file = platform_lab.hosts[0].directory / "iso" / "used.iso"
    file.write_bytes(b"\0" * 4096)
    tester.insert_iso(desk, "used.iso")
    with pytest.raises(PlatformError, match=rf"镜像正在使用: used\.iso .*{desk}"):
        tester.delete_iso_file("used.iso", "lab-a-iso")
    assert file.exists()
    tester.eject_iso(desk)
    tester.delete_iso_file("used.iso", "lab-a-iso")
    assert not file.exists()


def test_of_desktops_on_a_host_that_hangs_nothing_is_said_that_is_not_known(
    tester: Any, platform_lab: Any, behind: Behind
) -> None:
    tester.create_desk_pool("停", model="atp-linux", amount=2)
    (far,) = [name for name in tester.get_desktops("停") if tester.get_desktop(name, "host_name") == "lab-b"]
    tester.start_desktop(far)
    (daemon,) = [each.pid for each in platform_lab.hosts[1].processes() if "libvirtd" in each.role]
    os.kill(daemon, signal.SIGSTOP)
    try:
        with pytest.raises(VerificationError, match=f"no known status of '{far}'"):
            tester.desk_pool_should_have("停", running=0, suspended=0, busy=0)
    finally:
        os.kill(daemon, signal.SIGCONT)
