"""libvirt's TCP sockets are probed by the kernel: those of open connections, and those of an opening that hangs."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from ATPLibrary.errors import DeadlineError
from ATPLibrary.events import EventBus
from ATPLibrary.transport import HostConnection, tcp_keepalive

from .conftest import settings

pytestmark = pytest.mark.integration


def is_probed(address: tuple[str, int]) -> bool:
    """Whether this process's socket at `address` has the kernel's keepalive."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as ours:
                if ours.family == socket.AF_INET and ours.getsockname() == address:
                    idle = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
                    return bool(ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) and idle == 10
    raise AssertionError(f"no socket at {address}")


async def test_an_opening_that_hangs_is_probed_so_that_its_thread_comes_free_when_the_machine_has_gone(
    bus: EventBus,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        port = listener.getsockname()[1]
        host = HostConnection("silent", f"qemu+tcp://127.0.0.1:{port}/system", bus, settings=settings())
        with socket.create_connection(other.getsockname()) as bystander:
            with pytest.raises(DeadlineError, match="did not answer"):
                await host.connect(1)
            peer, address = listener.accept()
            with peer:
                assert is_probed(address)
            assert not is_probed(bystander.getsockname()), "another port's is left alone"


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        ("qemu+tcp://h/system", 16509),
        ("qemu+tcp://h:77/system", 77),
        ("qemu://h/system", 16514),
        ("qemu+tls://[::1]/system", 16514),
        ("qemu+libssh://h/system", 22),
        ("qemu+ssh://h:22/system", None),
        ("qemu+unix:///system?socket=/s", None),
        ("qemu:///system", None),
        ("test:///default", None),
    ],
)
def test_the_port_is_the_one_that_libvirt_connects_to(uri: str, port: int | None) -> None:
    assert tcp_keepalive.port_of(uri) == port
