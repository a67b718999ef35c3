"""A libvirt URI is checked before it is used."""

from __future__ import annotations

import pytest

from ATPLibrary.errors import ConfigError
from ATPLibrary.transport.uri import check_uri

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///system",
        "qemu:///session",
        "qemu:///embed?root=/tmp/x",
        "qemu+unix:///session?socket=/run/user/1000/libvirt/libvirt-sock",
        "qemu+tcp://10.0.0.5:16509/system",
        "qemu+ssh://root@host/system?keyfile=/k",
        "qemu+tls://[fe80::1]/system",
        "test:///default",
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
        ("qemu+tcp://host:99999/system", "Port out of range"),
        ("qemu+tcp://host:0/system", "has 0"),
        ("qemu+tcp://host", "has no path"),
        ("qemu+tcp://[fe80::1/system", "should be a URI"),
    ],
)
def test_a_mistake_is_named_with_host_and_example(uri: str, pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern) as caught:
        check_uri("lab", uri)
    assert "of host 'lab'" in str(caught.value)
    assert "qemu:///system" in str(caught.value)
