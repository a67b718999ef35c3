"""Libvirt daemons that a test may kill or stop, and settings so small that nothing has to be slept for."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.config import PoolSettings
from ATPLibrary.events import EventBus
from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.sshd import LabSshd
from ATPLibrary.transport import HostConnection

SIMPLE_VM = (
    "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


class Daemon:
    """A libvirtd of the test's own."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.uri = host.uri
        self.start()

    def start(self) -> None:
        self.host.wait_until_ready(self.host.start())

    @property
    def _process(self) -> Process:
        (process,) = [each for each in self.host.processes() if each.role == self.host.daemon_role]
        return process

    def kill(self) -> None:
        process = self._process
        os.kill(process.pid, signal.SIGKILL)
        processes.wait([process], 10)

    @contextlib.contextmanager
    def stopped_qemu(self) -> Iterator[None]:
        """Its VMs' QEMU processes stand still meanwhile."""
        vms = [each for each in self.host.processes() if each.role.startswith("qemu ")]
        assert vms
        for vm in vms:
            os.kill(vm.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for vm in vms:
                os.kill(vm.pid, signal.SIGCONT)

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    """Call it with a name for a running daemon without VMs; what it leaves is ended after the test."""
    short = short_directory(tmp_path)
    hosts: list[LabHost] = []

    def start(name: str) -> Daemon:
        hosts.append(LabHost(name, str(uuid.uuid4()), "127.0.0.2", short / name, tmp_path))
        return Daemon(hosts[-1])

    try:
        yield start
    finally:
        for host in hosts:
            host.stop()
        if short.is_dir():
            short.rmdir()


@pytest.fixture
def a_daemon(start_daemon: Callable[[str], Daemon]) -> Daemon:
    return start_daemon("a")


@pytest.fixture
def sshd(start_sshd: Callable[..., LabSshd]) -> LabSshd:
    return start_sshd()


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


Connect = Callable[..., Any]


def settings(**values: Any) -> PoolSettings:
    """Pool settings; `reconnect` is quick unless said otherwise."""
    quick = {"initial_delay": 0.02, "max_delay": 0.2, "max_attempts": 1000}
    return PoolSettings.model_validate({"reconnect": quick, **values})


@pytest_asyncio.fixture
async def connect(bus: EventBus) -> AsyncIterator[Connect]:
    """`await connect(uri, workers=..., **pool settings)` is a connected host, closed after the test."""
    hosts: list[HostConnection] = []

    async def connected(uri: str = "test:///default", *, workers: int = 4, **values: Any) -> HostConnection:
        host = HostConnection(f"host-{len(hosts) + 1}", uri, bus, workers, settings=settings(**values))
        hosts.append(host)
        await host.connect(20)
        return host

    yield connected
    for host in hosts:
        await host.close(5)
