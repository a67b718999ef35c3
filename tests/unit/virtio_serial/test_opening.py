"""Which way a channel's bytes take."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ATPLibrary.errors import ChannelBusyError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import Domain, HostConnection
from ATPLibrary.transport.description import DomainDescription, parse_description

pytestmark = pytest.mark.unit


class LocalVm(Domain):
    """A VM on this machine whose one port is at a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            HostConnection("here", "qemu:///session", EventBus()), "win11", "11111111-2222-3333-4444-555555555555"
        )
        self._xml = (
            f"<domain><devices><channel type='unix'><source mode='bind' path='{path}'/>"
            "<target type='virtio' name='com.example.test' state='disconnected'/></channel></devices></domain>"
        )

    async def description(self, timeout: float, refresh: bool = False) -> DomainDescription:
        return parse_description(self._xml)

    async def open_stream_channel(self, name: str, timeout: float) -> NoReturn:
        pytest.fail("libvirt was asked to wait in line while it holds the VM's lock")


@pytest.fixture
def full_socket() -> Iterator[Path]:
    """The socket of a QEMU that accepts nobody any more, with as many clients in line as the kernel lets in."""
    with tempfile.TemporaryDirectory(prefix="atp-full-") as directory, socket.socket(socket.AF_UNIX) as listener:
        path = Path(directory) / "port"
        listener.bind(str(path))
        listener.listen(1)
        clients = []
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        yield path
        for client in clients:
            client.close()


async def test_where_clients_wait_in_line_libvirt_is_not_made_to_wait_too(full_socket: Path) -> None:
    with pytest.raises(ChannelBusyError, match="other clients wait in line already"):
        await open_channel(LocalVm(full_socket), "com.example.test", timeout=5)
