"""A libvirt that asks for user and password (SASL), as a remote one does."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.daemon_user import with_host_name
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.secrets import Secret
from ATPLibrary.transport import Credentials, HostConnection, HostState

pytestmark = pytest.mark.integration

USER, PASSWORD = "tester", "correct horse 42"
SASLPASSWD = shutil.which("saslpasswd2", path="/usr/sbin:/usr/bin:/sbin:/bin")


def make_users(directory: Path, host_name: str) -> None:
    """A SASL configuration for libvirtd, and a database with one user, in `directory`. SASL asks for the user of a host name."""
    directory.mkdir(exist_ok=True)
    database = directory / "users.db"
    (directory / "libvirt.conf").write_text(f"mech_list: scram-sha-256\nsasldb_path: {database}\n")
    command = [*with_host_name(host_name), str(SASLPASSWD), "-p", "-c", "-a", "libvirt", "-f", str(database), USER]
    subprocess.run(command, input=PASSWORD.encode(), check=True, capture_output=True, timeout=20)
    directory.chmod(0o755)  # the daemon may be another user
    database.chmod(0o644)


class AskingHost(LabHost):
    """A daemon that lets nobody in without a password of its own SASL database."""

    def _write_configuration(self) -> None:
        super()._write_configuration()
        configuration = self.directory / "libvirtd.conf"
        configuration.write_text(configuration.read_text() + 'auth_unix_rw = "sasl"\n')
        make_users(self.directory / "sasl2", self.host_name)

    def _environ(self) -> dict[str, str]:
        return {**super()._environ(), "SASL_CONF_PATH": str(self.directory / "sasl2")}


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[str]:
    """The URI of such a daemon."""
    if SASLPASSWD is None:
        pytest.skip("saslpasswd2 is not installed (Debian package sasl2-bin), so no SASL user can be made")
    short = short_directory(tmp_path)
    host = AskingHost("asking", str(uuid.uuid4()), "127.0.0.2", short / "a", tmp_path)
    try:
        host.start()  # its first client simply waits until it is ready
        yield host.uri
    finally:
        host.stop()
        if short.is_dir():
            short.rmdir()


async def test_user_and_password_let_us_in(asking: str, bus: EventBus) -> None:
    host = HostConnection("asking", asking, bus, credentials=Credentials(USER, Secret(PASSWORD)))
    await host.connect(30)
    assert await host.list_domains(10) == []
    await host.close(5)


async def test_a_wrong_password_is_refused_and_not_repeated(asking: str, bus: EventBus) -> None:
    host = HostConnection("asking", asking, bus, credentials=Credentials(USER, Secret("wrong battery 43")))
    with pytest.raises(HostError, match=r"refused: .*authentication.*Check the user's rights") as caught:
        await host.connect(30)
    assert "wrong battery 43" not in f"{caught.value} {bus.recent()}"
    assert host.state is HostState.FAILED


async def test_without_a_password_it_is_refused_at_once(asking: str, bus: EventBus) -> None:
    host = HostConnection("asking", asking, bus)
    with pytest.raises(HostError, match=r"refused: .*authentication"):
        await host.connect(30)
