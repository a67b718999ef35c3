"""The keywords about what a desktop is made of, on the real server: what each did is looked up in libvirt and in the images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from robot.api.types import Secret

from ATPLibrary import runtime
from ATPLibrary.errors import InputError, PlatformError, VerificationError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.creations import ClosingLevel

from .behind import Behind

pytestmark = pytest.mark.integration

ISO_PLACE = "iso"


@pytest.fixture
def desk(tester: Any) -> str:
    """A desktop on the first host, off."""
    tester.create_desk_pool("台", model="atp-linux", amount=1)
    return "台-001"


@pytest.fixture
def image(platform_lab: Any) -> Any:
    """`image("a.iso")`: a file among the first host's images."""
    made: list[Path] = []

    def make(name: str) -> str:
        path = platform_lab.hosts[0].directory / ISO_PLACE / name
        path.write_bytes(b"\0" * 4096)
        made.append(path)
        return name

    yield make
    for path in made:
        path.unlink(missing_ok=True)


# -- disks


def test_a_disk_that_is_added_is_in_libvirt_and_grows_where_it_lies(tester: Any, behind: Behind, desk: str) -> None:
    disk = tester.add_disk_to_desktop(desk, 2)
    boot, data = behind.disks(desk)
    assert behind.gib(data) == 2
    assert tester.expand_desktop_disk(desk, 1, disk) == 3
    assert behind.gib(data) == 3
    before = behind.gib(boot)
    tester.expand_desktop_disk(desk, 1)
    assert behind.gib(boot) == before + 1
    assert [each.is_start_disk for each in tester.get_desktop_disks(desk)] == [1, 0]
    assert tester.get_desktop_disk(desk, disk, "size", "==", "3") == 3


def test_a_disk_of_a_running_desktop_comes_grows_and_is_limited_at_once(tester: Any, behind: Behind, desk: str) -> None:
    tester.start_desktop(desk)
    disk = tester.add_disk_to_desktop(desk, 1)
    _, data = behind.disks(desk)
    tester.expand_desktop_disk(desk, 2, disk)
    assert behind.gib(data) == 3
    tester.limit_desktop_disk(desk, disk, write_bytes=1_000_000, read_operations=50)
    assert re.search(r"<write_bytes_sec>1000000</write_bytes_sec>", behind.live_xml(desk))
    assert re.search(r"<read_iops_sec>50</read_iops_sec>", behind.live_xml(desk))
    tester.limit_desktop_disk(desk, disk, write_bytes=0)
    assert "write_bytes_sec" not in behind.live_xml(desk)
    assert "read_iops_sec" in behind.live_xml(desk)


def test_an_unmounted_disk_keeps_what_it_holds_and_a_deleted_one_does_not(
    tester: Any, behind: Behind, desk: str
) -> None:
    disk = tester.add_disk_to_desktop(desk, 1)
    _, data = behind.disks(desk)
    name = tester.get_desktop_disk(desk, disk).name
    (event,) = tester.unmount_desktop_disk(desk, name)
    assert event
    assert behind.disks(desk) != [data]
    assert len(behind.disks(desk)) == 1
    assert data.is_file()
    tester.attach_volume_to_desktop(desk, name)
    assert data in behind.disks(desk)
    tester.delete_desktop_disk(desk, disk)
    assert len(behind.disks(desk)) == 1
    assert not data.exists()
    assert [str(each) for each in Workspace.current().creations.all if each.kind == "disk"] == []


@pytest.mark.parametrize("unmounted", [False, True], ids=["mounted", "unmounted"])
def test_a_disk_that_a_test_made_is_removed_wherever_it_is(
    tester: Any, behind: Behind, desk: str, unmounted: bool
) -> None:
    disk = tester.add_disk_to_desktop(desk, 1)
    _, data = behind.disks(desk)
    (made,) = [each for each in Workspace.current().creations.all if each.kind == "disk"]
    if unmounted:
        tester.unmount_desktop_disk(desk, disk)
    runtime.wait(made.remove(made.client, 30), 30, "Removing the disk")
    assert not data.exists()
    assert len(behind.disks(desk)) == 1
    runtime.wait(made.remove(made.client, 30), 30, "Removing it again")  # gone already is done


