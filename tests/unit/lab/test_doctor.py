from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ATPLibrary.cli.doctor import doctor as command
from ATPLibrary.errors import LabError
from ATPLibrary.lab import doctor
from ATPLibrary.lab.doctor import Level
from ATPLibrary.orchestrator import rtsp_server

pytestmark = pytest.mark.unit


def test_this_machine_has_the_essentials() -> None:
    doctor.require_essentials()


def test_everything_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_SYSTEM_PATH", "/nowhere")
    missing = [finding for finding in doctor.essentials() if finding.level is Level.MISSING]
    assert {"qemu-system-x86_64", "qemu-img", "libvirtd", "mke2fs"} <= {finding.name for finding in missing}
    assert all("apt-get install" in finding.fix for finding in missing)
    with pytest.raises(
        LabError, match=r"misses qemu-system-x86_64 .* Run: .*apt-get install .*qemu-system-x86"
    ) as caught:
        doctor.require_essentials()
    assert str(caught.value).count("e2fsprogs") == 1


def test_a_missing_python_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MODULES", ("fastapi", "no_such_module"))
    with pytest.raises(LabError, match=r"no_such_module.*pip install 'robotframework-atp\[lab\]'"):
        doctor.require_essentials()


def test_doctor_answers_json_with_a_fix_for_each_missing_thing(tmp_path: Path) -> None:
    answer = CliRunner().invoke(command, ["--json"], env={"ATP_LAB_DIR": str(tmp_path / "lab"), "ATP_CONFIG": None})
    findings = json.loads(answer.stdout)
    assert answer.exit_code == (3 if any(finding["level"] == "missing" for finding in findings) else 0)
    assert {"Python", "libvirtd", "accelerator", "memory", "lab"} <= {finding["name"] for finding in findings}
    assert all(finding["fix"] for finding in findings if finding["level"] == "missing")
    assert not (tmp_path / "lab").exists()


def test_doctor_reports_a_host_that_does_not_answer(tmp_path: Path) -> None:
    config = tmp_path / "atp.yaml"
    config.write_text("hosts: {far: {uri: 'qemu+unix:///session?socket=/nowhere/libvirt-sock'}}")
    answer = CliRunner().invoke(command, [], env={"ATP_LAB_DIR": str(tmp_path / "lab"), "ATP_CONFIG": str(config)})
    assert (
        "note    host far: libvirt at qemu+unix:///session?socket=/nowhere/libvirt-sock should answer but said"
        in answer.stdout
    )


@pytest.mark.parametrize(
    ("script", "said", "fix"),
    [
        ("echo ready", "ok      RTSP streams of a screen: GStreamer's RTSP server is there", ""),
        (
            "echo missing python3-gi gir1.2-gst-rtsp-server-1.0",
            "note    RTSP streams of a screen: without python3-gi gir1.2-gst-rtsp-server-1.0, which only 'Start RTSP Stream' needs",
            "apt-get install -y --no-install-recommends python3-gi gir1.2-gst-rtsp-server-1.0",
        ),
        ("echo it is broken >&2", "GStreamer should say whether it could serve RTSP but said: it is broken", "gst-inspect"),
        (None, "note    RTSP streams of a screen: without python3 python3-gi", "apt-get install"),
    ],
    ids=["there", "missing", "broken", "no Python"],
)  # fmt: skip
def test_doctor_tells_of_the_packages_that_rtsp_needs_and_calls_nothing_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str, fix: str
) -> None:
    python = tmp_path / "python3"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    monkeypatch.setattr(rtsp_server, "_PYTHON", str(python))
    monkeypatch.setattr(doctor, "examine", lambda *_: [])
    answer = CliRunner().invoke(command, [], env={"ATP_LAB_DIR": str(tmp_path / "lab"), "ATP_CONFIG": None})
    assert answer.exit_code == 0
    assert said in answer.stdout
    assert fix in answer.stdout
