"""The agent comes into a guest whole or not at all. The guest is this machine: its qemu-ga, the shell and the agent are real."""

# ruff: noqa: ASYNC110, ASYNC240 - the guest is this machine: its files and processes are looked at as they are

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.protocol.qga.deployed_guest import PATIENCE, Guest, variant

from ATPLibrary import agent_package
from ATPLibrary.errors import AgentAbsentError, AgentError, CommandError, DeadlineError, InputError
from ATPLibrary.orchestrator.deployment import deploy, deploying, posix, remove, wish_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="qemu-ga must be root for an agent"),
]

OURS = agent_package.build().version
WHOLE = {"agent.pyz": 0o755, "run": 0o755, "token": 0o600, "pid": 0o600, "log": 0o600}


@pytest_asyncio.fixture
async def guest(domain: Any, tmp_path: Path) -> AsyncIterator[Guest]:
    made = Guest(domain, tmp_path)
    await made.start()
    yield made
    await made.close()
    assert made.processes() == []


async def settled(guest: Guest, names: set[str]) -> None:
    """What is taken back behind the caller's back is done."""
    async with asyncio.timeout(PATIENCE):
        while set(guest.files()) != names:
            await asyncio.sleep(0.01)


async def test_a_guest_without_an_agent_gets_one_that_answers(guest: Guest) -> None:
    deployed = await guest.deploy()
    assert (deployed.version, deployed.before, deployed.directory) == (OURS, "", str(guest.directory))
    assert deployed.is_new
    assert await guest.version() == OURS
    assert guest.files() == WHOLE
    assert (guest.directory / "agent.pyz").read_bytes() == agent_package.build().content
    assert guest.processes() == [guest.pid]


async def test_the_token_is_in_no_command_line_and_no_message(guest: Guest) -> None:
    await guest.deploy()
    token = guest.token.reveal()
    spellings = (token, base64.b64encode(token.encode()).decode())
    started = [json.dumps(each) for each in guest.told if each["execute"] == "guest-exec"]
    assert started
    assert [each for each in started if any(spelling in each for spelling in spellings)] == []
    assert token not in Path(f"/proc/{guest.pid}/cmdline").read_text()
    assert [each for each in guest.said if token in each] == []
    assert (guest.directory / "token").read_text() == token


async def test_a_guest_that_runs_the_same_agent_is_left_alone(guest: Guest) -> None:
    await guest.deploy()
    first = guest.pid
    again = await guest.deploy()
    assert (again.is_new, again.version, guest.pid) == (False, OURS, first)
    assert (await guest.deploy(force=True)).is_new
    assert guest.pid != first
    assert not guest.runs(first)


async def test_an_agent_that_does_not_run_or_whose_token_is_another_is_put_there_anew(guest: Guest) -> None:
    await guest.deploy()
    first = guest.pid
    os.kill(first, 9)
    assert (await guest.deploy()).is_new
    (guest.directory / "token").write_text("another")
    assert (await guest.deploy()).is_new
    assert (guest.directory / "token").read_text() == guest.token.reveal()
    assert not guest.runs(first)


async def test_an_older_agent_gives_way_and_a_newer_one_only_when_forced(guest: Guest, tmp_path: Path) -> None:
    assert (await guest.deploy(variant(tmp_path, "0.0.9"))).version == "0.0.9"
    old = guest.pid
    upgraded = await guest.deploy()
    assert (upgraded.version, upgraded.before) == (OURS, "0.0.9")
    assert not guest.runs(old)
    assert await guest.version() == OURS
    newer = variant(tmp_path, "99.0")
    await guest.deploy(newer)
    there = guest.pid
    with pytest.raises(
        AgentError, match=rf"The agent 99\.0 in VM 'win11' should give way to version {OURS} but is newer\..*force=True"
    ):
        await guest.deploy()
    assert guest.runs(there)
    assert (await guest.deploy(force=True)).before == "99.0"
    assert guest.files() == WHOLE


