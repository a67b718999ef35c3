"""The keywords about models, and those that put desktops on another one: what each did is looked up in the disk images."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from robot.api.types import Secret

from ATPLibrary.errors import InputError, PlatformError

pytestmark = pytest.mark.integration

MARK = "0x5a"


class Images:
    """The disk images behind libvirt's VMs, asked of qemu-img and qemu-io. VMs are called by their names."""

    def __init__(self, lab: Any) -> None:
        self._lab = lab

    def disk(self, vm: str) -> Path:
        """The file that the VM boots from."""
        for number in range(len(self._lab.hosts)):
            with contextlib.closing(self._lab.libvirt(number)) as connection:
                for domain in connection.listAllDomains():
                    if domain.name() == vm:
                        source = ElementTree.fromstring(domain.XMLDesc()).find(".//disk[@device='disk']/source")
                        assert source is not None
                        return Path(source.attrib["file"])
        raise LookupError(vm)

    def base(self, vm: str) -> Path:
        """What the VM's disk stands on."""
        info = ["qemu-img", "info", "--output=json", str(self.disk(vm))]
        told = json.loads(subprocess.run(info, check=True, capture_output=True, timeout=60).stdout)
        return Path(told["full-backing-filename"])

    def write(self, vm: str, mark: str = MARK) -> None:
        """What a guest would write at the beginning of its disk."""
        self._io(f"write -P {mark} 0 64k", "-f", "qcow2", str(self.disk(vm)))

    def has(self, vm: str, mark: str = MARK) -> bool:
        """Whether the VM sees that there."""
        return "Pattern verification failed" not in self._io(
            f"read -P {mark} 0 64k", "-r", "-f", "qcow2", str(self.disk(vm))
        )

    def _io(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            ["qemu-io", "-c", command, *arguments], check=False, capture_output=True, text=True, timeout=60
        )
        assert not done.stderr, done.stderr
        return done.stdout


@pytest.fixture
def images(platform_lab: Any) -> Images:
    return Images(platform_lab)


@pytest.fixture
def model(tester: Any, platform_lab: Any) -> Any:
    """A model with a disk of its own, on host lab-a only. It is gone after the test, with what was cloned from it."""
    tester.create_desktop("模板甲", "atp-linux", full=True)
    tester.convert_desktop_to_model("模板甲")
    yield "模板甲"
    for pool in tester.get_desk_pools():
        tester.close_desktops(pool, force=True)
        tester.delete_desk_pool(pool)
    if desktops := tester.get_platform_vms():
        tester.delete_desktop(*desktops)
    if "模板甲" in tester.get_models():
        tester.convert_model_to_desktop("模板甲")


def test_switching_a_pools_model_puts_every_desktops_disk_on_it(
    tester: Any, images: Images, model: str, halting_image: Any
) -> None:
    tester.create_desk_pool("销售", model="atp-linux", amount=2)
    first, second = tester.get_desktops("销售")
    images.write(first)
    assert images.has(first)
    with pytest.raises(PlatformError, match="不属于该桌面池"):
        tester.switch_desk_pool_model("销售", model)
    tester.set_desk_pool_models("销售", "atp-linux", model)
    with pytest.raises(PlatformError, match="模板未同步到主机 lab-b"):
        tester.switch_desk_pool_model("销售", model)
    assert [images.base(vm) for vm in (first, second)] == [halting_image.disk] * 2

    (place,) = tester.get_model_copies(model)
    tester.copy_model_to_hosts(model, "lab-b")
    assert Path(place.path).exists()
    assert tester.get_model_copies(model) == []
    (event,) = tester.switch_desk_pool_model("销售", model)
    assert event
    disks = [Path(disk.path) for disk in tester.get_model_disks(model)]
    assert [images.base(vm) for vm in (first, second)] == disks
    assert not images.has(first)  # what it had written is gone
    assert tester.get_desk_pool("销售").current_model_name == model

    tester.start_desktops("销售")
    with pytest.raises(PlatformError, match=r"销售-001: 虚机已经启动.*销售-002: 虚机已经启动"):
        tester.switch_desk_pool_model("销售", "atp-linux")