def test_a_disk_that_is_not_there_is_named_with_those_that_are(tester: Any, desk: str) -> None:
    with pytest.raises(PlatformError, match=rf"has no disk of VM '{desk}' 'data'\. It has '{desk}-vda'"):
        tester.expand_desktop_disk(desk, 1, "data")
    with pytest.raises(VmNotFoundError, match="no VM '无'"):
        tester.get_desktop_disks("无")
    with pytest.raises(InputError, match="at least 1 GB"):
        tester.expand_desktop_disk(desk, 0)
    with pytest.raises(InputError, match="names no limit"):
        tester.limit_desktop_disk(desk)
    with pytest.raises(PlatformError, match="系统盘不能卸载"):
        tester.unmount_desktop_disk(desk, "start")


# -- images


def test_images_are_put_in_changed_and_taken_out(tester: Any, behind: Behind, desk: str, image: Any) -> None:
    image("a.iso"), image("b.iso")
    tester.insert_iso(desk, "a.iso")
    assert "/iso/a.iso'" in behind.xml(desk)
    tester.desktop_should_have_iso(desk, "a.iso")
    tester.start_desktop(desk)
    tester.change_iso(desk, "a.iso", "b.iso")
    assert "/iso/b.iso'" in behind.live_xml(desk)
    assert "/iso/a.iso'" not in behind.live_xml(desk)
    tester.eject_iso(desk)
    assert ".iso'" not in behind.live_xml(desk)
    assert "device='cdrom'" in behind.live_xml(desk)
    assert tester.get_desktop_isos(desk) == []
    with pytest.raises(VerificationError, match=r"should have 'b\.iso' in a drive but has none"):
        tester.desktop_should_have_iso(desk, "b.iso")
    tester.insert_iso(desk, "a.iso")
    tester.close_desktop(desk, force=True)
    tester.eject_iso(desk, "a.iso", with_drive=True)
    assert "device='cdrom'" not in behind.xml(desk)


def test_an_image_is_changed_where_firmware_closed_the_tray_behind_libvirts_back(
    tester: Any, behind: Behind, desk: str, image: Any
) -> None:
    image("a.iso"), image("b.iso")
    tester.insert_iso(desk, "a.iso")
    behind.starts_with_open_tray(desk)
    tester.change_iso(desk, "a.iso", "b.iso")
    assert "/iso/b.iso'" in behind.live_xml(desk)
    tester.close_desktop(desk, force=True)


def test_an_image_that_is_not_there_is_named_with_those_that_are(tester: Any, desk: str, image: Any) -> None:
    image("drivers.iso")
    with pytest.raises(PlatformError, match=r"has no image 'driver\.iso'\. It has 'drivers\.iso'"):
        tester.insert_iso(desk, "driver.iso")
    with pytest.raises(PlatformError, match="no storage pool for images 'lab-a-data'"):
        tester.insert_iso(desk, "drivers.iso", storage_pool="lab-a-data")
    with pytest.raises(InputError, match="one image in its drives but has none"):
        tester.eject_iso(desk)


# -- network cards and serial ports


def test_network_cards_come_and_go(tester: Any, behind: Behind, desk: str) -> None:
    before = tester.get_network_cards_of_desktop(desk)
    mac = tester.add_network_card_to_desktop(desk)
    assert f"<mac address='{mac}'/>" in behind.xml(desk)
    assert tester.get_network_cards_of_desktop(desk) == [*before, mac]
    assert tester.get_network_card_of_desktop(desk, mac.upper(), "vlan_name", "==", "user") == "user"
    tester.move_network_card_of_desktop(desk, mac, "user")
    with pytest.raises(InputError, match="have one network 'office' but has 'user'"):
        tester.move_network_card_of_desktop(desk, mac, "office")
    tester.remove_network_card_from_desktop(desk, mac)
    assert mac not in behind.xml(desk)
    with pytest.raises(PlatformError, match=f"no network card of VM '{desk}' '{mac}'"):
        tester.remove_network_card_from_desktop(desk, mac)
    with pytest.raises(InputError, match="names no limit"):
        tester.limit_network_card(desk, mac)


def test_serial_ports_of_two_desktops_are_joined(tester: Any, behind: Behind) -> None:
    tester.create_desk_pool("串", model="atp-linux", amount=3)
    first, third = "串-001", "串-003"  # on one host
    assert tester.add_serial_port_to_desktop(first) == "COM2"
    assert tester.get_free_serial_ports(third) == {first: ["COM2"]}
    port = tester.add_serial_port_to_desktop(third, joined_to=first)
    sockets = [re.findall(r"mode='(\w+)' path='([^']*serial1)'", behind.xml(each))[0] for each in (first, third)]
    assert [mode for mode, _ in sockets] == ["bind", "connect"]
    assert sockets[0][1] == sockets[1][1]
    assert [each.target_port for each in tester.get_serial_ports_of_desktop(third)] == ["1"]
    tester.change_serial_port_of_desktop(third, port)
    assert tester.get_serial_ports_of_desktop(third)[0].kind == 2
    tester.remove_serial_port_from_desktop(third, "com2")
    assert "serial1'" not in behind.xml(third)
    with pytest.raises(InputError, match="should have a serial port COM2 but has none"):
        tester.remove_serial_port_from_desktop(third, "COM2")
    with pytest.raises(InputError, match=f"Desktop '{third}' should have a free serial port but has none"):
        tester.add_serial_port_to_desktop(first, joined_to=third)


