from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab.machine import (
    AGENT_CHANNEL,
    DESKTOP_MODEL,
    MODELS,
    QEMU_NAMESPACE,
    QGA_CHANNEL,
    SPICE_AGENT_CHANNEL,
    TEST_CHANNEL,
    MachineSpec,
    create_overlay,
    disk_format,
    domain_xml,
    remove_files,
)

pytestmark = pytest.mark.unit

UUID = "12345678-1234-4234-8234-123456789abc"


@dataclass(frozen=True)
class Image:
    kernel: Path = Path("/image/vmlinuz")
    initrd: Path = Path("/image/initrd")
    disk: Path = Path("/image/disk.qcow2")
    cmdline: str = 'console=ttyS0 quote="<&>"'


@dataclass(frozen=True)
class Accelerator:
    kind: Literal["kvm", "tcg"] = "tcg"
    reason: str = "there is no <kvm> & so on"


def spec(**changes: object) -> MachineSpec:
    values = {
        "name": "win & <11>",
        "uuid": UUID,
        "image": Image(),
        "accelerator": Accelerator(),
        "directory": Path("/tmp/x/a"),
    }
    return MachineSpec(**{**values, **changes})  # type: ignore[arg-type]


def tree(**changes: object) -> ET.Element:
    return ET.fromstring(domain_xml(spec(**changes)))


@pytest.mark.parametrize(
    ("model", "keyboards"), [("atp-linux", []), ("atp-linux-usb", ["usb"]), ("atp-linux-virtio", ["virtio"])]
)
def test_each_model_has_its_keyboard_and_a_usb_tablet(model: str, keyboards: list[str]) -> None:
    inputs = tree(model=model).findall("devices/input")
    assert [i.get("bus") for i in inputs if i.get("type") == "keyboard"] == keyboards
    assert [i.get("bus") for i in inputs if i.get("type") == "tablet"] == ["usb"]
    assert spec(model=model).keyboard == MODELS[model]


def test_the_one_with_a_desktop_has_a_port_for_the_spice_agent_and_room_for_large_screens() -> None:
    desktop, plain = tree(model=DESKTOP_MODEL), tree()
    port = f"devices/channel[@type='spicevmc']/target[@name='{SPICE_AGENT_CHANNEL}']"
    assert desktop.find(port) is not None
    assert plain.find(port) is None
    screens = [domain.find("devices/video/model") for domain in (desktop, plain)]
    assert [screen.get("type") for screen in screens] == ["qxl", "vga"]  # type: ignore[union-attr]
    sizes = [int(screen.get(name, "0")) for screen, name in zip(screens, ("vgamem", "vram"), strict=True)]  # type: ignore[union-attr]
    assert sizes[0] * 1024 >= 1920 * 1080 * 4 > sizes[1] * 1024
    assert int(screens[0].get("heads", "1")) >= 2  # type: ignore[union-attr]
    mouse = desktop.find("devices/graphics[@type='spice']/mouse")
    assert mouse is not None
    assert mouse.get("mode") == "server"  # the pointer is the tablet, which its X server reads


def test_there_is_a_usb_port_for_each_usb_device() -> None:
    domain = tree(model="atp-linux-usb", spice_devices=True)
    devices = domain.findall("devices/input[@bus='usb']") + domain.findall("devices/redirdev[@bus='usb']")
    readers = domain.findall("devices/smartcard")
    assert (len(devices), len(readers)) == (4, 1)
    controller = domain.find("devices/controller[@type='usb']")
    assert controller is not None
    assert int(controller.get("ports", "4")) >= len(devices) + len(readers)


def test_names_and_command_lines_survive_xml() -> None:
    domain = tree()
    assert domain.findtext("name") == "win & <11>"
    assert domain.findtext("os/cmdline") == Image().cmdline


def test_smbios_carries_the_identity_and_the_token() -> None:
    domain = tree(token="s3cret")
    assert domain.findtext("sysinfo/system/entry[@name='serial']") == UUID
    assert domain.findtext("sysinfo/chassis/entry[@name='asset']") == "atp-token:s3cret"


