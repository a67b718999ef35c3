"""The guest agent of a real VM: commands that leave nothing running, files, the system, freezing, and what a guest forbids."""

# ruff: noqa: ASYNC110 - the guest has no event for what is waited for here

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from robot.api import ExecutionResult

from ATPLibrary.errors import AgentError, CommandError, DeadlineError, InputError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qga import FreezeState, GuestFiles, GuestSystem, Qga, execution, open_qga
from ATPLibrary.transport import HostConnection
from ATPLibrary.transport.domain_state import VmState

pytestmark = pytest.mark.e2e

MEGABYTES = 8


async def agent_of(vm: Any) -> Qga:
    host = HostConnection(vm.host.name, vm.uri, EventBus())
    await host.connect(10)
    return await open_qga(await host.lookup(vm.uuid, 10), timeout=90)


@pytest_asyncio.fixture
async def qga(ps2_vm: Any) -> AsyncIterator[Qga]:
    """The agent of a VM that other tests use too."""
    qga = await agent_of(ps2_vm)
    yield qga
    await qga.close()
    await qga.domain.host.close(5)


@pytest_asyncio.fixture
async def own(running_vm: Callable[..., Any]) -> AsyncIterator[Qga]:
    """The agent of a VM of the test's own."""
    qga = await agent_of(await asyncio.to_thread(running_vm))
    yield qga
    await qga.domain.host.close(5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops waiting for a command waits for its end as long as a busy guest takes."""
    monkeypatch.setattr(execution, "ENDING_SECONDS", 20.0)


async def running_in(qga: Qga, word: str) -> str:
    """The guest's processes that have this word in their command line."""
    return (
        await qga.exec(["/bin/sh", "-c", "ps -o args | grep -F \"$1\" | grep -vF 'grep -'", "sh", word], timeout=30)
    ).stdout


async def test_output_is_told_while_the_command_runs(qga: Qga) -> None:
    """The command goes on only when its first line was seen: without streaming this can't end."""
    before = (await qga.exec("ls -A /tmp", timeout=20)).stdout
    seen = asyncio.Event()
    told: list[str] = []

    def on_output(stream: str, text: str) -> None:
        told.append(f"{stream}: {text}")
        seen.set()

    running = asyncio.create_task(
        qga.exec(
            "echo first; until [ -e /tmp/go ]; do usleep 50000; done; echo second >&2", timeout=60, on_output=on_output
        )
    )
    async with asyncio.timeout(50):
        await seen.wait()
    await GuestFiles(qga).write("/tmp/go", b"", 20)
    result = await running
    assert told == ["stdout: first\n", "stderr: second\n"]
    assert (result.stdout, result.stderr, result.exit_code) == ("first\n", "second\n", 0)
    assert (await qga.exec("rm /tmp/go; ls -A /tmp", timeout=20)).stdout == before


async def test_ten_megabytes_of_streamed_output_come_whole_where_one_answer_would_break_libvirt(qga: Qga) -> None:
    result = await qga.exec("head -c 10000000 /dev/zero | tr '\\0' a", timeout=120, on_output=lambda stream, text: None)
    assert (len(result.stdout), result.truncated) == (10_000_000, False)


async def test_a_cancelled_command_leaves_nothing_running_in_the_guest(qga: Qga, patient: None) -> None:
    line = "(sleep 4711 & exec true); sh -c 'sleep 4711 & wait' & echo begun; wait; sleep 4711"
    begun = asyncio.Event()
    running = asyncio.create_task(qga.exec(line, timeout=60, on_output=lambda stream, text: begun.set()))
    async with asyncio.timeout(50):
        await begun.wait()
    assert "sleep 4711" in await running_in(qga, "sleep 4711")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await running_in(qga, "sleep 4711") == ""


async def test_a_command_that_outlives_its_deadline_is_ended(qga: Qga, patient: None) -> None:
    assert await qga.family() == "posix"  # asked once, before the first command
    with pytest.raises(
        DeadlineError, match=r"should end within 2 s but still ran \(process \d+ of the guest\), and was ended"
    ):
        await qga.exec("sleep 4712; sleep 4712", timeout=2)
    assert await running_in(qga, "sleep 4712") == ""


async def test_an_environment_and_a_directory(qga: Qga) -> None:
    result = await qga.exec(
        "pwd; echo $COLOUR; echo $PATH", timeout=20, environment={"COLOUR": "red"}, directory="/etc/atp"
    )
    assert result.stdout == "/etc/atp\nred\n/sbin:/usr/sbin:/bin:/usr/bin\n"


async def start_unwatched(qga: Qga, command: str) -> None:
    """A command that harms the agent: that it was started is all that the agent is asked to tell."""
    await qga.command("guest-exec", {"path": "/bin/sh", "arg": ["-c", command]}, 20)


async def ask_until_it_is_stopped(qga: Qga) -> None:
    async with asyncio.timeout(20):
        while True:
            await qga.command("guest-get-host-name", None, 1)


async def test_a_late_answer_is_never_taken_for_another_question_s(qga: Qga) -> None:
    """libvirt synchronises: what a stopped agent answers late to a command that was given up is thrown away."""
    await start_unwatched(
        qga, "read -r agent </run/qemu-ga.pid; usleep 300000; kill -STOP $agent; sleep 4; kill -CONT $agent"
    )
    with pytest.raises((AgentError, DeadlineError)):
        await ask_until_it_is_stopped(qga)
    await qga.ready(30)
    for number in range(5):
        assert (await qga.exec(f"echo {number}", timeout=20)).stdout == f"{number}\n"
        await qga.sync(20)


async def test_files_arrive_whole_both_ways(qga: Qga, tmp_path: Path) -> None:
    files = GuestFiles(qga)
    local = tmp_path / "big"
    local.write_bytes(os.urandom(MEGABYTES * 1_000_000))
    sha256 = hashlib.sha256(local.read_bytes()).hexdigest()
    try:
        pushed = await files.push(local, "/root/", 120)
        assert (pushed.size, pushed.checksum.sha256, pushed.checksum.made_by) == (
            MEGABYTES * 1_000_000,
            sha256,
            "a command in the guest",
        )
        pulled = await files.pull("/root/big", tmp_path / "back", 120)
        assert pulled.checksum.sha256 == sha256
        assert (tmp_path / "back").read_bytes() == local.read_bytes()
        print(f"pushed {pushed}", f"pulled {pulled}", sep="\n")
    finally:
        await qga.exec("rm -f /root/big*", timeout=20)


async def test_more_than_100_megabytes_come_out_of_a_real_guest(qga: Qga, tmp_path: Path) -> None:
    """A file of the guest that takes no room on its small disk."""
    try:
        await qga.exec("truncate -s 104857600 /root/sparse; printf end >>/root/sparse", timeout=20)
        pulled = await GuestFiles(qga).pull("/root/sparse", tmp_path / "sparse", 300)
        assert pulled.size == 104_857_603
        assert pulled.checksum.sha256 == hashlib.sha256(bytes(104_857_600) + b"end").hexdigest()
        print(f"pulled {pulled}")
    finally:
        await qga.exec("rm -f /root/sparse", timeout=20)


async def test_a_full_disk_is_said_and_leaves_no_piece_of_a_file(qga: Qga, tmp_path: Path) -> None:
    local = tmp_path / "big"
    local.write_bytes(bytes(2_000_000))
    await qga.exec("mkdir /root/small; mount -t tmpfs -o size=1m small /root/small", timeout=20)
    try:
        with pytest.raises(CommandError, match="No space left"):
            await GuestFiles(qga).push(local, "/root/small/", 60)
        async with asyncio.timeout(20):
            while (await qga.exec("ls /root/small", timeout=20)).stdout:
                await asyncio.sleep(0.1)
    finally:
        await qga.exec("umount /root/small; rmdir /root/small", timeout=20)


async def test_the_guest_tells_what_it_is(qga: Qga) -> None:
    system = GuestSystem(qga)
    told = await system.os(20)
    assert (told.family, told.machine, told.host_name, told.time_zone) == ("posix", "x86_64", qga.domain.uuid, "UTC")
    assert told.kernel_release.startswith("6.")
    assert [each.name for each in await system.interfaces(20)] == ["lo"]
    assert await system.users(20) == []
    (root,) = await system.filesystems(20)
    assert (root.mount_point, root.type, root.disks) == ("/", "ext4", ("/dev/vda",))
    assert root.size is not None
    assert root.used is not None
    assert 0 < root.used < root.size
    assert [(each.name, each.bus) for each in await system.disks(20)] == [("/dev/vda", "virtio")]
    (cpu,) = await system.cpus(20)
    assert cpu.online
    with pytest.raises(InputError, match="the guest needs it"):
        await system.set_cpu(cpu.number, 20, online=False)


async def test_the_clock_is_set_and_the_password_reaches_the_guest_s_own_tool(own: Qga) -> None:
    system = GuestSystem(own)
    wanted = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    await system.set_time(wanted, 20)
    assert wanted <= await system.time(20) < wanted + timedelta(minutes=1)
    assert (await own.exec("date +%Y-%m-%d", timeout=20)).stdout == "2031-02-03\n"
    await own.exec(
        "printf '#!/bin/sh\\nexec cat >/root/heard\\n' >/sbin/chpasswd; chmod 755 /sbin/chpasswd", timeout=20
    )
    await system.set_password("root", "correct horse", 20)
    assert await GuestFiles(own).read("/root/heard", 20) == b"root:correct horse\n"
    await own.exec("printf '#!/bin/sh\\nexit 1\\n' >/sbin/chpasswd", timeout=20)
    with pytest.raises(CommandError) as caught:
        await system.set_password("root", "correct horse", 20)
    assert "correct horse" not in str(caught.value)


async def test_frozen_file_systems_are_thawed_however_it_is_left(own: Qga) -> None:
    async with own.freeze.frozen(20) as count:
        assert count == 1
        assert await own.freeze.status(20) == "frozen"
        with pytest.raises(CommandError, match=r"file systems are frozen\. Thaw them first"):
            await own.exec("ls", timeout=20)
    assert await own.freeze.status(20) == "thawed"

    with pytest.raises(ZeroDivisionError):
        async with own.freeze.frozen(20):
            raise ZeroDivisionError
    assert await own.freeze.status(20) == "thawed"

    frozen = asyncio.Event()

    async def hold() -> None:
        async with own.freeze.frozen(20):
            frozen.set()
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    async with asyncio.timeout(20):
        await frozen.wait()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert await own.freeze.status(20) == "thawed"

    freezing = asyncio.create_task(own.freeze.freeze(20))
    await asyncio.sleep(0)  # the command is on its way
    freezing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await freezing
    assert own.freeze.state is FreezeState.THAWED
    assert await own.freeze.status(20) == "thawed"

    await own.freeze.freeze(20, longest=0.5)
    async with asyncio.timeout(20):
        while own.freeze.state is FreezeState.FROZEN:
            await asyncio.sleep(0.05)
    assert await own.freeze.status(20) == "thawed"
    assert (await own.exec("echo on >/root/written; cat /root/written", timeout=20)).stdout == "on\n"


async def test_what_the_guest_forbids_or_does_not_know_is_one_clear_sentence(own: Qga) -> None:
    await own.exec(
        "mkdir -p /etc/qemu; printf '[general]\\nblock-rpcs=guest-exec\\n' >/etc/qemu/qemu-ga.conf; sync", timeout=20
    )
    await start_unwatched(own, "usleep 300000; kill $PPID")
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(AgentError):  # it has ended, and isn't there again yet
                if not await own.can("guest-exec", 20):
                    break
            await asyncio.sleep(0.1)
    with pytest.raises(
        CommandError, match=r"carry out guest-exec but the guest forbids it: .*block-rpcs in qemu-ga.conf"
    ):
        await own.exec("ls", timeout=20)
    with pytest.raises(CommandError, match="carry out guest-nonsense but doesn't know it"):
        await own.command("guest-nonsense", None, 20)
    files = GuestFiles(own)
    await files.write("/root/x", b"abc", 20)
    assert (await files.checksum("/root/x", 20)).made_by == "reading it back"


async def test_the_agent_reboots_the_guest_and_shuts_it_down(own: Qga) -> None:
    system = GuestSystem(own)
    await own.exec("touch /run/before", timeout=20)
    await system.reboot(60)
    await own.ready(90)
    assert (await own.exec("ls /run/before", timeout=20)).exit_code != 0
    await system.shut_down(60)
    assert (await own.domain.state(10)).state is VmState.SHUTOFF


SUITE = """\
*** Settings ***
Library    ATPLibrary.QGA
Library    Collections
Suite Setup    Connect To VM    {vm}

*** Test Cases ***
Output Is In The Log While The Command Runs
    ${{result}} =    Run Command    echo first; sleep 1; echo second    stream=True    timeout=30 s
    Should Be Equal    ${{result.stdout}}    first\\nsecond\\n

A Command Is Stopped By The Test Timeout
    [Timeout]    2 s
    Run Command    sleep 4713; sleep 4713    timeout=1 min

Nothing Of It Is Left
    Wait Until Guest Agent Is Ready
    Command Output Should Be    ps -o args    sleep 4713    not contains    timeout=30 s

A Guest Is Frozen And Forgotten
    Freeze Guest Filesystems    timeout=30 s
    Fail    on purpose

It Is Thawed
    Command Should Succeed    echo x >/root/x    timeout=30 s

Files Come And Go
    Guest Agent Should Support    guest-exec    guest-file-open
    Write Guest File    /root/greeting    Grüße\\n
    Write Guest File    /root/greeting    again\\n    append=True
    ${{text}} =    Read Guest File    /root/greeting
    Should Be Equal    ${{text}}    Grüße\\nagain\\n
    ${{pulled}} =    Pull File From Guest    /root/greeting    ${{OUTPUT_DIR}}/greeting    timeout=30 s
    ${{pushed}} =    Push File To Guest    ${{OUTPUT_DIR}}/greeting    /root/greeting2    mode=600
    Should Be Equal    ${{pulled.checksum.sha256}}    ${{pushed.checksum.sha256}}
    ${{sha256}} =    Get Guest File Checksum    /root/greeting2
    Should Be Equal    ${{sha256}}    ${{pushed.checksum.sha256}}

The System Is Told
    ${{os}} =    Get Guest OS
    Should Be Equal    ${{os.family}}    posix
    ${{filesystems}} =    Get Guest Filesystems
    Should Be Equal    ${{filesystems[0].mount_point}}    /
    Get Guest Users
    Get Guest Disks
    Get Guest Interfaces
    ${{cpus}} =    Get Guest CPUs
    Set Guest CPU    0    online=True
    Set Guest Time
    ${{time}} =    Get Guest Time
    Should Be True    ${{time.year}} > 2000

A Password Is Not In The Log
    VAR    ${{password: secret}}    %{{ATP_TEST_PASSWORD}}
    Set Guest Password    root    ${{password}}
"""


def test_the_keywords_as_robot_framework_runs_them(running_vm: Callable[..., Any], tmp_path: Path) -> None:
    vm = running_vm()
    config = {"hosts": {"lab-t": {"uri": vm.uri}}}
    (tmp_path / "atp.yaml").write_text(yaml.safe_dump(config))
    suite = tmp_path / "suite.robot"
    suite.write_text(SUITE.format(vm=vm.name), encoding="utf-8")
    environment = {**os.environ, "ATP_CONFIG": str(tmp_path / "atp.yaml"), "ATP_TEST_PASSWORD": "horse-battery-staple"}
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path / "out"), "--loglevel", "TRACE", str(suite)]
    ran = subprocess.run(command, env=environment, timeout=240, capture_output=True, check=False, text=True)
    tests = {test.name: test for test in ExecutionResult(tmp_path / "out/output.xml").suite.tests}
    messages = {name: test.message for name, test in tests.items()}
    # The lab's guest has no chpasswd: that is its agent's word, and the secret isn't in it.
    password = messages.pop("A Password Is Not In The Log")
    assert "guest-set-user-password" in password, ran.stdout
    assert messages == {
        "Output Is In The Log While The Command Runs": "",
        "A Command Is Stopped By The Test Timeout": "Test timeout 2 seconds exceeded.",
        "Nothing Of It Is Left": "",
        "A Guest Is Frozen And Forgotten": "on purpose",
        "It Is Thawed": "",
        "Files Come And Go": "",
        "The System Is Told": "",
    }
    assert "horse-battery-staple" not in (tmp_path / "out/output.xml").read_text(encoding="utf-8")
    call = tests["Output Is In The Log While The Command Runs"].body[0]
    told = {message.message: message.timestamp for message in call.messages}
    assert told["stdout: second"] - told["stdout: first"] > timedelta(seconds=0.4)
