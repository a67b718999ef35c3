"""Runs beside each other under pabot: one VM to one process at a time, also when one dies, and every file has its own name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from robot.api import ExecutionResult

pytestmark = pytest.mark.integration

SUITE = Path(__file__).with_name("leasing.robot")
# Two VMs of libvirt's test driver. Each process has a driver of its own, but the VMs' UUIDs are the same: the leases are by UUID.
NODE = """\
<node>
  <cpu><mhz>1000</mhz><model>x</model><active>2</active><nodes>1</nodes><sockets>1</sockets><cores>2</cores><threads>1</threads></cpu>
  <memory>4194304</memory>
  {vms}
</node>
"""
VM = "<domain type='test'><name>{}</name><uuid>{}</uuid><memory>8192</memory><os><type>hvm</type></os></domain>"
NAMES = ("销售-1", "sales-2")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a finished run of 4 processes over 2 VMs."""
    directory = tmp_path_factory.mktemp("pabot")
    vms = "".join(
        VM.format(name, f"{number}" * 8 + "-2222-4222-8222-222222222222") for number, name in enumerate(NAMES, 1)
    )
    (directory / "node.xml").write_text(NODE.format(vms=vms), encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("pabot")), "--no-pabotlib", "--processes", "4", "--testlevelsplit",
        "-d", str(directory / "out"), "-v", f"NODE:{directory}/node.xml", "-v", f"DIARY:{directory}/diary", str(SUITE),
    ]  # fmt: skip
    environ = {
        **os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ATP_LEASE_DIR": str(directory / "leases"), "ATP_LAB_DIR": str(directory / "no-lab"),
    }  # fmt: skip
    ran = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (directory / "out" / "output.xml").is_file(), ran.stdout + ran.stderr
    return directory


def test_no_vm_is_ever_in_two_hands_and_a_death_sets_it_free(world: Path) -> None:
    results = {test.name: test.message for test in ExecutionResult(world / "out" / "output.xml").suite.all_tests}
    assert [results[name] for name in ("One", "Two", "Three")] == ["", "", ""]
    assert {message for name, message in results.items() if "Fails" in name} == {"on purpose"}
    holders: dict[str, str | None] = dict.fromkeys(NAMES)
    taken = []
    for line in (world / "diary").read_text(encoding="utf-8").splitlines():
        did, vm, test = line.split(" ", 2)
        if did == "took":
            assert holders[vm] is None, f"{test} got {vm}, which {holders[vm]} holds"
            taken.append(test)
        holders[vm] = test if did == "took" else None
    assert len(taken) == 6
    assert set(holders.values()) == {None}


def test_every_picture_has_a_file_of_its_own_that_the_merged_log_leads_to(world: Path) -> None:
    out = world / "out"
    pictures = sorted(out.glob("screenshots/*.png"))
    assert len(pictures) == 5
    failures = sorted(directory.name for directory in (out / "evidence").iterdir())
    assert [name.partition("-")[2] for name in failures] == [
        "Five_Fails_And_Shows_The_Screen-1", "Four_Fails_And_Shows_The_Screen-1"
    ]  # fmt: skip
    text = unescape((out / "output.xml").read_text(encoding="utf-8"))
    links = {unquote(link) for link in re.findall(r'(?:src|href)="([^"]+\.png)"', text)}
    assert {(out / link).resolve() for link in links} == {
        *(picture.resolve() for picture in pictures), *(each.resolve() for each in out.glob("evidence/*/*.png"))
    }  # fmt: skip


def test_who_waits_in_vain_is_told_who_has_it_and_since_when(world: Path) -> None:
    """Another process has leased both VMs, as `Get Leases` and the sentence say."""
    suite = world / "vain.robot"
    suite.write_text(
        """\
*** Settings ***
Library    ATPLibrary
Suite Setup    Connect To Host    here    uri=test://${NODE}
*** Test Cases ***
Holder
    Lease VM    until=run
    Lease VM    until=run
    Evaluate    print("ready", file=sys.__stdout__, flush=True)    modules=sys
    Evaluate    sys.stdin.read()    modules=sys
Waiter
    @{leases} =    Get Leases
    Length Should Be    ${leases}    2
    Should Be Equal As Strings    ${leases}[0][pid]    ${PID}
    Lease VM    timeout=1 s
""",
        encoding="utf-8",
    )
    command = [
        sys.executable, "-m", "robot", "--log", "NONE", "--report", "NONE", "-v", f"NODE:{world}/node.xml",
    ]  # fmt: skip
    environ = {**os.environ, "ATP_LEASE_DIR": str(world / "leases"), "ATP_LAB_DIR": str(world / "no-lab")}
    holder = subprocess.Popen(
        [*command, "--output", "NONE", "--test", "Holder", str(suite)],
        env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    net = threading.Timer(60, holder.kill)
    net.start()
    try:
        assert holder.stdout is not None
        assert any("ready" in line for line in iter(holder.stdout.readline, ""))
        output = world / "waiter.xml"
        subprocess.run(
            [*command, "-v", f"PID:{holder.pid}", "--output", str(output), "--test", "Waiter", str(suite)],
            env=environ, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        net.cancel()
        holder.communicate("")
    (test,) = ExecutionResult(output).suite.all_tests
    assert re.fullmatch(
        r"A VM called '\*' should be free within 1 s but all 2 are leased\. "
        rf"Last seen: 'sales-2' by process {holder.pid} since [0-9:]{{8}}; '销售-1' by process {holder.pid} since [0-9:]{{8}}\. "
        r"Wait longer, use fewer processes, or add VMs\.",
        test.message,
    ), test.message
