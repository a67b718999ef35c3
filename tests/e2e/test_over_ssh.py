"""A VM on a host behind SSH, as a tester uses it: typed into over its own sockets, through libvirt where those can't be reached,
and after sshd was killed while a text was being typed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from robot.api import ExecutionResult
from tests.conftest import LabVm

from ATPLibrary.config import Config
from ATPLibrary.errors import ATPError
from ATPLibrary.lab.sshd import LabSshd
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.transport import HostState

pytestmark = pytest.mark.e2e

SUITE = """\
*** Settings ***
Library           ATPLibrary
Test Teardown     Disconnect From Host    ${TEST NAME}

*** Test Cases ***
Fast
    Connect To Host    Fast    uri=%{FAST_URI}
    Connect To VM    %{VM}    host=Fast
    Type Text    over ssh 123
    Text Should Have Arrived
    Take Screenshot

Slow
    Connect To Host    Slow    uri=%{SLOW_URI}
    Connect To VM    %{VM}    host=Slow
    Type Text    through libvirt 456
    Text Should Have Arrived
    Take Screenshot
"""
QUICK = {"reconnect": {"initial_delay": 0.05, "max_delay": 0.5, "max_attempts": 1000}}


def test_typing_is_proved_over_ssh_and_where_sockets_are_not_forwarded_libvirt_serves_and_one_warning_says_so(
    ps2_vm: LabVm, start_sshd: Callable[..., LabSshd], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST_URI", start_sshd().uri(ps2_vm.host))
    monkeypatch.setenv("SLOW_URI", start_sshd("AllowStreamLocalForwarding no").uri(ps2_vm.host))
    monkeypatch.setenv("VM", ps2_vm.uuid)
    monkeypatch.setenv("ATP_CONFIG", str(tmp_path / "atp.yaml"))
    (tmp_path / "atp.yaml").write_text("{}\n")
    (tmp_path / "ssh.robot").write_text(SUITE)
    command = [sys.executable, "-m", "robot", "--report", "NONE", "ssh.robot"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    result = ExecutionResult(str(tmp_path / "output.xml"))
    failed = {test.name: test.message for test in result.suite.tests if not test.passed}
    assert failed == {}, done.stdout + done.stderr
    assert result.statistics.total.passed == 2
    (warning,) = [str(message.message) for message in result.errors.messages if message.level == "WARN"]
    assert "VMs on host 'Slow' are spoken to through libvirt" in warning
    assert "AllowStreamLocalForwarding" in warning


@pytest_asyncio.fixture
async def workspace(ps2_vm: LabVm, start_sshd: Callable[..., LabSshd]) -> AsyncIterator[tuple[Workspace, LabSshd]]:
    sshd = start_sshd()
    config = Config.model_validate({"hosts": {"far": {"uri": sshd.uri(ps2_vm.host)}}, "pool": QUICK})
    workspace = Workspace(config)
    yield workspace, sshd
    await workspace.close()


async def test_sshd_killed_while_typing_ends_it_with_one_sentence_and_no_key_stays_down(
    ps2_vm: LabVm, workspace: tuple[Workspace, LabSshd]
) -> None:
    here, sshd = workspace
    machine = await here.machine(ps2_vm.uuid, timeout=30)
    engine = await machine.typing(60)
    assert (await machine.qmp(10)).kind == "direct"
    session = await machine.agent(60)
    with session.observations.subscribe() as seen:
        typing = asyncio.ensure_future(engine.type_text("#" + "a long text " * 50, 60))
        assert await seen.next_batch(20)
        sshd.stop()
    with pytest.raises(ATPError) as caught:
        await asyncio.wait_for(typing, 20)
    assert str(caught.value).count("should") == 1
    host = machine.domain.host
    await host.wait_for_state(lambda state: state is not HostState.CONNECTED, 10, "be lost")
    sshd.start()
    await host.wait_for_state(lambda state: state is HostState.CONNECTED, 30, "be connected again")
    assert (await machine.qmp(10)).kind == "direct"
    assert await machine.held_keys(30) == []
    again = await machine.typing(30)
    await again.press("ctrl+c")
    report = await again.type_text("#back", 30)
    report.raise_if_bad(must_be_verified=True)
    assert not [event for event in here.bus.recent("host:far", 200) if event.kind == "host.fallback"]