def test_cards_and_ports_go_at_the_closing_level_and_their_desktop_stays(tester: Any, behind: Behind) -> None:
    tester.create_desk_pool("留", model="atp-linux", amount=2, closing=ClosingLevel.KEEP)
    desk, gone = "留-001", "留-002"
    before = behind.xml(desk)
    mac = tester.add_network_card_to_desktop(desk)
    tester.add_serial_port_to_desktop(desk)
    kept = tester.add_network_card_to_desktop(desk, closing=ClosingLevel.KEEP)
    tester.add_network_card_to_desktop(gone)
    tester.add_serial_port_to_desktop(gone)
    tester.delete_desktop(gone)
    assert mac in behind.xml(desk)
    assert "serial1'" in behind.xml(desk)
    assert sorted(tester.remove_created_things()) == [f"of {each}" for each in (desk, desk, gone, gone)]
    assert mac not in behind.xml(desk)
    assert "serial1'" not in behind.xml(desk)
    assert kept in behind.xml(desk)
    tester.remove_network_card_from_desktop(desk, kept)
    assert behind.xml(desk).count("<mac ") == before.count("<mac ")
    tester.delete_desk_pool("留")
    assert tester.get_created_things() == []


# -- consoles


def test_ports_and_keys_of_displays_are_libvirts(tester: Any, behind: Behind, desk: str) -> None:
    with pytest.raises(PlatformError, match=f"'{desk}' should have a spice port but has no display port"):
        tester.get_desktop_port(desk)
    tester.start_desktop(desk)
    displays = dict(re.findall(r"<graphics type='(\w+)' port='(\d+)'", behind.live_xml(desk)))
    for display, port in displays.items():
        assert tester.get_desktop_port(desk, display) == int(port)
    assert isinstance(tester.get_desktop_vnc_password(desk), Secret)
    if "spice" in displays:
        assert isinstance(tester.get_desktop_spice_key(desk), Secret)


# -- snapshots


def test_a_snapshot_brings_back_what_the_disk_held(tester: Any, behind: Behind, desk: str) -> None:
    behind.write(desk, 1)
    (event,) = tester.create_desktop_snapshot(desk, "净")
    assert event
    assert behind.snapshots(desk) == 1
    behind.write(desk, 2)
    tester.restore_desktop_snapshot(desk, "净")
    assert behind.holds(desk, 1)
    assert tester.get_desktop_snapshots(desk) == ["净"]
    assert tester.get_desktop_snapshot(desk, "净", "vm_status") is not None
    tester.desktop_snapshot_should_exist(desk, "净")
    with pytest.raises(PlatformError, match="快照名称已存在"):
        tester.create_desktop_snapshot(desk, "净")
    tester.delete_desktop_snapshot(desk, "净")
    assert behind.snapshots(desk) == 0
    tester.desktop_snapshot_should_not_exist(desk, "净")
    with pytest.raises(VerificationError, match="should exist but does not"):
        tester.desktop_snapshot_should_exist(desk, "净")
    with pytest.raises(PlatformError, match=f"has no snapshot of VM '{desk}' '净'"):
        tester.restore_desktop_snapshot(desk, "净")


def test_a_snapshot_that_a_test_made_is_removed_and_older_ones_stay(tester: Any, behind: Behind, desk: str) -> None:
    tester.create_desktop_snapshot(desk, "old", closing=None)
    for each in Workspace.current().creations.all:
        if each.kind == "desktop snapshot":
            Workspace.current().creations.drop(each)
    tester.create_desktop_snapshot(desk, "new", wait=True)
    (made,) = [each for each in Workspace.current().creations.all if each.kind == "desktop snapshot"]
    runtime.wait(made.remove(made.client, 60), 60, "Removing the snapshot")
    assert tester.get_desktop_snapshots(desk) == ["old"]
    assert behind.snapshots(desk) == 1