def corrupted(command: dict[str, Any], when: int) -> dict[str, Any]:
    data = bytearray(base64.b64decode(command["arguments"]["buf-b64"]))
    data[when] ^= 1
    return {**command, "arguments": {**command["arguments"], "buf-b64": base64.b64encode(data).decode()}}


async def test_a_copy_that_was_changed_on_its_way_is_not_run(guest: Guest, tmp_path: Path) -> None:
    await guest.deploy(variant(tmp_path, "0.0.9"))
    old = guest.pid

    async def change(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] != "guest-file-write":
            return await carry_out()
        guest.fault = None
        return await guest.domain._carry_out(json.dumps(corrupted(command, 1000)), "guest-file-write")  # type: ignore[no-any-return]

    guest.fault = change
    with pytest.raises(
        AgentError,
        match=r"failed at copying the agent into the guest: The agent's file 'agent\.pyz' should arrive in VM 'win11' with SHA-256 "
        r"\w{64} but a command in the guest says \w{64}\..* Agent 0\.0\.9 that was there is in its place again and was started",
    ):
        await guest.deploy()
    assert (guest.pid, guest.files()) == (old, WHOLE)
    assert guest.runs(old)
    assert await guest.version() == "0.0.9"


async def test_a_full_disk_is_said_and_nothing_is_left(guest: Guest) -> None:
    """What qemu-ga says when its write fails; e2e has a disk that is full."""

    async def full(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == "guest-file-write":
            said = "failed to write to file: No space left on device"
            raise CommandError(said, name="guest-file-write", error_class="1", description=said)
        return await carry_out()

    guest.fault = full
    with pytest.raises(
        AgentError, match=r"copying the agent .*No space left on device.* Nothing of it is left in the guest"
    ):
        await guest.deploy()
    assert guest.files() == {}


async def test_a_guest_without_python_is_told_what_was_looked_for(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posix.PosixGuest, "pythons", ("no-python3", "/no/such/python3"))
    with pytest.raises(
        AgentError,
        match=r"should have a Python 3\.8 or later for the agent but has none\. Last seen: looked for no-python3, /no/such/python3"
        r"\. Install one in the guest",
    ):
        await guest.deploy()
    assert guest.files() == {}


async def test_looking_at_a_guest_starts_no_second_agent_in_it(guest: Guest, tmp_path: Path) -> None:
    """Beside the agent that runs, a Python for the look and another for its version had a small guest busy for minutes."""
    started = tmp_path / "started"
    variant(tmp_path, "0.0.9")
    source = tmp_path / "0.0.9" / "atp_guest_agent"
    (source / "__main__.py").write_text(f"open({str(started)!r}, 'a').close()")
    guest.directory.mkdir(parents=True)
    (guest.directory / "agent.pyz").write_bytes(agent_package.build(source).content)
    survey = await guest.side().survey(None, "none", PATIENCE)
    assert (survey.version, survey.is_installed) == ("0.0.9", True)
    assert not started.exists()


async def test_an_installed_agent_that_is_packed_is_asked_for_its_version(guest: Guest, tmp_path: Path) -> None:
    ours = agent_package.build()
    packed = guest.directory / "agent.pyz"
    guest.directory.mkdir(parents=True)
    with (
        zipfile.ZipFile(io.BytesIO(ours.content)) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    assert (await guest.side().survey(None, "none", PATIENCE)).version == OURS


async def test_a_guest_that_has_no_memory_left_is_told_so_before_a_python_is_started(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text(
        "MemTotal:       49132 kB\nMemFree:        1240 kB\nMemAvailable:       6144 kB\n"
    )
    text = posix._text().replace("/proc/meminfo", str(tmp_path / "meminfo"))
    monkeypatch.setattr(posix, "_text", lambda: text)
    with pytest.raises(AgentError, match=r"should be given agent .* but can't: it has 6\.0 MiB of memory left"):
        await guest.deploy()
    assert guest.files() == {}


async def test_a_python_that_is_too_old_is_named(guest: Guest, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3.6.9\n")
    old.chmod(0o755)
    with pytest.raises(AgentError, match=rf"but has only {old} \(3\.6\.9\)"):
        await guest.deploy(python=str(old))


async def test_an_agent_that_cannot_run_is_found_out_before_the_old_one_is_ended(guest: Guest, tmp_path: Path) -> None:
    await guest.deploy(variant(tmp_path, "0.0.9"))
    old = guest.pid
    broken = variant(tmp_path, "0.2.0")
    members = broken.content.replace(b'"atp-guest-agent {__version__}', b'"no guest agent {__version__}')
    with pytest.raises(
        AgentError, match=r"trying the new agent in the guest: .*should say that it is 0\.2\.0 but says "
    ):
        await guest.deploy(agent_package.AgentPackage(members, "0.2.0"))
    assert guest.runs(old)


async def test_an_agent_that_does_not_answer_gives_its_place_back(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await guest.deploy(variant(tmp_path, "0.0.9"))
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", 1.0)
    silent = variant(tmp_path, "0.3.0", "sys.exit('it is no good')")
    with pytest.raises(
        AgentError,
        match=r"failed at waiting for the new agent's answer: .* Last seen: it doesn't run; it is no good\. "
        r"Agent 0\.0\.9 that was there is in its place again and was started",
    ):
        await guest.deploy(silent)
    assert guest.files() == WHOLE
    assert await guest.version() == "0.0.9"


async def test_a_first_agent_that_does_not_answer_leaves_nothing(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", 1.0)
    with pytest.raises(AgentError, match=r"Last seen: it runs as process \d+\. Nothing of it is left in the guest"):
        await guest.deploy(variant(tmp_path, "0.3.0", "import time; time.sleep(4711)"))
    assert guest.files() == {}
    assert guest.processes() == []


async def test_an_agent_that_has_ended_is_not_waited_for(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(deploying, "LOOK_SECONDS", 0.2)
    with pytest.raises(
        AgentError,
        match=r"failed at waiting for the new agent's answer: The new agent should answer but has ended.*it is no good",
    ):
        await guest.deploy(variant(tmp_path, "0.3.0", "sys.exit('it is no good')"))
    assert guest.files() == {}


BUSY = r"VM 'win11' should be changed by one deployment at a time but is being changed by another: process \d+ on .+\. Wait until"


async def test_two_deployments_at_a_time_don_t_mix(guest: Guest, tmp_path: Path) -> None:
    """The second is told so, whether it comes when the first has begun or both have looked before either began."""
    staged, looked, goes_on, goes_behind = (asyncio.Event() for _ in range(4))

    async def hold(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        words = command.get("arguments", {}).get("arg", ())
        if {"stage", "test2"} <= set(words):
            looked.set()
            await goes_behind.wait()
        if command["execute"] == "guest-file-write" and not staged.is_set():
            staged.set()
            await goes_on.wait()
        return await carry_out()

    await guest.deploy(variant(tmp_path, "0.0.9"))
    guest.sides = 1
    guest.fault = hold
    async with asyncio.timeout(PATIENCE):
        second = asyncio.create_task(guest.deploy())
        await looked.wait()
        first = asyncio.create_task(guest.deploy())
        await staged.wait()
        goes_behind.set()
        with pytest.raises(AgentError, match=BUSY):
            await second
        with pytest.raises(AgentError, match=BUSY):
            await guest.deploy()
        with pytest.raises(AgentError, match=BUSY):
            await remove(guest.machine, PATIENCE, guest.side())
        goes_on.set()
        assert (await first).is_new
    assert guest.files() == WHOLE
    assert await guest.version() == OURS


async def test_a_deployment_whose_host_died_hinders_the_next_for_minutes_only(guest: Guest) -> None:
    busy = guest.directory / ".busy"
    busy.mkdir(parents=True)
    (busy / "by").write_text("another process 4711 on ci-3\n")
    with pytest.raises(AgentError, match=r"by another: process 4711 on ci-3\."):
        await guest.deploy()
    before = busy.stat().st_mtime - 400
    os.utime(busy, (before, before))
    assert (await guest.deploy()).is_new
    assert guest.files() == WHOLE


async def test_a_guest_agent_that_goes_away_in_the_middle_is_cleaned_up_after_when_it_is_back(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploying, "UNDO_SECONDS", 0.2)
    back = asyncio.Event()

    async def away(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == "guest-file-write" or gone.is_set():
            gone.set()
            await asyncio.sleep(0.01)
            raise AgentAbsentError("The guest agent of VM 'win11' is not connected.")
        return await carry_out()

    gone = asyncio.Event()
    guest.fault = away
    with pytest.raises(
        AgentError,
        match=r"copying the agent .* is not connected.* What was begun is still in .*, and is taken back when",
    ):
        await guest.deploy()
    assert [name for name in guest.files() if name.startswith(".new-")] != []
    guest.fault = None
    back.set()
    await settled(guest, set())


@pytest.mark.parametrize("when", ["guest-file-write", "guest-file-close", "switch"])
async def test_a_cancelled_deployment_leaves_what_there_was(guest: Guest, tmp_path: Path, when: str) -> None:
    await guest.deploy(variant(tmp_path, "0.0.9"))
    reached = asyncio.Event()

    async def tell(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == when or when in command.get("arguments", {}).get("arg", ()):
            reached.set()
        return await carry_out()

    guest.fault = tell
    deploying = asyncio.create_task(guest.deploy())
    async with asyncio.timeout(PATIENCE):
        await reached.wait()
    deploying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deploying
    guest.fault = None
    await settled(guest, set(WHOLE))
    assert await guest.version() == "0.0.9"
    assert len(guest.processes()) == 1


async def test_a_deadline_says_how_far_it_came_and_what_is_left(guest: Guest) -> None:
    async def slow(command: dict[str, Any], carry_out: Callable[[], Awaitable[str]]) -> str:
        if command["execute"] == "guest-file-write":
            await asyncio.sleep(PATIENCE)
        return await carry_out()

    guest.fault = slow
    with pytest.raises(
        DeadlineError,
        match=r"Deploying agent .* should be done within 8 s but was not\. Last seen: copying the agent into the guest\. Give it "
        r"more time \(timeout=\)\. Nothing of it is left in the guest\.",
    ):
        await guest.deploy(timeout=8)
    assert guest.files() == {}


# What systemctl does to one unit, without systemd: it starts and ends what ExecStart says.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{place}/asked
for unit; do :; done
unit=$(basename "$unit")
file={place}/units/$unit
pid=$(cat {place}/main-pid 2>/dev/null)
case $1 in
stop) kill "$pid"; while grep -q agent.pyz "/proc/$pid/cmdline"; do sleep 0.05; done; rm {place}/main-pid ;;
disable) case $* in *--now*) "$0" stop "$unit" ;; esac ;;
restart)
  setsid $(sed -n s/^ExecStart=//p "$file") </dev/null >/dev/null 2>&1 &
  echo $! >{place}/main-pid ;;
is-active) kill -0 "$pid" ;;
show) echo "MainPID=$pid" ;;
esac
"""


@pytest_asyncio.fixture
async def systemd(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A guest in which systemd seems to run. Returns the file that says what it was asked."""
    place = guest.place
    systemctl = place / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(place=place))
    systemctl.chmod(0o755)
    text = posix._text().replace("/run/systemd/system", str(place)).replace("systemctl", str(systemctl))
    monkeypatch.setattr(posix, "_text", lambda: text)
    yield place / "asked"
    await guest.side().remove(PATIENCE)


async def test_where_systemd_runs_it_starts_the_agent(guest: Guest, systemd: Path, tmp_path: Path) -> None:
    deployed = await guest.deploy(variant(tmp_path, "0.0.9"))
    assert deployed.keeper == "systemd"
    old = int((tmp_path / "main-pid").read_text())
    assert guest.processes() == [old]
    assert "pid" not in guest.files()
    asked = systemd.read_text()
    assert [line.split(" ")[0] for line in asked.splitlines()] == ["daemon-reload", "enable", "restart"]
    upgraded = await guest.deploy()
    assert (upgraded.version, upgraded.before) == (OURS, "0.0.9")
    assert guest.processes() == [int((tmp_path / "main-pid").read_text())]
    assert not guest.runs(old)
    assert (await guest.deploy()).is_new is False
    assert await remove(guest.machine, PATIENCE, guest.side()) == str(guest.directory)
    assert not guest.unit.exists()
    assert guest.files() == {}


@pytest.mark.usefixtures("systemd")
async def test_where_systemd_runs_an_agent_that_does_not_answer_goes_with_its_unit(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(deploying, "ANSWER_SECONDS", 1.0)
        with pytest.raises(AgentError, match="Nothing of it is left in the guest"):
            await guest.deploy(variant(tmp_path, "0.3.0", "import time; time.sleep(4711)"))
    assert guest.files() == {}
    assert list(guest.unit.parent.iterdir()) == []
    await guest.deploy(variant(tmp_path, "0.0.9"))
    unit = guest.unit.read_text()
    monkeypatch.setattr(deploying, "ANSWER_SECONDS", 1.0)
    with pytest.raises(AgentError, match=r"Agent 0\.0\.9 that was there is in its place again"):
        await guest.deploy(variant(tmp_path, "0.4.0", "import time; time.sleep(4711)"))
    assert guest.unit.read_text() == unit
    assert await guest.version() == "0.0.9"


@pytest.mark.usefixtures("systemd")
async def test_the_unit_is_one_that_systemd_understands(guest: Guest) -> None:
    if (analyze := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze isn't installed: nobody here can check a unit")
    await guest.deploy()
    assert f"ExecStart=/bin/sh {guest.directory}/run\n" in guest.unit.read_text()
    ran = await asyncio.create_subprocess_exec(
        analyze, "verify", "--man=no", str(guest.unit), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await ran.communicate()
    assert [line for line in said.decode().splitlines() if guest.unit.name in line] == []
    assert ran.returncode == 0


async def test_an_agent_that_dials_gets_an_address_and_a_token_of_its_own(guest: Guest) -> None:
    package = agent_package.build()
    wish = await wish_for(
        guest.machine, package, PATIENCE, connect=f"unix://{guest.place}/s", served=guest.served, token=None
    )
    assert (wish.port, wish.arguments[2:]) == ("none", ("--vm-id", guest.machine.uuid))
    deployed = await deploy(guest.machine, wish, PATIENCE, guest.said.append, guest.side())
    assert (deployed.version, await guest.version()) == (OURS, OURS)
    await guest.served.stop()
    with pytest.raises(
        AgentError, match=r"should dial unix://.* but nobody of us listens\. Use 'Start Verification Service'"
    ):
        await wish_for(guest.machine, package, PATIENCE, connect="unix:///x", served=guest.served)
    await guest.start()


@pytest.mark.parametrize(
    ("token", "why"), [("", "can't be empty"), ("another-token", "isn't the one of the configuration")]
)
async def test_a_token_that_the_verifier_would_not_take_is_refused(guest: Guest, token: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        await wish_for(guest.machine, agent_package.build(), PATIENCE, token=token)
    assert "another-token" not in str(caught.value)
    assert guest.token.reveal() not in str(caught.value)


async def test_removing_takes_everything_and_again_does_no_harm(guest: Guest) -> None:
    await guest.deploy()
    pid = guest.pid
    assert await remove(guest.machine, PATIENCE, guest.side()) == str(guest.directory)
    assert not guest.directory.exists()
    assert not guest.runs(pid)
    assert await remove(guest.machine, PATIENCE, guest.side()) == ""
