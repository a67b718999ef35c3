"""The configuration's file with the platform's hosts put in: comments and everything else stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ATPLibrary.config import Config
from ATPLibrary.errors import ConfigError, InputError
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.config_hosts import HostChange, apply, edited, plan
from ATPLibrary.vdi.shapes.hosts import Host

pytestmark = pytest.mark.unit

NEW = HostChange("add", "三号机", "not configured", "qemu+tcp://10.0.0.3/system", "10.0.0.3")
OTHER_IP = HostChange("change", "rack-1", "its ip is 10.0.0.9", ip="10.0.0.1", was="10.0.0.9")

WRITTEN = """\
# ours
hosts:
  rack-1:            # the old one
    uri: qemu+tcp://10.0.0.1/system
    ip: 10.0.0.9     # by the cable
    password: "a secret"   # SASL
  # the next is in the cellar
  rack-2:
    uri: qemu:///system
    tags:
      - one
      - two

# and the platform
platforms:
  lab: {url: "http://platform.test", password: 'horse'}
"""


def test_a_new_host_goes_below_the_last_and_all_else_stays() -> None:
    assert edited(WRITTEN, [NEW], "atp.yaml") == WRITTEN.replace(
        "      - two\n",
        "      - two\n  三号机:\n    uri: qemu+tcp://10.0.0.3/system\n    ip: 10.0.0.3\n",
    )


def test_an_ip_is_changed_where_it_stands() -> None:
    assert edited(WRITTEN, [OTHER_IP], "atp.yaml") == WRITTEN.replace("10.0.0.9     #", "10.0.0.1     #")


def test_an_ip_that_wasn_t_there_is_put_beside_the_uri() -> None:
    change = HostChange("change", "rack-2", "its ip is not configured", ip="10.0.0.2")
    assert edited(WRITTEN, [change], "atp.yaml") == WRITTEN.replace(
        "    uri: qemu:///system\n", "    uri: qemu:///system\n    ip: 10.0.0.2\n"
    )


def test_an_ip_in_braces_is_changed_there_and_one_that_isn_t_there_is_left_to_a_person() -> None:
    text = "hosts:\n  rack-1: {ip: 10.0.0.9, uri: 'qemu:///system'}  # ours\n"
    assert edited(text, [OTHER_IP], "atp.yaml") == text.replace("10.0.0.9", "10.0.0.1")
    with pytest.raises(ConfigError, match=r"by hand: rack-1: \{ip: 10\.0\.0\.1\}"):
        edited(text.replace("ip: 10.0.0.9, ", ""), [OTHER_IP], "atp.yaml")


def test_a_host_that_only_the_environment_has_is_left_to_a_person() -> None:
    with pytest.raises(ConfigError, match="comes from the environment"):
        edited("hosts:\n  rack-7:\n    uri: qemu:///system\n", [OTHER_IP], "atp.yaml")


def test_several_changes_at_once() -> None:
    values = yaml.safe_load(edited(WRITTEN, [NEW, OTHER_IP], "atp.yaml"))
    assert list(values["hosts"]) == ["rack-1", "rack-2", "三号机"]
    assert values["hosts"]["rack-1"] == {
        "uri": "qemu+tcp://10.0.0.1/system", "ip": "10.0.0.1", "password": "a secret",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "qmp: auto",
        "hosts:\nqmp: auto\n",
        "hosts: {}  # none yet\nqmp: auto\n",
        "hosts: null\n",
        "platforms:\n  lab:\n    url: http://platform.test\n",
        "hosts:\n    far:\n        uri: qemu:///system\n",
        "hosts:\n  far: {uri: 'qemu:///system'}\n",
        "hosts:\n  far:\n    uri: qemu:///system",
        "hosts:\n  far:\n    uri: >-\n      qemu:///system\n\n# end\n",
    ],
)
def test_a_new_host_fits_however_the_file_is_written(text: str) -> None:
    after = edited(text, [NEW], "atp.yaml")
    assert yaml.safe_load(after)["hosts"]["三号机"] == {"uri": "qemu+tcp://10.0.0.3/system", "ip": "10.0.0.3"}
    for comment in ("# nothing yet", "# none yet", "# end"):
        assert (comment in text) == (comment in after)
    assert Config.model_validate(yaml.safe_load(after)).hosts["三号机"].ip == "10.0.0.3"


@pytest.mark.parametrize("text", ["{hosts: {a: {uri: 'qemu:///system'}}}", "hosts: {a: {uri: 'qemu:///system'}}\n"])
def test_what_is_written_in_braces_is_left_to_a_person_who_is_told_what_to_write(text: str) -> None:
    with pytest.raises(ConfigError, match=r"by hand: 三号机: \{uri: qemu\+tcp://10\.0\.0\.3/system, ip: 10\.0\.0\.3\}"):
        edited(text, [NEW], "atp.yaml")


def test_a_name_that_yaml_would_take_for_something_else_is_put_in_quotes() -> None:
    for name in ("yes", "17", "a: b", "- x", "null", "#1"):
        change = HostChange("add", name, "", "qemu+tcp://10.0.0.3/system", "10.0.0.3")
        assert list(yaml.safe_load(edited("", [change], "atp.yaml"))["hosts"]) == [name]


def test_the_file_is_written_whole_with_its_own_mode_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "atp.yaml"
    real.write_text(WRITTEN, encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    apply(link, [NEW])
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "三号机" in real.read_text(encoding="utf-8")
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_new_file_is_its_owners_only(tmp_path: Path) -> None:
    apply(tmp_path / "atp.yaml", [NEW])
    assert (tmp_path / "atp.yaml").stat().st_mode & 0o777 == 0o600


def test_a_file_that_would_not_be_a_configuration_any_more_is_put_back(tmp_path: Path) -> None:
    file = tmp_path / "atp.yaml"
    file.write_text(WRITTEN.replace("tags:", "no-such-setting:"), encoding="utf-8")
    before = file.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="no such setting"):
        apply(file, [NEW])
    assert file.read_text(encoding="utf-8") == before


# -- what would change


def planned(hosts: list[Host], configured: dict[str, dict[str, str]], uri: str = "qemu+tcp://{ip}/system") -> list[str]:
    workspace = Workspace(Config.model_validate({"hosts": configured}))
    return [" ".join(filter(None, (c.action, c.name, c.uri, c.ip, c.was))) for c in plan(workspace, hosts, uri)]


def host(name: str, ip: str | None) -> Host:
    return Host(id=name, name=name, ip=ip)


def test_each_host_is_added_changed_known_skipped_or_left() -> None:
    configured = {
        "one": {"uri": "qemu:///system", "ip": "10.0.0.1"},
        "two": {"uri": "qemu+ssh://root@10.0.0.2/system"},
        "three": {"uri": "qemu+tcp://10.1.0.3/system", "ip": "10.1.0.3"},
        "ours": {"uri": "qemu:///session"},
    }
    hosts = [
        host("a", "10.0.0.1"),
        host("b", "10.0.0.2"),
        host("three", "10.0.0.3"),
        host("new", "10.0.0.4"),
        host("x", None),
    ]
    assert planned(hosts, configured) == [
        "known one 10.0.0.1",
        "known two",
        "change three 10.0.0.3 10.1.0.3",
        "add new qemu+tcp://10.0.0.4/system 10.0.0.4",
        "skip x",
        "not listed ours qemu:///session",
    ]


def test_two_new_hosts_of_one_name_get_two_names() -> None:
    assert planned([host("n", "10.0.0.4"), host("n", "10.0.0.5")], {}) == [
        "add n qemu+tcp://10.0.0.4/system 10.0.0.4",
        "add n-10.0.0.5 qemu+tcp://10.0.0.5/system 10.0.0.5",
    ]


def test_the_uri_of_a_new_host_can_be_said_and_is_checked() -> None:
    assert planned([host("n", "10.0.0.4")], {}, "qemu+ssh://root@{ip}/system") == [
        "add n qemu+ssh://root@10.0.0.4/system 10.0.0.4"
    ]
    assert planned([host("n", "fd00::4")], {}) == ["add n qemu+tcp://[fd00::4]/system fd00::4"]
    with pytest.raises(InputError, match=r"nothing in braces but \{ip\} and \{name\}"):
        planned([host("n", "10.0.0.4")], {}, "qemu+tcp://{address}/system")
    with pytest.raises(ConfigError, match="qemuu"):
        planned([host("n", "10.0.0.4")], {}, "qemuu+tcp://{ip}/system")
