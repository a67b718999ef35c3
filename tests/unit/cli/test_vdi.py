"""`atp vdi`: what it prints and how it ends. Comparing with real hypervisors is tests/integration/lab_platform's."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.cli.root import main

from .conftest import PASSWORD

pytestmark = pytest.mark.unit


@pytest.fixture
def atp(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `atp vdi ...` and returns exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["vdi", *arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, out, err

    return run


HOSTS = [
    {
        "id": "h1",
        "name": "一号机",
        "ip": "192.0.2.1",
        "status": 1,
        "cpuSize": 8,
        "memory": 125.47,
        "runningDomainCount": 3,
    },
    {"id": "h2", "name": "rack-2", "ip": "192.0.2.2", "status": 3},
]


def test_hosts_are_listed_with_what_we_call_them_in_columns_that_fit_chinese(
    atp: Any, platform: Any, atp_yaml: Path
) -> None:
    platform.lists["host"] = HOSTS
    code, out, _ = atp("list-hosts")
    assert code == 0
    assert out.splitlines() == [
        "NAME    IP         STATUS   RUNNING VMS  CPUS  MEMORY GIB  CONFIGURED AS  ID",
        "一号机  192.0.2.1  enabled  3            8     125.47      rack-1         h1",
        "rack-2  192.0.2.2  offline                                                h2",
    ]


def test_hosts_as_json_have_the_same_and_null_for_what_isn_t_there(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.lists["host"] = HOSTS
    first, second = json.loads(atp("list-hosts", "--json")[1])
    assert first == {
        "name": "一号机", "ip": "192.0.2.1", "status": "enabled", "running_vms": 3, "cpus": 8, "memory_gib": 125.47,
        "configured_as": "rack-1", "id": "h1",
    }  # fmt: skip
    assert (second["status"], second["configured_as"], second["cpus"]) == ("offline", None, None)


def test_vms_are_listed_by_host_and_a_name_can_t_steer_the_terminal(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.lists["host"] = HOSTS
    platform.lists["domain"] = [
        {
            "id": "v1",
            "name": "sales\x1b[31m",
            "status": 1,
            "hostId": "h1",
            "hostName": "一号机",
            "cpu": 2,
            "memory": 4096,
        },
        {"id": "v2", "name": "hr", "status": 9, "hostId": "h2"},
    ]
    assert atp("list-vms", "--host", "一号机")[1].splitlines()[1:] == [
        "sales\N{REPLACEMENT CHARACTER}[31m  running  一号机  2    4096              v1"
    ]
    assert [vm["status"] for vm in json.loads(atp("list-vms", "--json")[1])] == ["running", "code 9"]


def test_nothing_to_list_is_said_and_is_an_empty_list_in_json(atp: Any, atp_yaml: Path) -> None:
    assert atp("list-vms") == (0, "", "The platform lists no VMs.\n")
    assert atp("list-vms", "--json")[:2] == (0, "[]\n")


# -- sync-hosts


def test_what_sync_hosts_would_change_is_shown_and_nothing_is_written(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.lists["host"] = HOSTS
    before = atp_yaml.read_bytes()
    code, out, err = atp("sync-hosts")
    assert code == 1
    assert out.splitlines()[1:] == [
        "known   rack-1  192.0.2.1                               known by its ip",
        "add     rack-2  192.0.2.2  qemu+tcp://192.0.2.2/system  not configured",
    ]
    assert err == f"1 host would change in {atp_yaml}: say --write.\n"
    assert atp_yaml.read_bytes() == before


def test_sync_hosts_writes_the_new_host_and_keeps_comments_and_secrets(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.lists["host"] = HOSTS
    before = atp_yaml.read_text(encoding="utf-8")
    code, out, err = atp("sync-hosts", "--write", "--uri", "qemu+ssh://root@{ip}/system")
    assert (code, err) == (0, f"1 host written into {atp_yaml}.\n")
    assert "secret" not in out
    new = "  rack-2:\n    uri: qemu+ssh://root@192.0.2.2/system\n    ip: 192.0.2.2\n"
    assert atp_yaml.read_text(encoding="utf-8") == before.replace("platforms:\n", f"{new}platforms:\n")
    assert atp("sync-hosts")[0] == 0, "nothing is left to change"


def test_sync_hosts_as_json_says_whether_it_was_written(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.lists["host"] = HOSTS
    code, out, _ = atp("sync-hosts", "--json", "--write")
    told = json.loads(out)
    assert (code, told["file"], told["written"]) == (0, str(atp_yaml), True)
    assert [host["action"] for host in told["hosts"]] == ["known", "add"]


# -- how it ends


def test_without_any_host_verify_is_no_agreement(atp: Any, atp_yaml: Path, platform: Any) -> None:
    atp_yaml.write_text(
        f"platforms: {{lab: {{url: '{platform.url}', username: tester, password: '{PASSWORD}'}}}}\n", encoding="utf-8"
    )
    code, out, err = atp("verify")
    assert (code, out) == (2, "")
    assert "A host should be in" in err


def test_a_refused_login_is_3_with_the_platform_s_own_words(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.refuses_logins = True
    code, _, err = atp("list-hosts")
    assert code == 3
    assert "用户名或密码错误" in err
    assert PASSWORD not in err


def test_a_silent_platform_is_4(atp: Any, platform: Any, atp_yaml: Path) -> None:
    platform.silent.set()
    code, _, err = atp("list-hosts", "--timeout", "0.3")
    assert code == 4
    assert "within 0.3 s" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list-hosts", "--platform", "labb"], "Did you mean 'lab'?"),
        (["list-hosts", "--timeout", "0"], "0.0 is not in the range x>0"),
        (["list-hosts", "--config", "/nowhere.yaml"], "/nowhere.yaml"),
        (["verify", "--grace", "-1"], "x>=0"),
        (["verify", "--everything"], "No such option"),
        (["sync-hosts", "--uri", "qemu+tcp://{address}/system"], "nothing in braces but {ip} and {name}"),
    ],
)
def test_wrong_usage_is_2(atp: Any, platform: Any, atp_yaml: Path, arguments: list[str], said: str) -> None:
    platform.lists["host"] = HOSTS
    code, _, err = atp(*arguments)
    assert code == 2
    assert said in err


# -- the password


@pytest.fixture
def without_password(atp_yaml: Path) -> Path:
    text = atp_yaml.read_text(encoding="utf-8")
    atp_yaml.write_text(text.replace(f', password: "{PASSWORD}"', ""), encoding="utf-8")
    return atp_yaml


def digest(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()


def test_a_password_that_nobody_can_type_is_asked_for_in_the_environment(atp: Any, without_password: Path) -> None:
    code, _, err = atp("list-hosts")
    assert code == 2
    assert "Set ATP__PLATFORMS__LAB__PASSWORD in the environment" in err


def test_the_environment_s_password_is_taken(
    atp: Any, platform: Any, without_password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATP__PLATFORMS__LAB__PASSWORD", "from the environment")
    assert atp("list-hosts")[0] == 0
    assert platform.logins[0]["password"] == digest("from the environment")


def test_at_a_terminal_the_password_is_asked_for_and_not_shown(
    atp: Any, platform: Any, without_password: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: "typed by hand")
    code, out, err = atp("list-hosts")
    assert code == 0
    assert platform.logins[0]["password"] == digest("typed by hand")
    assert "typed by hand" not in out + err


def test_help_of_the_group_and_of_a_command_loads_nothing_heavy() -> None:
    program = """
import sys
from ATPLibrary.cli import main
for arguments in (["vdi", "--help"], ["vdi", "verify", "--help"]):
    try:
        main(arguments)
    except SystemExit:
        pass
heavy = {"robot", "libvirt", "pydantic", "httpx", "yaml", "asyncio", "ATPLibrary.orchestrator", "ATPLibrary.vdi"}
print("LOADED", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "verify" in done.stdout
    assert "atp vdi verify --only-diff" in done.stdout
    assert done.stdout.endswith("LOADED []\n")
