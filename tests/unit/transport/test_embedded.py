"""An embedded libvirt's directory, and what to do when it, or a daemon of this machine, can't be opened."""

from __future__ import annotations

import os
from pathlib import Path

import libvirt
import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.transport import embedded
from ATPLibrary.transport.failures import cannot_open

pytestmark = pytest.mark.unit


def test_only_an_embedded_uri_has_a_root() -> None:
    assert embedded.root_of("qemu:///embed?root=/srv/a%20b") == Path("/srv/a b")
    assert embedded.root_of("qemu:///system") is None
    assert embedded.root_of("qemu+unix:///system?socket=/embed") is None


def test_qemu_conf_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "root" / "etc" / "qemu.conf"
    embedded.prepare("here", tmp_path / "root")
    assert 'stdio_handler = "file"' in file.read_text()
    file.write_text("# mine")
    embedded.prepare("here", tmp_path / "root")
    assert file.read_text() == "# mine"


def test_a_directory_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        HostError, match=r"The directory '.*/file' of host 'here' should be made but was not: Not a dir"
    ):
        embedded.prepare("here", tmp_path / "file")


@pytest.mark.parametrize(
    ("uri", "said", "step"),
    [
        ("qemu:///embed?root=/r", "Failed to parse user 'libvirt-qemu'", "install Debian's libvirt-daemon-system"),
        ("qemu:///embed?root=/r", "Failed to acquire pid file '/r/run'", "One process at a time"),
        ("qemu:///embed?root=/r", "already open with path '/q'", "use one root="),
        ("qemu:///embed?root=/r", "qemu state driver is not active", "run again"),
        ("qemu:///system", "Missing URI parameter 'root'", "can't reach a daemon of its own machine"),
        ("qemu+unix:///system", "no connection driver available for it", "can't reach a daemon of its own machine"),
        (
            "qemu:///system",
            "Failed to connect: No such file or directory",
            "qemu+unix:///system?socket=/path/libvirt-sock",
        ),
        ("qemu+tcp://h/system", "Connection refused", "listens on that address"),
    ],
)
def test_what_can_not_be_opened_has_a_next_step(uri: str, said: str, step: str) -> None:
    assert step in str(cannot_open("here", uri, libvirt.libvirtError(said)))


def test_root_is_told_that_it_has_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = libvirt.libvirtError("Failed to connect socket: No such file or directory")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "libvirt takes /session to mean /system" in str(cannot_open("here", "qemu:///session", missing))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "qemu+unix:///session?socket=" in str(cannot_open("here", "qemu:///session", missing))
