"""Hosts behind `qemu+tcp` and `qemu+tls`: daemons of the test's own, certificates made by it, and each way to be refused."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.secrets import Secret
from ATPLibrary.transport import Credentials, HostConnection, HostState

from .certificates import Authority
from .test_sasl import PASSWORD, SASLPASSWD, USER, make_users

pytestmark = pytest.mark.integration

HERE = "127.0.0.1"
EXPIRED = datetime.timedelta(hours=-1)


class ListeningHost(LabHost):
    """A daemon that listens on a TCP port of its own, and on nothing else (libvirtd-tcp.socket of its systemd units)."""

    scheme = "tcp"
    asks = "none"  # whom it lets in: "sasl" with user and password

    @cached_property
    def bound(self) -> socket.socket:
        """Its port; ours as well, until the test closes it."""
        return socket.create_server((HERE, 0))

    @property
    def uri(self) -> str:
        return f"qemu+{self.scheme}://{HERE}:{self.bound.getsockname()[1]}/session"

    def _listen(self) -> socket.socket:
        return self.bound.dup()

    def _environ(self) -> dict[str, str]:
        return {**super()._environ(), "LISTEN_FDNAMES": f"libvirtd-{self.scheme}.socket"}

    def _write_configuration(self) -> None:
        super()._write_configuration()
        configuration = self.directory / "libvirtd.conf"
        configuration.write_text(f'{configuration.read_text()}auth_{self.scheme} = "{self.asks}"\n{self._more()}')

    def _more(self) -> str:
        return ""


class TlsHost(ListeningHost):
    scheme = "tls"

    @cached_property
    def files(self) -> dict[str, Path]:
        """What it identifies itself with, by libvirtd's names for it."""
        return {}

    def wears(self, authority: Path, certificate: Path, key: Path) -> None:
        self.files.update(ca_file=authority, cert_file=certificate, key_file=key)

    def _more(self) -> str:
        lines = ""
        for setting, file in self.files.items():
            copy = self.directory / file.name  # the daemon may be another user
            shutil.copyfile(file, copy)
            copy.chmod(0o644)
            lines += f'{setting} = "{copy}"\n'
        return lines


class AskingTlsHost(TlsHost):
    """As production has it: TLS for the way, SASL for who we are."""

    asks = "sasl"

    def _more(self) -> str:
        make_users(self.directory / "sasl2", self.host_name)
        return super()._more()

    def _environ(self) -> dict[str, str]:
        return {**super()._environ(), "SASL_CONF_PATH": str(self.directory / "sasl2")}


class Pki:
    """Two authorities, a server certificate for 127.0.0.1, and directories as a client has them (`pkipath`)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ours = Authority(directory, "our-ca")
        self.other = Authority(directory, "other-ca")

    def client(self, name: str, authority: Authority, certificate: tuple[Path, Path] | None) -> Path:
        """What a client has: the CA that it trusts, and its own certificate and key, if any."""
        files = self.directory / name
        files.mkdir()
        shutil.copyfile(authority.file, files / "cacert.pem")
        if certificate is not None:
            shutil.copyfile(certificate[0], files / "clientcert.pem")
            shutil.copyfile(certificate[1], files / "clientkey.pem")
        return files

    def good_client(self) -> Path:
        return self.client("good", self.ours, self.ours.client("tester"))


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    directory = tmp_path / "pki"
    directory.mkdir()
    return Pki(directory)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[type[ListeningHost], Callable[[TlsHost], None]], ListeningHost]]:
    """Call it with a kind of host, and with what to do to it before it starts."""
    short = short_directory(tmp_path)
    hosts: list[ListeningHost] = []

    def started(kind: type[ListeningHost], prepare: Callable[[TlsHost], None] = lambda host: None) -> ListeningHost:
        host = kind(f"h{len(hosts)}", str(uuid.uuid4()), "127.0.0.2", short / f"h{len(hosts)}", tmp_path)
        hosts.append(host)
        if isinstance(host, TlsHost):
            prepare(host)
        host.start()  # its first client simply waits until it is ready
        return host

    yield started
    for host in hosts:
        host.stop()
        host.bound.close()
    with contextlib.suppress(OSError):
        short.rmdir()


Start = Callable[..., ListeningHost]


@pytest.fixture
def tls_host(start: Start, pki: Pki) -> ListeningHost:
    """A host whose certificate is good for 127.0.0.1 and signed by `pki.ours`, as its clients' must be."""
    return start(TlsHost, lambda host: host.wears(pki.ours.file, *pki.ours.server("server", HERE)))


async def refused(uri: str, bus: EventBus) -> str:
    """The sentence with which a host at `uri` doesn't let us in; it is FAILED then, and nothing is tried again."""
    host = HostConnection("rack", uri, bus)
    with pytest.raises(HostError) as caught:
        await host.connect(30)
    assert host.state is HostState.FAILED
    assert not host.is_coming_back
    await host.close(5)
    return str(caught.value)


