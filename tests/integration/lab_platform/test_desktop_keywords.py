"""The keywords about single desktops, on the real server: what each did is looked up in libvirt and in the images."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import libvirt
import pytest

from ATPLibrary import runtime
from ATPLibrary.errors import InputError, PlatformError, VerificationError, VmNotFoundError
from ATPLibrary.lab.daemon_user import can_name_hosts
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.vdi import VdiClient

from .behind import Behind

pytestmark = pytest.mark.integration

OFF = libvirt.VIR_DOMAIN_SHUTOFF
RUNNING = libvirt.VIR_DOMAIN_RUNNING
PAUSED = libvirt.VIR_DOMAIN_PAUSED


class BareClient:
    """What these tests need of the platform and these keywords don't do."""

    def __init__(self, client: VdiClient) -> None:
        self._client = client

    def volume(self, name: str, gib: int) -> str:
        async def make() -> str:
            pool = await self._client.storage.find("lab-a-data")
            return await self._client.storage.create_volume(name, gib, storage_pool_id=pool.id)

        return runtime.wait(make(), 30, "Making a volume")

    def network(self) -> str:
        """The name of the only port group."""
        (group,) = runtime.wait(self._client.call("GET /ocloud/v1/vlan/all"), 30, "Listing port groups")
        return str(group["name"])


@pytest.fixture
def bare_client(tester: Any) -> BareClient:
    client = Workspace.current().platforms.current
    assert client is not None
    return BareClient(client)


@pytest.fixture
def pair(tester: Any) -> tuple[str, str]:
    """Two desktops, off, one on each host."""
    tester.create_desk_pool("双", model="atp-linux", amount=2)
    return "双-001", "双-002"


