"""KVM or TCG: decided by what a guest does. The fakes are QEMUs that do what no healthy one does on demand."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ATPLibrary.errors import LabError
from ATPLibrary.lab import accelerator
from ATPLibrary.lab.image import GuestImage

pytestmark = pytest.mark.unit


@pytest.fixture
def image(tmp_path: Path) -> GuestImage:
    return GuestImage(tmp_path, tmp_path / "vmlinuz", tmp_path / "initrd", tmp_path / "disk.qcow2", "quiet", "key")


class Machine:
    """A machine with a /dev/kvm (a plain file here) and a QEMU that does as `script` says."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self.environ = {"XDG_CACHE_HOME": str(directory / "cache")}
        self.kvm = directory / "kvm"
        self.kvm.touch()
        (directory / "bin").mkdir()
        monkeypatch.setattr(accelerator, "KVM_DEVICE", self.kvm)
        monkeypatch.setenv("PATH", f"{directory / 'bin'}:/usr/bin:/bin")

    def qemu(self, script: str) -> None:
        file = self._directory / "bin" / accelerator.QEMU
        file.write_text(f"#!/bin/sh\necho $$ >>{self._directory}/started\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def started(self) -> list[int]:
        file = self._directory / "started"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def decide(self, image: GuestImage, **environ: str) -> accelerator.Accelerator:
        return accelerator.decide(image, lambda text: None, environ={**self.environ, **environ})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_probe_guest_that_boots_means_kvm(machine: Machine, image: GuestImage) -> None:
    machine.qemu("echo 'atp-probe: alive'")
    verdict = machine.decide(image)
    assert verdict.kind == "kvm"
    assert verdict.reason.startswith("a probe guest booted under KVM in ")


def test_a_probe_guest_that_never_runs_means_tcg_and_leaves_nothing_behind(
    machine: Machine, image: GuestImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "PROBE_SECONDS", 0.3)
    machine.qemu("exec sleep 60")
    verdict = machine.decide(image)
    assert verdict.kind == "tcg"
    assert verdict.reason == f"{machine.kvm} is there, but a probe guest printed nothing within 0.3 s: using TCG"
    (pid,) = machine.started()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_probe_guest_that_ends_at_once_means_tcg_and_says_what_qemu_said(machine: Machine, image: GuestImage) -> None:
    machine.qemu("echo 'failed to initialize kvm: Permission denied' >&2; exit 1")
    verdict = machine.decide(image)
    assert verdict.kind == "tcg"
    assert "(failed to initialize kvm: Permission denied): using TCG" in verdict.reason


def test_the_verdict_is_kept_until_kvm_or_qemu_changes(machine: Machine, image: GuestImage) -> None:
    machine.qemu("echo 'atp-probe: alive'")
    assert machine.decide(image) == machine.decide(image)
    assert len(machine.started()) == 1
    machine.qemu("exit 1")
    assert machine.decide(image).kind == "tcg"
    assert len(machine.started()) == 2


def test_a_machine_without_kvm_is_not_probed(machine: Machine, image: GuestImage) -> None:
    machine.qemu("exit 1")
    machine.kvm.unlink()
    assert machine.decide(image) == accelerator.Accelerator(
        "tcg", f"there is no {machine.kvm} on this machine: using TCG"
    )
    assert not machine.started()


@pytest.mark.parametrize("kind", ["kvm", "tcg"])
def test_the_environment_overrides_and_the_reason_says_so(machine: Machine, image: GuestImage, kind: str) -> None:
    assert machine.decide(image, ATP_ACCEL=kind) == accelerator.Accelerator(kind, f"ATP_ACCEL={kind} says so")  # type: ignore[arg-type]


def test_an_unknown_override_is_refused(machine: Machine, image: GuestImage) -> None:
    with pytest.raises(LabError, match="should be 'kvm' or 'tcg' but is 'xen'"):
        machine.decide(image, ATP_ACCEL="xen")


def test_a_machine_without_qemu_is_told_to_run_setup(
    machine: Machine, image: GuestImage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(LabError, match="scripts/setup"):
        machine.decide(image)
