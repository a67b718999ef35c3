"""Another configuration in the middle of a run: what is under way goes on, what is new is there, what is wrong is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult

from ATPLibrary import config as config_module
from ATPLibrary.config import Config
from ATPLibrary.errors import ConfigError, InputError, VmNotFoundError
from ATPLibrary.orchestrator import Workspace, reload
from ATPLibrary.transport import HostState, VmState

pytestmark = pytest.mark.integration


@pytest.fixture
def other_file(tmp_path: Path, host_file: Path) -> Path:
    """Another host, with VMs hr-001 and hr-002."""
    file = tmp_path / "other.xml"
    text = host_file.read_text(encoding="utf-8")
    file.write_text(text.replace("sales-", "hr-").replace("-4", "-5"), encoding="utf-8")
    return file


def with_hosts(hosts: dict[str, Any], **values: Any) -> Config:
    return Config.model_validate({"hosts": hosts, **values})


async def test_a_new_host_can_be_used_at_once(workspace: Workspace, config: Config, other_file: Path) -> None:
    await workspace.machine("sales-001", timeout=10)
    hosts = {"rack-1": {"uri": config.hosts["rack-1"].uri}, "rack-2": {"uri": f"test://{other_file}", "tags": ["hr"]}}
    changes = await reload.reload(workspace, with_hosts(hosts))
    assert changes.added == ("rack-2",)
    assert (await workspace.machine("hr-001", timeout=10)).host == "rack-2"
    assert sorted(vm.name for vm in await workspace.vms(10, tag="hr")) == ["hr-001", "hr-002"]
    with pytest.raises(InputError, match=r"No host has the tag 'typo'. The tags there are: .*hr"):
        await workspace.vms(10, tag="typo")


async def test_a_host_that_is_gone_serves_its_vms_until_they_are_disconnected(
    workspace: Workspace, other_file: Path
) -> None:
    machine = await workspace.machine("sales-001", timeout=10)
    host = machine.domain.host
    under_way = asyncio.create_task(machine.domain.wait_for_state(VmState.PAUSED, 30))
    await asyncio.sleep(0)
    changes = await reload.reload(workspace, with_hosts({"rack-2": {"uri": f"test://{other_file}"}}))
    assert (changes.added, changes.removed) == (("rack-2",), ("rack-1",))
    assert host.drained
    await (await workspace.machine("sales-001", timeout=10)).domain.suspend(10)
    assert (await under_way).state is VmState.PAUSED
    with pytest.raises(VmNotFoundError, match="VM 'sales-002' should exist on host rack-2"):
        await workspace.machine("sales-002", timeout=10)
    with workspace.bus.subscribe(lambda event: event.kind == "host.closed") as news:
        await workspace.forget(machine)
        async with asyncio.timeout(10):
            assert (await anext(news)).source == "host:rack-1"
    assert host.state is HostState.CLOSED
    with pytest.raises(VmNotFoundError):
        await workspace.machine("sales-001", timeout=10)


async def test_a_host_that_nobody_uses_is_closed_at_once(workspace: Workspace) -> None:
    host = await workspace.host("rack-1", 10)
    with workspace.bus.subscribe(lambda event: event.kind == "host.closed") as news:
        await reload.reload(workspace, with_hosts({}))
        async with asyncio.timeout(10):
            await anext(news)
    assert host.state is HostState.CLOSED


async def test_a_host_with_another_address_is_another_connection(workspace: Workspace, other_file: Path) -> None:
    machine = await workspace.machine("sales-001", timeout=10)
    changes = await reload.reload(workspace, with_hosts({"rack-1": {"uri": f"test://{other_file}"}}))
    assert changes.changed == ("rack-1",)
    assert (await workspace.machine("hr-001", timeout=10)).host == "rack-1"
    assert str(await machine.domain.state(10)).startswith("running")  # through the old one


async def test_a_host_is_drained_and_returned_by_the_configuration(workspace: Workspace, config: Config) -> None:
    host = await workspace.host("rack-1", 10)
    uri = config.hosts["rack-1"].uri
    await reload.reload(workspace, with_hosts({"rack-1": {"uri": uri, "drained": True}}))
    assert host.drained
    assert workspace.transport.hosts["rack-1"] is host
    await reload.reload(workspace, with_hosts({"rack-1": {"uri": uri}}))
    assert not host.drained


@pytest.mark.parametrize("tags", [["gpu"], None], ids=["the same connection", "another connection"])
async def test_what_a_keyword_drained_stays_drained_until_the_file_says_otherwise(
    workspace: Workspace, config: Config, tags: list[str] | None
) -> None:
    uri = config.hosts["rack-1"].uri
    (await workspace.host("rack-1", 10)).drained = True  # as `Drain Host` does it
    other = {"uri": uri, "tags": tags} if tags else {"uri": uri, "password": "new"}
    changes = await reload.reload(workspace, with_hosts({"rack-1": other}))
    assert changes.changed == (() if tags else ("rack-1",))
    assert workspace.transport.hosts["rack-1"].drained
    await reload.reload(workspace, with_hosts({"rack-1": {**other, "drained": True}}))
    await reload.reload(workspace, with_hosts({"rack-1": {"uri": uri}}))
    assert not workspace.transport.hosts["rack-1"].drained


async def test_connected_vms_follow_the_new_settings(workspace: Workspace, config: Config) -> None:
    machine = await workspace.machine("sales-001", timeout=10)
    new = with_hosts({"rack-1": {"uri": config.hosts["rack-1"].uri}}, timeouts={"command": 77})
    assert (await reload.reload(workspace, new)).settings == ("platforms", "timeouts")
    assert workspace.config.timeouts.command == machine.config.timeouts.command == 77


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ({"rack-3": {"uri": "qemu+tpc://192.0.2.3/system"}}, "rack-3"),
        ({"typed": {"uri": "test:///default"}}, "a keyword has made a host of that name known already"),
    ],
)
async def test_a_wrong_configuration_is_refused_whole(
    workspace: Workspace, host_file: Path, hosts: dict[str, Any], sentence: str
) -> None:
    await workspace.host("typed", 10, f"test://{host_file}")
    before = workspace.config, dict(workspace.transport.hosts)
    with pytest.raises(ConfigError, match=sentence):
        await reload.reload(workspace, with_hosts(hosts))
    assert (workspace.config, workspace.transport.hosts) == before


async def test_a_watched_file_counts_when_it_is_written_and_is_refused_when_it_is_wrong(
    workspace: Workspace, host_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "watched.yaml"
    await workspace.config_watch.start(file)
    with workspace.bus.subscribe(lambda event: event.source == "workspace") as news:
        async with asyncio.timeout(20):
            file.write_text(yaml.safe_dump({"hosts": {"night": {"uri": f"test://{host_file}"}}}), encoding="utf-8")
            assert (await anext(news)).kind == "config.reloaded"
            assert list(workspace.config.hosts) == ["night"]
            file.write_text("hosts: [", encoding="utf-8")
            event = await anext(news)
            assert event.kind == "config.refused"
            assert "watched.yaml' should be YAML but is not at line 1" in event.data["error"]
            assert list(workspace.config.hosts) == ["night"]
            for wrong, why in (
                ("[" * 1000, "should be YAML but is not: it is nested too deeply"),
                ("hosts: 2026-13-01", "should be YAML but is not: a number or date in it is none"),
                ("# nothing\n", "should name the hosts but is empty"),
            ):
                file.write_text(wrong, encoding="utf-8")
                event = await anext(news)
                assert (event.kind, event.is_warning) == ("config.refused", True)
                assert why in event.data["error"]
                assert list(workspace.config.hosts) == ["night"]
            # As an editor does it: a new file in the place of the old one.
            (tmp_path / "new").write_text("{}", encoding="utf-8")
            (tmp_path / "new").rename(file)
            assert (await anext(news)).kind == "config.reloaded"
            assert list(workspace.config.hosts) == []


SUITE = """\
*** Settings ***
Library    ATPLibrary
Library    OperatingSystem

