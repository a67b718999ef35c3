"""Hosts behind `qemu+ssh`: an sshd of the test's own, key, user, port and known_hosts from the URI, and each way to be refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ATPLibrary.errors import DeadlineError, HostError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.sshd import LabSshd, make_key
from ATPLibrary.transport import HostConnection, HostState

from .conftest import Connect, Daemon
from .test_tcp_and_tls import refused

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent of whoever runs the tests may hold keys that fit."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


async def test_user_key_port_and_known_hosts_of_the_uri_lead_to_the_host(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    host = HostConnection("rack", sshd.uri(a_daemon.host), bus)
    await host.connect(30)
    assert await host.list_domains(10) == []
    assert not host.is_local
    assert os.listdir(temporary)
    await host.close(5)
    assert os.listdir(temporary) == []  # what was made for ssh


async def test_a_known_hosts_file_with_odd_characters_in_its_name_is_found(
    a_daemon: Daemon, sshd: LabSshd, tmp_path: Path, connect: Connect
) -> None:
    odd = tmp_path / "my known%hosts 'of' rack"
    shutil.copyfile(sshd.known_hosts, odd)
    host = await connect(sshd.uri(a_daemon.host, known_hosts=odd).replace("+", "%20").replace("qemu%20ssh", "qemu+ssh"))
    assert await host.list_domains(10) == []


async def test_a_wrong_key_is_refused_and_nobody_is_asked(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, tmp_path: Path
) -> None:
    said = await refused(sshd.uri(a_daemon.host, keyfile=make_key(tmp_path / "other")), bus)
    assert "Permission denied (publickey)" in said
    assert "Check the user before '@' and keyfile= of the URI" in said


async def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, tmp_path: Path
) -> None:
    locked = make_key(tmp_path / "locked", "open sesame")
    shutil.copyfile(locked.with_suffix(".pub"), sshd.directory / "authorized_keys")  # it would fit
    uri = sshd.uri(a_daemon.host, keyfile=locked)
    assert "Permission denied (publickey)" in await refused(uri, bus)
    host = HostConnection("rack", uri, bus)
    with pytest.raises(HostError, match=r"SSH to host 'rack' .*should let us in but refused"):
        await host.sockets.open(Path("/x"), 10)
    await host.close(5)


async def test_a_wrong_user_is_refused(a_daemon: Daemon, sshd: LabSshd, bus: EventBus) -> None:
    uri = sshd.uri(a_daemon.host).replace(f"//{sshd.user}@", "//nobody-of-that-name@")
    said = await refused(uri, bus)
    assert "nobody-of-that-name@127.0.0.1: Permission denied" in said
    assert "Check the user before '@' and keyfile= of the URI" in said


async def test_an_unknown_host_key_is_refused_and_nobody_is_asked(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    said = await refused(sshd.uri(a_daemon.host, known_hosts=empty), bus)
    assert "Host key verification failed" in said
    assert "name the file with known_hosts= in the URI" in said
    assert empty.read_text() == ""


async def test_another_host_key_than_the_known_one_is_refused_in_one_sentence(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n")
    said = await refused(sshd.uri(a_daemon.host, known_hosts=known), bus)
    assert "its host key is another one than known_hosts has" in said
    assert "@@@@" not in said


async def test_a_wrong_port_is_refused(a_daemon: Daemon, sshd: LabSshd, bus: EventBus) -> None:
    said = await refused(sshd.uri(a_daemon.host).replace(f":{sshd.port}", ":1"), bus)
    assert "connect to host 127.0.0.1 port 1: Connection refused" in said
    assert "Check that sshd runs there and listens on that address and port" in said


async def test_a_libvirtd_that_is_not_there_is_told_from_an_ssh_that_is_not(
    a_daemon: Daemon, sshd: LabSshd, bus: EventBus, tmp_path: Path
) -> None:
    said = await refused(sshd.uri(a_daemon.host, socket=tmp_path / "nothing"), bus)
    assert "No such file or directory" in said
    assert "Check that libvirtd runs there" in said


async def test_a_host_comes_back_when_sshd_does(
    a_daemon: Daemon, start_sshd: Callable[..., LabSshd], connect: Connect
) -> None:
    sshd = start_sshd()
    host = await connect(sshd.uri(a_daemon.host))
    sshd.stop()
    await host.wait_for_state(lambda state: state is HostState.FAILED, 20, "be failed")
    with pytest.raises(HostError, match="is gone"):
        await host.call("define", lambda connection: None, timeout=5)
    sshd.start()
    await host.wait_for_state(lambda state: state is HostState.CONNECTED, 20, "be connected again")
    assert await host.list_domains(10) == []


async def test_a_caller_who_leaves_a_silent_ssh_is_let_go(bus: EventBus) -> None:
    """Somebody listens but says nothing: the deadline ends the wait, and no prompt does."""
    callers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda reader, writer: callers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    host = HostConnection("rack", f"qemu+ssh://127.0.0.1:{port}/system", bus)
    with pytest.raises(DeadlineError, match=r"should accept a connection within 0\.5 s but did not answer"):
        await host.connect(0.5)
    for caller in callers:
        caller.close()
    server.close()
    await host.close(5)
