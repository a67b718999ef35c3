"""Why a VM isn't run by KVM, from what QEMU, libvirt, the host and the VM's definition say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.orchestrator.accelerator import judged
from ATPLibrary.transport import kvm

pytestmark = pytest.mark.unit

XML = "<domain type='qemu'><name>a</name><description>tcg was\n chosen: it is slow</description></domain>"
CAPABILITIES = (
    "<capabilities><guest><arch name='x86_64'><domain type='qemu'/>{}</arch></guest><host><cpu/></host></capabilities>"
)
WITH_KVM, WITHOUT_KVM = CAPABILITIES.format("<domain type='kvm'/>"), CAPABILITIES.format("")


def test_qemu_s_word_decides_whatever_the_definition_says() -> None:
    found = judged({"enabled": True, "present": True}, XML, WITHOUT_KVM, "this machine has no /dev/kvm")
    assert found.sentence() == "kvm: QEMU says that KVM runs its processor"


def test_without_kvm_all_that_is_known_is_told() -> None:
    found = judged({"enabled": False, "present": True}, XML, WITH_KVM, "this machine's /dev/kvm answers")
    assert found.kind == "tcg"
    assert found.facts == (
        "QEMU says that KVM doesn't run its processor", "the VM is defined as one of type 'qemu'",
        "libvirt offers KVM on its host", "this machine's /dev/kvm answers",
        "the VM's description says: tcg was chosen: it is slow",
    )  # fmt: skip


def test_another_machine_s_device_and_an_empty_description_are_left_out() -> None:
    found = judged({"enabled": False, "present": False}, "<domain type='kvm'/>", WITHOUT_KVM, "")
    assert found.facts == (
        "QEMU says that KVM doesn't run its processor, and that it has no KVM built in",
        "the VM is defined as one of type 'kvm'", "libvirt offers no KVM on its host",
    )  # fmt: skip


def test_a_device_is_asked_itself(tmp_path: Path) -> None:
    assert kvm.device(tmp_path / "kvm") == f"this machine has no {tmp_path / 'kvm'}"
    (tmp_path / "kvm").touch()
    assert "doesn't answer as KVM does (Inappropriate ioctl for device)" in kvm.device(tmp_path / "kvm")
    assert "can't be opened (Is a directory)" in kvm.device(tmp_path)
