"""A libvirt URI is checked before it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.errors import ConfigError
from ATPLibrary.transport.uri import check_local_files, check_uri

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///system",
        "qemu:///session",
        "qemu:///embed?root=/tmp/x",
        "qemu+unix:///session?socket=/run/user/1000/libvirt/libvirt-sock",
        "qemu+tcp://10.0.0.5:16509/system",
        "qemu+ssh://root@host:2222/system?keyfile=/k&no_verify=1&socket=/s",
        "qemu+libssh2://root@host/session?known_hosts=/f&known_hosts_verify=auto&sshauth=privkey",
        "qemu+libssh://host/system?proxy=native",
        "qemu+tls://[fe80::1]/system",
        "qemu+tls://host:16514/system?no_verify=1&pkipath=/certificates",
        "qemu://host/system?pkipath=/p",
        "qemu+ext:///system?command=/bin/nc",
        "qemu:///system?mode=direct",
        "qemu:///embed?root=/tmp/embedded",
        "test:///default",
        f"test://{__file__}",
        "test+unix:///default?socket=/s",
        "esx://vcenter/?no_verify=1",
    ],
)
def test_what_libvirt_knows_is_left_as_it_is(uri: str) -> None:
    assert check_uri("lab", uri) == uri


@pytest.mark.parametrize(
    ("uri", "pattern"),
    [
        ("", "is empty"),
        ("qemu:/// system", "has a space"),
        ("qemu", "should start with DRIVER://"),
        ("/var/run/libvirt", "should start with DRIVER://"),
        ("qmeu:///system", r"starts with 'qmeu'\. Did you mean 'qemu'"),
        ("qemu+tpc://host/system", r"has 'tpc'\. Did you mean 'tcp'"),
        ("qemu+ssh:///system", r"which '\+ssh' needs"),
        ("qemu+tcp://host:99999/system", "a port from 1 to 65535 but has '99999'"),
        ("qemu+tcp://host:sixteen/system", "a port from 1 to 65535 but has 'sixteen'"),
        ("qemu+tcp://host:0/system", "has '0'"),
        ("qemu+ssh://-oProxyCommand=x/system", "that don't begin with '-'"),
        ("qemu:///system#2", "have no '#' but has '#2'"),
        ("qemu+unix:///system?socket=/a&socket=/b", "say 'socket=' once but says it 2 times"),
        ("qemu+tcp://host", "has no path"),
        ("qemu+tcp://[fe80::1/system", "should be a URI"),
        ("qemu:///sytem", r"as its path .*has '/sytem'\. Did you mean '/system'"),
        ("qemu+://host/system", r"after '\+'"),
        ("qemu+unix://host/system", r"'\+unix' stays on this machine"),
        ("qemu+tcp://tester@host/system", r"names user 'tester', .*Say it with 'username'"),
        ("qemu+ssh://root@host/system?keyfile=id_rsa", "an absolute path in 'keyfile=' but has 'id_rsa'"),
        ("qemu+ssh://root@host/system?key=/k", r"has 'key'\. Did you mean 'keyfile'"),
        ("qemu+tcp://host/system?socket=/s", "has 'socket'"),
        ("qemu+unix:///session?sokcet=/s", r"has 'sokcet'\. Did you mean 'socket'"),
        ("qemu+tls://host/system?no_verify=yes", r"in 'no_verify=' one of 0, 1 but has 'yes'"),
        ("qemu+libssh2://h/system?known_hosts_verify=atuo", "Did you mean 'auto'"),
        ("qemu:///embed", "say in 'root='"),
        ("qemu:///embed?root=relative", "absolute path in 'root='"),
        ("qemu+ssh://host/embed?root=/r", "wants /embed through a connection"),
        ("test:///", "end with /default"),
        ("test:///defualt", "/default or the path of an XML file but has '/defualt', which is no file"),
    ],
)
def test_a_mistake_is_named_with_host_and_example(uri: str, pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern) as caught:
        check_uri("lab", uri)
    assert "of host 'lab'" in str(caught.value)
    assert "qemu:///system" in str(caught.value)


def test_a_password_in_a_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="have no password in it") as caught:
        check_uri("lab", "qemu+ssh://root:hunter2@host/system")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="has a space") as caught:
        check_uri("lab", "qemu+ssh://root:hunter2@host/ system")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "pattern"),
    [
        ("+ssh://h/system?keyfile={}", r"name in 'keyfile=' a private key .*'{}' can't be found"),
        ("+libssh2://h/system?known_hosts={}", r"name in 'known_hosts=' a file .*'{}' can't be found"),
        ("+tls://h/system?pkipath={}", r"name in 'pkipath=' a directory .*'{}' can't be found"),
    ],
)
def test_a_local_file_that_is_not_there_is_named(tmp_path: Path, part: str, pattern: str) -> None:
    gone = tmp_path / "gone"
    uri = "qemu" + part.format(gone)
    with pytest.raises(ConfigError, match=pattern.format(gone)):
        check_local_files("lab", uri)
    if "pkipath" in part:
        gone.mkdir()
    else:
        gone.write_text("there")
    check_local_files("lab", uri)


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+ssh://h/system?known_hosts=/nowhere&no_verify=1",
        "qemu+libssh://h/system?known_hosts=/nowhere&known_hosts_verify=auto",
        "qemu+ssh://h/system?keyfile=/nowhere&command=/bin/elsewhere",
        "qemu+ssh://h/system?socket=/far/away",
        "test:///default",
    ],
)
def test_a_file_that_is_not_read_here_need_not_be_there(uri: str) -> None:
    check_local_files("lab", uri)