*** Test Cases ***
A Run Takes Another Configuration
    Connect To VM    sales-001
    ${{changes}} =    Reload Configuration
    Should Be Empty    ${{changes}}[added]
    Create File    {config}    hosts: {{{{rack-1: {{{{uri: "{first}"}}}}, rack-2: {{{{uri: "{second}"}}}}}}}}
    ${{changes}} =    Reload Configuration
    Should Be Equal    ${{changes}}[added]    ${{{{("rack-2",)}}}}
    VM Should Be    running
    VM Should Exist    hr-002
    Create File    {config}    hosts: {{{{rack-1: {{{{url: nowhere}}}}}}}}
    Run Keyword And Expect Error    *atp.yaml ($ATP_CONFIG) is wrong: *hosts.rack-1.url: there is no such setting*
    ...    Reload Configuration
    VM Should Exist    hr-002
    Create File    {config}
    Run Keyword And Expect Error    Configuration file '*' should name the hosts but is empty*    Reload Configuration
    VM Should Exist    hr-002
"""


def test_a_suite_reloads_its_configuration(tmp_path: Path, host_file: Path, other_file: Path) -> None:
    config = tmp_path / "atp.yaml"
    first, second = f"test://{host_file}", f"test://{other_file}"
    config.write_text(yaml.safe_dump({"hosts": {"rack-1": {"uri": first}}}), encoding="utf-8")
    suite = tmp_path / "reload.robot"
    text = SUITE.format(config=config, first=first, second=second).replace("{{", "{").replace("}}", "}")
    suite.write_text(text.replace('${("rack-2",)}', '${{("rack-2",)}}'), encoding="utf-8")
    command = [sys.executable, "-m", "robot", "-d", str(tmp_path), "--log", "NONE", "--report", "NONE", str(suite)]
    ran = subprocess.run(
        command, env={**os.environ, "ATP_CONFIG": str(config)}, capture_output=True, text=True, timeout=60, check=False
    )
    tests = ExecutionResult(tmp_path / "output.xml").suite.all_tests
    assert [test.message for test in tests if not test.passed] == [], ran.stdout


async def test_whatever_is_wrong_with_a_file_the_next_one_is_followed(
    workspace: Workspace, host_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "watched.yaml"
    really = config_module.load

    def fails_once(*arguments: Any, **named: Any) -> Config:
        monkeypatch.setattr(config_module, "load", really)
        raise MemoryError("too much")

    monkeypatch.setattr(config_module, "load", fails_once)
    await workspace.config_watch.start(file)
    with workspace.bus.subscribe(lambda event: event.source == "workspace") as news:
        async with asyncio.timeout(20):
            text = yaml.safe_dump({"hosts": {"night": {"uri": f"test://{host_file}"}}})
            file.write_text(text, encoding="utf-8")
            assert "is not: MemoryError." in (await anext(news)).data["error"]
            file.write_text(text, encoding="utf-8")
            assert (await anext(news)).kind == "config.reloaded"