def test_power_keywords_do_to_libvirts_vms_what_they_say(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, second = pair
    events = tester.start_desktop(first, second)
    assert len(set(events)) == 2
    assert (behind.state(first), behind.state(second)) == (RUNNING, RUNNING)
    tester.suspend_desktop(first)
    assert (behind.state(first), behind.state(second)) == (PAUSED, RUNNING)
    tester.resume_desktop(first)
    assert behind.state(first) == RUNNING
    tester.put_desktop_to_sleep(second)
    assert behind.state(second) == OFF
    assert behind.is_saved(second)
    tester.wake_up_desktop(second)
    assert behind.state(second) == RUNNING
    assert not behind.is_saved(second)
    tester.close_desktop(first, second, force=True)
    assert (behind.state(first), behind.state(second)) == (OFF, OFF)


def test_a_batch_names_each_desktop_that_was_refused_and_does_the_others(
    tester: Any, behind: Behind, pair: tuple[str, str]
) -> None:
    first, second = pair
    tester.start_desktop(first)
    with pytest.raises(PlatformError, match=rf"failed in 1 of 2 operations: {first}: 虚机已经启动"):
        tester.start_desktop(first, second)
    assert behind.state(second) == RUNNING


def test_a_desktop_starts_on_its_own_host_only(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, _ = pair
    with pytest.raises(PlatformError, match=f"{first}.*its disk is on host lab-a"):
        tester.start_desktop(first, host="lab-b")
    tester.start_desktop(first, host="lab-a")
    assert behind.state(first) == RUNNING


def test_what_is_not_waited_for_is_told_by_its_event(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, _ = pair
    tester.start_desktop(first)
    (event,) = tester.close_desktop(first, wait=False)  # its guest has no ear for it
    assert behind.state(first) == RUNNING
    with pytest.raises(PlatformError, match=f"{first}: 虚机正在操作中"):
        tester.suspend_desktop(first, wait=False)
    assert event


def test_desktops_that_are_not_there_are_all_named(tester: Any, pair: tuple[str, str]) -> None:
    with pytest.raises(VmNotFoundError, match=r"no VM '一'.* no VM '二'"):
        tester.start_desktop("一", pair[0], "二")
    with pytest.raises(InputError, match="No desktop is named"):
        tester.start_desktop()


# -- making


def test_a_desktop_needs_only_a_name_and_a_model(tester: Any, behind: Behind, platform_lab: Any) -> None:
    id_ = tester.create_desktop("测试桌面", "atp-linux")
    with behind.domain("测试桌面") as domain:
        assert domain.UUIDString() == id_
    assert behind.backing("测试桌面")
    assert len(platform_lab.left()) == 2  # the VM and its directory: nothing under another name
    with pytest.raises(PlatformError, match=r"Desktop '测试桌面' should be new but platform 'lab' has one"):
        tester.create_desktop("测试桌面", "atp-linux")
    assert len(platform_lab.left()) == 2
    tester.start_desktop("测试桌面")
    assert behind.state("测试桌面") == RUNNING


def test_a_desktop_gets_the_size_and_remark_that_were_asked_for(tester: Any, behind: Behind) -> None:
    tester.create_desktop("sized", "atp-linux", cpu=2, memory=200, remark="被测")
    xml = behind.xml("sized")
    assert "<memory unit='KiB'>204800</memory>" in xml
    assert re.search(r"<vcpu[^>]*>2</vcpu>", xml)
    tester.set_desktop_size("sized", memory=128)
    assert "<memory unit='KiB'>131072</memory>" in behind.xml("sized")
    assert re.search(r"<vcpu[^>]*>2</vcpu>", behind.xml("sized"))  # kept
    with pytest.raises(InputError, match="nothing to change"):
        tester.set_desktop_size("sized")


def test_a_full_copy_of_a_model_stands_on_nothing(tester: Any, behind: Behind) -> None:
    tester.create_desktop("whole", "atp-linux", full=True)
    assert behind.backing("whole") == ""
    with pytest.raises(InputError, match="full=True only"):
        tester.create_desktop("linked", "atp-linux", storage_pool="lab-a-data")


def test_a_desktop_of_volumes_has_them_as_its_disks_with_a_drive_and_a_card_where_these_were_asked_for(
    tester: Any, behind: Behind, bare_client: Any, platform_lab: Any
) -> None:
    bare_client.volume("系统盘", 1)
    image = platform_lab.hosts[0].directory / "iso" / "setup.iso"
    image.write_bytes(b"\0" * 2048)
    try:
        network = bare_client.network()
        tester.create_desktop_from_volumes("of-volumes", "系统盘", iso="setup.iso", network=network, memory=64)
        xml = behind.xml("of-volumes")
        assert xml.count("<disk type='file' device='disk'>") == xml.count("<interface type=") == 1
        assert f"<source file='{image}'" in xml
        tester.start_desktop("of-volumes")
        assert behind.state("of-volumes") == RUNNING
        tester.delete_desktop("of-volumes")
        tester.create_desktop_from_volumes("bare", "系统盘", memory=64)  # free again
        assert "<interface" not in behind.xml("bare")
        assert ".iso" not in behind.xml("bare")
    finally:
        image.unlink()
    with pytest.raises(PlatformError, match="has no volume '没有'"):
        tester.create_desktop_from_volumes("other", "没有")
    with pytest.raises(InputError, match="have one network 'lan'"):
        tester.create_desktop_from_volumes("other", "系统盘", network="lan")


def test_a_clone_is_whole_and_runs_beside_its_original(tester: Any, behind: Behind) -> None:
    tester.create_desktop("原", "atp-linux")
    behind.write("原", 7)
    (event,) = tester.clone_desktop("原", "副本")
    assert event
    assert behind.backing("副本") == ""
    assert behind.holds("副本", 7)
    tester.start_desktop("原", "副本")
    assert (behind.state("原"), behind.state("副本")) == (RUNNING, RUNNING)
    with pytest.raises(PlatformError, match="虚机已经启动"):
        tester.clone_desktop("原", "副本二")


def test_a_desktop_becomes_a_model_that_others_are_made_of(tester: Any, behind: Behind) -> None:
    tester.create_desktop("母", "atp-linux")
    behind.write("母", 9)
    tester.convert_desktop_to_model("母")
    assert "母" not in tester.get_platform_vms()
    assert "母" in tester.get_models()
    tester.create_desktop("子", "母")
    assert behind.holds("子", 9)
    assert remove_all() == {}


# -- changing


def test_a_desktop_gets_a_new_name_in_libvirt_and_a_remark_on_the_platform(tester: Any, behind: Behind) -> None:
    tester.create_desktop("旧", "atp-linux")
    tester.change_desktop("旧", new_name="新", remark="说明", mouse="server")
    with behind.domain("新"):
        pass
    with pytest.raises(VmNotFoundError):
        tester.change_desktop("旧", remark="x")
    tester.start_desktop("新")
    with pytest.raises(PlatformError, match="虚机已经启动"):
        tester.change_desktop("新", new_name="又新")
    tester.configure_desktop("新", nested_virtual=True)
    with pytest.raises(InputError, match="nothing to change"):
        tester.change_desktop("新")


def test_a_desktop_moves_to_the_other_host_off_and_running(tester: Any, behind: Behind, platform_lab: Any) -> None:
    if not can_name_hosts():
        pytest.skip("libvirt moves no VM between daemons of one host name, and this machine forbids others")
    tester.create_desktop("搬", "atp-linux")
    behind.write("搬", 6)
    here = tester.get_desktop("搬", "host_name")
    there = {"lab-a": "lab-b", "lab-b": "lab-a"}[here]
    directories = {host.name: str(host.directory) for host in platform_lab.hosts}
    (event,) = tester.migrate_desktop("搬", there)
    assert event
    assert str(behind.disk("搬")).startswith(directories[there])
    assert behind.holds("搬", 6)
    assert len(platform_lab.left()) == 2  # nothing is left where it was
    tester.start_desktop("搬")
    tester.migrate_desktop("搬", here)
    assert behind.state("搬") == RUNNING
    assert str(behind.disk("搬")).startswith(directories[here])
    with pytest.raises(PlatformError, match=f"虚机已在主机 {here} 上"):
        tester.migrate_desktop("搬", here)


def test_a_disk_file_becomes_a_desktop_that_boots_from_it(tester: Any, behind: Behind, platform_lab: Any) -> None:
    file = platform_lab.hosts[0].directory / "data" / "given.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(file), "1G"], check=True, timeout=30)
    tester.import_desktop("导入", "given.qcow2", "lab-a-data")
    assert f"<source file='{file}'" in behind.xml("导入")
    tester.start_desktop("导入")
    assert behind.state("导入") == RUNNING
    assert remembered() == ["desktop '导入'"]
    assert remove_all() == {}
    assert platform_lab.left() == []


# -- undoing


def test_what_is_written_after_the_restore_point_is_gone_after_the_next_start(tester: Any, behind: Behind) -> None:
    tester.create_desktop("冻", "atp-linux")
    behind.write("冻", 1)
    assert tester.set_restore_point("冻") == []
    behind.write("冻", 2)
    tester.start_desktop("冻")
    tester.close_desktop("冻", force=True)
    assert behind.holds("冻", 1)
    behind.write("冻", 3)
    tester.remove_restore_point("冻")
    tester.start_desktop("冻")
    tester.close_desktop("冻", force=True)
    assert behind.holds("冻", 3)


def test_one_with_a_restore_point_is_named_and_keeps_it(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, second = pair
    tester.set_restore_point(first)
    assert tester.set_restore_point(first, second, every="day") == [first]
    assert [tester.get_desktop(each, "has_restore_point") for each in pair] == [True, True]
    assert behind.backing(second).endswith("frozen.qcow2")
    tester.remove_restore_point(*pair)
    assert tester.get_desktop(first, "has_restore_point") is False
    assert not behind.backing(second).endswith("frozen.qcow2")
    with pytest.raises(PlatformError, match=f"{first}.*no restore point"):
        tester.remove_restore_point(first)


def test_a_reset_desktop_holds_what_its_model_does(tester: Any, behind: Behind) -> None:
    tester.create_desktop("重置", "atp-linux")
    assert behind.holds("重置", 0)
    behind.write("重置", 5)
    tester.reset_desktop_to_model("重置")
    assert behind.holds("重置", 0)


def test_a_running_desktop_is_deleted_with_all_that_it_had(
    tester: Any, platform_lab: Any, pair: tuple[str, str]
) -> None:
    tester.start_desktop(pair[0])
    tester.delete_desktop(*pair)
    assert platform_lab.left() == []
    with pytest.raises(VmNotFoundError, match=f"no VM '{pair[0]}'"):
        tester.delete_desktop(pair[0])


def test_the_recycle_bin_gives_back_what_was_thrown_away_and_purges_it(
    tester: Any, behind: Behind, platform_lab: Any
) -> None:
    tester.create_desktop("丢", "atp-linux")
    behind.write("丢", 4)
    tester.start_desktop("丢")
    tester.delete_desktop("丢", recycle=True)
    assert tester.get_recycle_bin() == ["丢"]
    assert behind.state("丢") == OFF
    with pytest.raises(VmNotFoundError, match="no VM '丢'"):
        tester.start_desktop("丢")
    tester.restore_from_recycle_bin("丢")
    assert tester.get_recycle_bin() == []
    assert behind.holds("丢", 4)
    tester.start_desktop("丢")
    tester.delete_desktop("丢", recycle=True)
    tester.purge_from_recycle_bin("丢")
    assert platform_lab.left() == []
    with pytest.raises(VmNotFoundError, match="no recycled VM '丢'"):
        tester.restore_from_recycle_bin("丢")


# -- looking


def test_what_the_platform_says_of_a_desktop_is_what_libvirt_says_now(
    tester: Any, behind: Behind, pair: tuple[str, str]
) -> None:
    first, second = pair
    tester.desktop_should_be(first, "shut_off")
    tester.start_desktop(first)
    assert tester.get_desktop(first, "status", "==", "running") == "running"
    assert tester.get_desktop(first, "host_name", "==", "lab-a")
    assert tester.get_desktop(first).memory == tester.get_desktop(second, "memory")
    with behind.domain(first) as domain:
        domain.suspend()
    tester.desktop_should_be(first, "suspended", timedelta(seconds=10))
    with pytest.raises(VerificationError, match=f"Desktop '{first}'.*running.*suspended"):
        tester.desktop_should_be(first, "running")
    with pytest.raises(InputError, match="status"):
        tester.get_desktop(first, "statos")


def test_a_state_is_waited_for(tester: Any, behind: Behind, pair: tuple[str, str]) -> None:
    first, _ = pair
    tester.start_desktop(first, wait=False)
    tester.desktop_should_be(first, "running", timedelta(seconds=30))
    assert behind.state(first) == RUNNING


def test_desktops_that_are_there_and_not_there_are_told_apart(tester: Any, pair: tuple[str, str]) -> None:
    first, second = pair
    tester.desktop_should_exist(first)
    tester.desktop_should_not_exist("没有")
    with pytest.raises(VerificationError, match=f"Desktop '{first}' should not exist but the platform lists it"):
        tester.desktop_should_not_exist(first)
    tester.delete_desktop(first)
    tester.desktop_should_not_exist(first)
    with pytest.raises(VerificationError, match=f"Desktop '{first}' should exist but does not; near: {second}"):
        tester.desktop_should_exist(first)


def test_the_platforms_vms_are_listed_as_far_as_asked_for(tester: Any, pair: tuple[str, str]) -> None:
    first, second = pair
    tester.create_desktop("别的", "atp-linux-usb")
    tester.start_desktop(first)
    assert tester.get_platform_vms() == [first, second, "别的"]
    assert tester.get_platform_vms("双") == [first, second]
    assert tester.get_platform_vms(status="running") == [first]
    assert tester.get_platform_vms(host="lab-b") == [second]
    assert tester.get_platform_vms(model="atp-linux-usb") == ["别的"]
    assert tester.get_platform_vms(bound=True) == tester.get_platform_vms(in_use=True) == []
    tester.set_restore_point(second, every="week")
    assert tester.get_platform_vms(restore_point="week") == [second]
    assert tester.get_platform_vms(restore_point="none") == [first, "别的"]
    with pytest.raises(PlatformError, match="no host 'lab-c'"):
        tester.get_platform_vms(host="lab-c")


def test_lists_about_desktops_hold_what_there_is(tester: Any, tmp_path: Path, pair: tuple[str, str]) -> None:
    assert tester.get_desktop_clones("atp-linux") == [*pair]
    assert tester.get_desktop_clones(pair[0]) == []
    assert tester.get_possible_hosts(pair[1]) == ["lab-b"]
    assert tester.get_common_storage_pools(pair[0]) == ["lab-a-data"]
    assert tester.get_common_storage_pools(*pair) == []
    assert tester.get_desktops_in_use() == []
    assert tester.get_desktop_agent_versions() == []
    tester.get_user_counts("inside", "==", 0)
    tester.refresh_desktop_status(pair[0])
    tester.get_desktop_xml(pair[0], "contains", f"<name>{pair[0]}</name>")
    with pytest.raises(PlatformError, match="虚机已经关机"):
        tester.get_desktop_processes(pair[0])


# -- going away by itself


def remembered() -> list[str]:
    return [str(each) for each in Workspace.current().creations.all]


def remove_all() -> dict[str, str]:
    """As at the end of the test; returns what could not be removed."""
    creations = Workspace.current().creations
    return runtime.wait(creations.remove(creations.all, 60, 30), 61, "Removing").failed


def test_what_was_made_goes_wherever_it_is_by_then(
    tester: Any, platform_lab: Any, behind: Behind, bare_client: Any
) -> None:
    tester.create_desktop("甲", "atp-linux")
    tester.create_desktop("乙", "atp-linux", full=True)
    tester.clone_desktop("甲", "丙")
    tester.change_desktop("甲", new_name="甲甲")
    tester.start_desktop("甲甲")
    tester.delete_desktop("乙", recycle=True)
    tester.delete_desktop("丙")
    tester.create_desktop("丁", "atp-linux")
    tester.convert_desktop_to_model("丁")
    tester.create_desktop("戊", "丁")
    assert remembered() == ["desktop '甲'", "desktop '乙'", "desktop '丁'", "model '丁'", "desktop '戊'"]
    assert remove_all() == {}
    assert remembered() == []
    assert platform_lab.left() == []
    assert "丁" not in tester.get_models()


def test_what_was_refused_is_not_remembered(tester: Any, platform_lab: Any, pair: tuple[str, str]) -> None:
    before = remembered()
    with pytest.raises(PlatformError, match="should be new"):
        tester.create_desktop(pair[0], "atp-linux")
    tester.start_desktop(pair[0])
    with pytest.raises(PlatformError, match="虚机已经启动"):
        tester.clone_desktop(pair[0], "copy")
    with pytest.raises(PlatformError, match="虚机不能转为模板"):
        tester.convert_desktop_to_model(pair[1])
    assert remembered() == before