def test_the_token_is_random_and_never_printed() -> None:
    first, second = spec(), spec()
    assert first.token != second.token
    assert first.token not in repr(first)


def test_both_channels_and_the_monitor_are_at_the_paths_that_the_spec_names() -> None:
    vm = spec()
    domain = tree()
    paths = {c.find("target").get("name"): c.find("source").get("path") for c in domain.findall("devices/channel")}  # type: ignore[union-attr]
    assert paths == {
        QGA_CHANNEL: str(vm.qga_socket),
        AGENT_CHANNEL: str(vm.agent_socket),
        TEST_CHANNEL: str(vm.test_socket),
    }
    arguments = [a.get("value", "") for a in domain.findall(f"{{{QEMU_NAMESPACE}}}commandline/{{{QEMU_NAMESPACE}}}arg")]
    assert any(f"path={vm.qmp_socket}," in a for a in arguments)


@pytest.mark.parametrize(("kind", "type_", "bounded"), [("tcg", "qemu", True), ("kvm", "kvm", False)])
def test_the_accelerator_decides_the_domain_type_and_only_tcg_has_a_translation_cache(
    kind: str, type_: str, bounded: bool
) -> None:
    domain = tree(accelerator=Accelerator(kind))  # type: ignore[arg-type]
    assert domain.get("type") == type_
    assert (domain.find("features/tcg/tb-cache") is not None) is bounded


def test_the_description_says_why_it_was_chosen() -> None:
    said = tree().findtext("description")
    assert said == "A VM of ATPLibrary's lab. tcg was chosen: there is no <kvm> & so on"


def test_displays_listen_on_the_hosts_address_only() -> None:
    addresses = [listen.get("address") for listen in tree(listen="127.0.0.3").findall("devices/graphics/listen")]
    assert addresses == ["127.0.0.3", "127.0.0.3"]


def test_a_network_is_there_only_where_it_is_asked_for() -> None:
    assert tree().find("devices/interface") is None
    card = tree(network=True).find("devices/interface")
    assert card is not None
    assert card.get("type") == "user"  # QEMU's own, which no other machine sees


def test_where_the_agent_dials_is_on_the_kernels_command_line() -> None:
    vm = spec(connect=("ws://10.0.2.2:8765", "tcp://10.0.2.2:8766"))
    line = ET.fromstring(domain_xml(vm)).findtext("os/cmdline")
    assert line == f"{Image().cmdline} atp.connect=ws://10.0.2.2:8765 atp.connect=tcp://10.0.2.2:8766"


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    with pytest.raises(LabError, match="be one of atp-linux, atp-linux-usb, atp-linux-virtio"):
        spec(model="windows")


def test_a_directory_too_long_for_sockets_is_refused() -> None:
    with pytest.raises(LabError, match="at most 107 bytes"):
        spec(directory=Path("/tmp") / ("x" * 100))


def test_an_overlay_is_a_thin_clone_and_is_removed_whole(tmp_path: Path) -> None:
    disk = tmp_path / "base.raw"
    disk.write_bytes(b"\0" * (1 << 20))
    vm = spec(directory=tmp_path, image=Image(disk=disk))
    create_overlay(vm)
    assert disk_format(vm.overlay) == "qcow2"
    assert vm.overlay.stat().st_size < disk.stat().st_size
    remove_files(vm)
    assert not vm.files.exists()
    remove_files(vm)


def test_an_overlay_over_nothing_fails_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises((LabError, FileNotFoundError), match="missing"):
        create_overlay(spec(directory=tmp_path, image=Image(disk=tmp_path / "missing.qcow2")))


def test_disk_formats_are_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"QFI\xfb rest")
    (tmp_path / "b").write_bytes(b"")
    assert disk_format(tmp_path / "a") == "qcow2"
    assert disk_format(tmp_path / "b") == "raw"
