"""The SPICE agent of the lab's desktop guest: `suites/spice_agent.robot`, and what the guest takes. One boot for all of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult
from tests.conftest import LabVm, start_vm, stop_vm

from ATPLibrary.lab.desktop_vm import NAME
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import DESKTOP_MEMORY_MIB, DESKTOP_MODEL

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def desktop(lab_host: LabHost, desktop_image: Any, accelerator: Any) -> Iterator[LabVm]:
    """As `atp lab up --desktop` defines it, off."""
    vm = start_vm(
        lab_host, desktop_image, accelerator, DESKTOP_MODEL, boot=False, name=NAME, memory_mib=DESKTOP_MEMORY_MIB
    )
    try:
        yield vm
    finally:
        stop_vm(vm)


def test_the_suite_of_the_spice_agent_passes(
    desktop: LabVm, desktop_image: Any, tmp_path: Path, record_property: Any
) -> None:
    config = tmp_path / "atp.yaml"
    config.write_text(yaml.safe_dump({"hosts": {"lab-t": {"uri": desktop.uri, "ip": desktop.host.ip}}}))
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "robot", "-d", str(tmp_path), "suites/spice_agent.robot"],
        cwd=ROOT, env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print(ran.stdout[-20_000:], ran.stderr[-5000:])
    tests = list(ExecutionResult(tmp_path / "output.xml").suite.all_tests)
    assert {test.name: test.message for test in tests if not test.passed} == {}
    assert len(tests) == 14
    assert ran.returncode == 0
    figures = {
        "seconds_of_the_suite": round(time.monotonic() - started, 1), "memory_mib": DESKTOP_MEMORY_MIB,
        "disk_bytes": desktop_image.disk.stat().st_size,
    }  # fmt: skip
    record_property("desktop_guest", figures)
    print(f"desktop guest: {figures}")
