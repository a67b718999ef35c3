"""What a URI says of SSH, and how plain `ssh` is told it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from ATPLibrary.errors import ConfigError
from ATPLibrary.transport.ssh_target import LibvirtUri, SshTarget, ssh_target
from ATPLibrary.transport.uri import check_uri

pytestmark = pytest.mark.unit


def test_a_uri_names_user_host_port_key_and_known_hosts() -> None:
    uri = "qemu+ssh://root@10.0.0.5:2222/system?keyfile=/k&known_hosts=/f"
    assert check_uri("rack", uri) == uri
    wanted = SshTarget("10.0.0.5", "root", 2222, Path("/k"), Path("/f"))
    assert ssh_target(uri) == wanted
    assert str(wanted) == "root@10.0.0.5:2222"


def test_what_the_uri_does_not_say_is_left_to_the_user_s_own_configuration() -> None:
    assert ssh_target("qemu+ssh://rack/system") == SshTarget("rack")


@pytest.mark.parametrize(
    "uri", ["qemu:///system", "qemu+tls://h/system", "qemu+unix:///session?socket=/s", "test:///default"]
)
def test_other_ways_are_no_ssh(uri: str) -> None:
    assert ssh_target(uri) is None
    assert LibvirtUri(uri)() == uri


@pytest.mark.parametrize("parameter", ["no_verify=1", "known_hosts_verify=ignore"])
def test_a_host_key_is_not_looked_at_only_where_the_uri_says_so(parameter: str) -> None:
    scheme = "qemu+ssh" if parameter.startswith("no") else "qemu+libssh"
    target = ssh_target(f"{scheme}://h/system?{parameter}")
    assert target is not None
    assert not target.verify


def test_a_known_hosts_file_must_have_an_absolute_path() -> None:
    with pytest.raises(ConfigError, match=r"should have an absolute path in 'known_hosts='"):
        check_uri("rack", "qemu+ssh://h/system?known_hosts=known")


def test_ssh_is_told_what_libvirt_can_not_tell_it(tmp_path: Path) -> None:
    """A program in the place of ssh shows what it is called with."""
    show = tmp_path / "show"
    show.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    show.chmod(0o755)
    known = quote("/my known 100%/$(hosts)")
    uri = LibvirtUri(f"qemu+ssh://h/system?known_hosts={known}&command={show}&keyfile=/k")
    (script,) = parse_qs(urlsplit(uri()).query)["command"]
    said = subprocess.run(
        [script, "-p", "22", "--", "h", "virt-ssh-helper"], capture_output=True, text=True, check=True
    )
    words = said.stdout.splitlines()
    assert words[:2] == ["-o", "BatchMode=yes"]
    assert 'UserKnownHostsFile="/my known 100%%/$(hosts)"' in words
    assert words[-5:] == ["-p", "22", "--", "h", "virt-ssh-helper"]
    assert parse_qs(urlsplit(uri()).query)["keyfile"] == ["/k"]
    uri.forget()
    assert not Path(script).exists()
    assert Path(parse_qs(urlsplit(uri()).query)["command"][0]).exists()
    uri.forget()