async def test_a_host_is_reached_over_tcp(start: Start, bus: EventBus) -> None:
    host = HostConnection("rack", start(ListeningHost).uri, bus)
    await host.connect(30)
    assert await host.list_domains(10) == []
    await host.close(5)


async def test_a_port_where_nobody_listens_is_named(bus: EventBus) -> None:
    said = await refused(f"qemu+tcp://{HERE}:1/session", bus)
    assert "Connection refused" in said
    assert "Check that libvirtd runs there and listens on that address" in said


async def test_a_host_is_reached_over_tls_with_a_client_certificate(
    tls_host: ListeningHost, pki: Pki, bus: EventBus
) -> None:
    host = HostConnection("rack", f"{tls_host.uri}?pkipath={pki.good_client()}", bus)
    await host.connect(30)
    assert await host.list_domains(10) == []
    await host.close(5)


@pytest.mark.skipif(SASLPASSWD is None, reason="saslpasswd2 is not installed (Debian package sasl2-bin)")
async def test_user_and_password_go_over_tls(start: Start, pki: Pki, bus: EventBus) -> None:
    host = start(AskingTlsHost, lambda host: host.wears(pki.ours.file, *pki.ours.server("server", HERE)))
    uri = f"{host.uri}?pkipath={pki.good_client()}"
    known = HostConnection("rack", uri, bus, credentials=Credentials(USER, Secret(PASSWORD)))
    await known.connect(30)
    assert await known.list_domains(10) == []
    await known.close(5)
    stranger = HostConnection("rack", uri, bus, credentials=Credentials(USER, Secret("wrong battery 43")))
    with pytest.raises(HostError, match=r"refused: .*authentication.*Check the user's rights") as caught:
        await stranger.connect(30)
    assert "wrong battery 43" not in f"{caught.value} {bus.recent()}"
    await stranger.close(5)


async def test_a_server_of_a_ca_that_we_do_not_trust_is_refused(
    tls_host: ListeningHost, pki: Pki, bus: EventBus
) -> None:
    files = pki.client("stranger", pki.other, None)
    said = await refused(f"{tls_host.uri}?pkipath={files}", bus)
    assert "issuer certificate" in said
    assert "Take the CA certificate of that server: libvirt reads cacert.pem" in said


async def test_a_client_certificate_of_another_ca_is_refused(tls_host: ListeningHost, pki: Pki, bus: EventBus) -> None:
    files = pki.client("mixed", pki.ours, pki.other.client("tester"))
    said = await refused(f"{tls_host.uri}?pkipath={files}", bus)
    assert "clientcert.pem failed validation against" in said
    assert "Take CA and client certificate that belong together" in said


async def test_a_server_of_another_name_is_refused(tls_host: ListeningHost, pki: Pki, bus: EventBus) -> None:
    uri = tls_host.uri.replace(HERE, "localhost")
    said = await refused(f"{uri}?pkipath={pki.good_client()}", bus)
    assert "Hostname mismatch, certificate is not valid for 'localhost'" in said
    assert "Use in the URI a host name that is in the server's certificate" in said


async def test_an_expired_client_certificate_is_refused(tls_host: ListeningHost, pki: Pki, bus: EventBus) -> None:
    files = pki.client("late", pki.ours, pki.ours.client("tester", valid=EXPIRED))
    said = await refused(f"{tls_host.uri}?pkipath={files}", bus)
    assert "clientcert.pem has expired" in said
    assert "Renew the client certificate" in said


async def test_a_missing_client_certificate_is_refused(tls_host: ListeningHost, pki: Pki, bus: EventBus) -> None:
    files = pki.client("bare", pki.ours, None)
    said = await refused(f"{tls_host.uri}?pkipath={files}", bus)
    assert "The server wants a client certificate that its CA has signed" in said


async def test_missing_files_are_named(tls_host: ListeningHost, pki: Pki, bus: EventBus) -> None:
    said = await refused(f"{tls_host.uri}?pkipath={pki.directory}/nowhere", bus)
    assert f"Cannot read CA certificate '{pki.directory}/nowhere/cacert.pem'" in said
    assert "Put the certificates where libvirt reads them: cacert.pem, clientcert.pem and clientkey.pem" in said


async def test_a_server_whose_certificate_has_expired_is_refused(pki: Pki, bus: EventBus) -> None:
    """libvirtd doesn't start with one, though it goes on when its own expires: here a plain TLS server stands in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.ours.server("late", HERE, valid=EXPIRED))

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # until it is shut
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(10)
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server((HERE, 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        said = await refused(f"qemu+tls://{HERE}:{port}/session?pkipath={pki.good_client()}", bus)
        listener.shutdown(socket.SHUT_RDWR)
        server.join(15)
        assert not server.is_alive()
    assert "certificate has expired" in said
    assert "Renew the server's certificate" in said