def test_a_class_room_is_switched_by_its_number(tester: Any, images: Images, model: str, halting_image: Any) -> None:
    tester.create_desk_pool("教室", model="atp-linux", amount=1, type="teaching", class_number="7")
    (desktop,) = tester.get_desktops("教室")
    tester.set_desk_pool_models("教室", "atp-linux", model)
    assert tester.get_class_room_models("7") == ["atp-linux", model]
    tester.switch_class_room_model("7", model)
    assert tester.get_class_room_models("7") == [model, "atp-linux"]
    assert images.base(desktop) == Path(tester.get_model_disks(model)[0].path)
    with pytest.raises(
        PlatformError, match=r"Class room 7 should have model 'atp-linux-usb' to choose but has 'atp-linux', '模板甲'"
    ):
        tester.switch_class_room_model("7", "atp-linux-usb")
    with pytest.raises(PlatformError, match=r"class number 8 but has 0; its class rooms are 7 \('教室'\)"):
        tester.switch_class_room_model("8", model)


def test_a_models_next_version_comes_to_present_desktops_by_a_reset_and_to_other_hosts_by_a_copy(
    tester: Any, images: Images, model: str
) -> None:
    tester.copy_model_to_hosts(model)
    tester.create_desk_pool("旧", model=model, amount=2)
    here, there = tester.get_desktops("旧")

    upgrade = tester.begin_model_upgrade(model)
    images.write(upgrade)
    tester.complete_model_upgrade(model)
    assert not images.has(here)
    tester.copy_model_to_hosts(model, "lab-b")  # desktops there stand on the old copy
    assert not images.has(there)

    tester.reset_desktops_of_model(model)
    assert images.has(here)
    assert images.has(there)
    assert [images.base(vm) for vm in (here, there)] == [Path(disk.path) for disk in tester.get_model_disks(model)]


def test_a_cancelled_upgrade_leaves_the_model_as_it_was(tester: Any, images: Images, model: str) -> None:
    before = tester.get_model_disks(model)
    upgrade = tester.begin_model_upgrade(model)
    assert upgrade in tester.get_platform_vms()
    with pytest.raises(PlatformError, match="模板正在升级"):
        tester.begin_model_upgrade(model)
    tester.cancel_model_upgrade(model)
    assert upgrade not in tester.get_platform_vms()
    assert tester.get_model_disks(model) == before


def test_a_model_becomes_a_desktop_again_once_nothing_is_cloned_from_it(
    tester: Any, images: Images, model: str
) -> None:
    tester.create_desk_pool("旧", model=model, amount=1)
    with pytest.raises(PlatformError, match="模板有 1 台子虚机: 旧-001 "):
        tester.convert_model_to_desktop(model)
    tester.delete_desk_pool("旧")
    disk = Path(tester.get_model_disks(model)[0].path)
    tester.convert_model_to_desktop(model)
    assert model not in tester.get_models()
    assert images.disk(model) == disk
    tester.start_desktop(model)


def test_an_upgrade_link_is_valid_with_its_password_only(tester: Any, model: str) -> None:
    with pytest.raises(PlatformError, match="模板没有分享链接"):
        tester.get_model_upgrade_link(model)
    link = tester.create_model_upgrade_link(
        model, valid_days=2, password=Secret("a g00d password"), url_prefix="https://platform.test/upgrade"
    )
    assert link.startswith("https://platform.test/upgrade?")
    assert tester.get_model_upgrade_link(model) == link
    tester.model_upgrade_link_should_be_valid(link, Secret("a g00d password"))
    with pytest.raises(PlatformError, match="分享链接无效") as refused:
        tester.model_upgrade_link_should_be_valid(link, Secret("an0ther password"))
    assert "an0ther" not in str(refused.value)
    with pytest.raises(InputError, match="should have a part named check"):
        tester.model_upgrade_link_should_be_valid("https://platform.test/")


def test_a_host_that_has_the_model_already_is_named(tester: Any, model: str) -> None:
    with pytest.raises(
        PlatformError, match=r"Model '模板甲' should be offered for 'lab-a' but platform 'lab' offers 127.0.0.3"
    ):
        tester.copy_model_to_hosts(model, "lab-a", "lab-b")


def test_clones_of_a_model_are_numbered_and_stand_on_its_disk(tester: Any, images: Images, model: str) -> None:
    tester.clone_model(model, "客", 2)
    assert tester.get_platform_vms() == ["客-001", "客-002"]
    disk = Path(tester.get_model_disks(model)[0].path)
    assert [images.base(vm) for vm in ("客-001", "客-002")] == [disk, disk]
    tester.clone_model(model, "客")
    assert images.base("客-003") == disk
