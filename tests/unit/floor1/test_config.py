"""Configuration: found in order, overridden from the environment, refused with one sentence that names the entry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ATPLibrary import config
from ATPLibrary.errors import ConfigError

pytestmark = pytest.mark.unit

WHOLE = """
hosts:
  lab-a: {uri: "test:///default", ip: 127.0.0.2, tags: [lab]}
platforms:
  lab: {url: "http://127.0.0.1:8088", username: admin, password: hunter22}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "atp.yaml"
    path.write_text(WHOLE)
    return path


def test_a_file_gives_hosts_and_platforms_with_their_names(file: Path) -> None:
    loaded = config.load(file, {})
    assert (loaded.hosts["lab-a"].name, loaded.hosts["lab-a"].tags) == ("lab-a", ("lab",))
    password = loaded.platform_settings().password
    assert password is not None
    assert password.reveal() == "hunter22"


def test_no_secret_is_printed(file: Path) -> None:
    loaded = config.load(file, {})
    assert "hunter22" not in f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"


def test_the_order_is_path_then_variable_then_working_directory_then_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/config.yaml").write_text("typing: {layout: lab}")
    (tmp_path / "atp.yaml").write_text("typing: {layout: here}")
    (tmp_path / "named.yaml").write_text("typing: {layout: named}")
    (tmp_path / "path.yaml").write_text("typing: {layout: path}")
    monkeypatch.chdir(tmp_path)
    lab = {"ATP_LAB_DIR": str(tmp_path / "lab")}
    assert config.load("path.yaml", {**lab, "ATP_CONFIG": "named.yaml"}).typing.layout == "path"
    assert config.load(None, {**lab, "ATP_CONFIG": "named.yaml"}).typing.layout == "named"
    assert config.load(None, lab).typing.layout == "here"
    (tmp_path / "atp.yaml").unlink()
    assert config.load(None, lab).typing.layout == "lab"


def test_the_environment_overrides_without_regard_to_case_and_dashes(file: Path) -> None:
    environ = {
        "ATP__HOSTS__LAB_A__IP": "10.0.0.1",
        "atp__timeouts__command": "3",
        "ATP__PLATFORMS__LAB__PASSWORD": "12345678",
    }
    loaded = config.load(file, environ)
    assert (loaded.hosts["lab-a"].ip, loaded.timeouts.command) == ("10.0.0.1", 3.0)
    password = loaded.platform_settings("lab").password
    assert password is not None
    assert password.reveal() == "12345678"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hosts: [", r"should be YAML but is not at line 1, column \d+"),
        ("- a list", r"should hold names and values \(hosts:, platforms:, ...\) but is a list"),
        ("hosts: {a: {}}", r"hosts\.a\.uri: is missing"),
        ("host: {}", r"host: there is no such setting; did you mean 'hosts'\?"),
        ("platforms: {a: {url: 'http://x', usrname: y}}", r"platforms\.a\.usrname: .* did you mean 'username'\?"),
        ("platforms: {a: {url: 'ftp://x'}}", r"platforms\.a\.url: "),
        ("timeouts: {command: -1}", r"timeouts\.command: Input should be greater than 0"),
        ("qmp: carrier-pigeon", r"qmp: Input should be 'auto', 'libvirt' or 'direct'"),
        ("platform: nowhere", r"'nowhere' is not one of platforms \(none\)"),
        (
            "platforms: {a: {url: 'http://x', password: 12345678}}",
            r"platforms\.a\.password: Input should be text: put it in quotes",
        ),
    ],
)
def test_a_malformed_file_gets_one_sentence_that_names_the_entry(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(path, {})
    assert re.search(sentence, str(caught.value)), str(caught.value)
    assert "bad.yaml" in str(caught.value)
    assert "12345678" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml' should be readable but is not: No such file"):
        config.load(tmp_path / "none.yaml", {})


def test_a_file_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "gbk.yaml"
    path.write_bytes("hosts: {} # 主机".encode("gbk"))
    with pytest.raises(ConfigError, match=r"is not: it is not UTF-8 text\. Save it as UTF-8"):
        config.load(path, {})


def test_an_unknown_host_names_its_neighbours(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"Host 'lab-q' should be in .*atp\.yaml.* Did you mean 'lab-a'\?"):
        config.load(file, {}).host_settings("lab-q")


def test_without_any_file_the_sentence_says_where_was_looked_and_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = config.load(None, {"ATP_LAB_DIR": str(tmp_path / "lab")})
    with pytest.raises(ConfigError, match=r"no file: looked for atp\.yaml and .*lab/config\.yaml.* 'atp lab up'"):
        loaded.platform_settings()
