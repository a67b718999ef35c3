"""What can be said to the agent, and what it says to what it doesn't understand."""

from __future__ import annotations

import pytest

from atp_guest_agent.links.address import Address, AddressError
from atp_guest_agent.options import UsageError, read

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ws://10.0.2.2", ("ws", False, "10.0.2.2", 8765, "/", "")),
        ("wss://atp.example.org:443/agents?x=1", ("wss", True, "atp.example.org", 443, "/agents?x=1", "")),
        ("tcp://host", ("tcp", False, "host", 8766, "/", "")),
        ("tcp+tls://[fe80::1]:1", ("tcp+tls", True, "fe80::1", 1, "/", "")),
        ("unix:///run/atp.sock", ("unix", False, "", 0, "/", "/run/atp.sock")),
    ],
)
def test_an_address_is_read(text, place):
    address = Address(text)
    found = (address.scheme, address.is_tls, address.host, address.port, address.target, address.path)
    assert (found, str(address)) == (place, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.2.2:8765", "should begin with one of ws://"),
        ("http://x", "should begin with"),
        ("ws://", "names no host"),
        ("ws://user:password@host", "no user"),
        ("ws://host/#part", "no #"),
        ("tcp://host:99999", "port from 1 to 65535"),
        ("tcp://host:x", "port from 1 to 65535"),
        ("tcp://host/path", "end after the port"),
        ("tcp://[::1", "IPv6"),
        ("unix://relative", "third"),
        ("ws://a b", "characters"),
        ("ws://host\r\nX: y", "characters"),
    ],
)
def test_what_is_no_address_is_refused_in_words(text, why):
    with pytest.raises(AddressError, match=why):
        Address(text)


def test_the_command_line_goes_before_the_file(tmp_path):
    file = tmp_path / "agent.conf"
    file.write_text(
        "# where we dial\nconnect = ws://a tcp://b\nconnect = unix:///c\n\ntoken-file = /etc/token\nvm-id=7\ngrab = yes\n"
    )
    options = read(["--config", str(file), "--vm-id=8"])
    assert [str(address) for address in options.connect] == ["ws://a", "tcp://b", "unix:///c"]
    assert (options.token_file, options.vm_id, options.port, options.ca_file, options.grab) == (
        "/etc/token",
        "8",
        None,
        None,
        True,
    )
    only = read(["--config", str(file), "--connect", "ws://z"])
    assert [str(address) for address in only.connect] == ["ws://z"]


def test_the_usual_file_is_read_if_it_is_there(tmp_path):
    file = tmp_path / "agent.conf"
    assert read([], str(file)).connect == []
    file.write_text("connect = ws://a\n")
    assert [str(address) for address in read([], str(file)).connect] == ["ws://a"]
    with pytest.raises(FileNotFoundError):
        read(["--config", str(tmp_path / "another")])


@pytest.mark.parametrize(
    "line", ["conect = ws://a", "connect", "connect =", "config = /x", "grab = maybe", "connect ws://a"]
)
def test_a_line_that_is_none_is_named(tmp_path, line):
    file = tmp_path / "agent.conf"
    file.write_text(f"vm-id = 7\n{line}\n")
    with pytest.raises(UsageError, match="line 2"):
        read(["--config", str(file)])


@pytest.mark.parametrize("arguments", [["--nope"], ["--connect"], ["connect"], ["--connect", "nonsense"], ["--grab=x"]])
def test_what_is_no_option_is_refused(arguments):
    with pytest.raises(UsageError):
        read(arguments, "/nowhere")


@pytest.mark.parametrize("action", ["--version", "--help", "--systemd-unit"])
def test_an_action_needs_nothing_else(action):
    assert read([action], "/nowhere").action == action
    assert read(["-h"], "/nowhere").action == "--help"
