"""The real qemu-ga of the guest image, run on this machine, so that its answers, limits and speed are its own.

Only libvirt is left out: `SocketDomain` carries the commands over qemu-ga's UNIX socket, one at a time and synchronised as libvirt
does it, with libvirt's limits, and with faults on demand.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ATPLibrary.errors import CommandError
from ATPLibrary.events import EventBus
from ATPLibrary.protocol.qga import Qga
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import Domain, HostConnection

UUID = "11111111-2222-3333-4444-555555555555"
# On this machine nothing of this may happen.
NEVER = (
    "guest-shutdown,guest-set-time,guest-set-user-password,guest-fsfreeze-freeze,guest-suspend-ram,guest-suspend-disk"
)
# What libvirt carries: see ATPLibrary.protocol.qga.agent.
LONGEST_REQUEST = 212_992
LONGEST_REPLY = 4 * 1024 * 1024

Fault = Callable[[dict[str, Any], Callable[[], Awaitable[str]]], Awaitable[str]]


class SocketDomain(Domain):
    """A VM whose agent is at a UNIX socket. `fault(command, carry_out)` may delay or change what becomes of a command."""

    def __init__(self, path: Path) -> None:
        super().__init__(HostConnection("here", "qemu:///session", EventBus()), "win11", UUID)
        self.fault: Fault | None = None
        self._path = path
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=64 * 1024 * 1024)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def agent_command(self, json_text: str, timeout: float, *, idempotent: bool = False) -> str:
        command = json.loads(json_text)

        async def carry_out() -> str:
            # As in libvirt a command that was sent is waited for to its end, also when nobody wants its answer any more.
            return await asyncio.shield(asyncio.ensure_future(self._carry_out(json_text, command["execute"])))

        async with deadline(timeout, "The agent"):
            return await (self.fault(command, carry_out) if self.fault is not None else carry_out())

    async def _carry_out(self, text: str, name: str) -> str:
        assert self._reader is not None
        assert self._writer is not None
        assert len(text) < LONGEST_REQUEST, "libvirt would garble it"
        async with self._lock:
            number = random.randrange(2**31)
            self._writer.write(
                b"\xff" + json.dumps({"execute": "guest-sync-delimited", "arguments": {"id": number}}).encode()
            )
            await self._reader.readuntil(b"\xff")
            assert json.loads(await self._reader.readline()) == {"return": number}
            self._writer.write(text.encode())
            reply = (await self._reader.readline()).decode()
        answer = json.loads(reply)
        if "error" in answer:
            said = f"internal error: unable to execute QEMU agent command '{name}': {answer['error']['desc']}"
            raise CommandError(said, name=name, error_class="1", description=said)
        assert len(reply) < LONGEST_REPLY, "libvirt would drop it"
        return reply


@pytest.fixture(scope="session")
def qemu_ga(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The qemu-ga that the guest image has: this machine's, else out of the package."""
    if found := shutil.which("qemu-ga"):
        return Path(found)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atp" / "packages"
    directory = tmp_path_factory.mktemp("qemu-ga")
    package = next(iter(sorted(cache.glob("qemu-guest-agent_*.deb"))), None)
    if package is None:
        subprocess.run(["apt-get", "download", "qemu-guest-agent"], cwd=directory, check=True, capture_output=True)
        (package,) = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(directory / "tree")], check=True)
    return directory / "tree/usr/sbin/qemu-ga"


@pytest_asyncio.fixture
async def start_agent(qemu_ga: Path) -> AsyncIterator[Callable[..., Awaitable[SocketDomain]]]:
    """Call it, `domain = await start_agent(forbidden="guest-exec")`, for a VM whose agent runs; ended with the test."""
    started: list[tuple[SocketDomain, asyncio.subprocess.Process]] = []
    directory = Path(tempfile.mkdtemp(prefix="atp-qga-"))

    async def start(forbidden: str = "guest-get-devices") -> SocketDomain:
        path = directory / f"agent{len(started)}"
        process = await asyncio.create_subprocess_exec(
            *(str(qemu_ga), "-m", "unix-listen", "-p", str(path), "-t", str(directory), "-f", str(directory / "pid")),
            *("-b", f"{NEVER},{forbidden}"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        domain = SocketDomain(path)
        started.append((domain, process))
        async with deadline(10, "qemu-ga", wanted="listen"):
            while True:
                assert process.returncode is None, "qemu-ga doesn't start"
                try:
                    await domain.connect()
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    await asyncio.sleep(0.01)  # it tells nobody when it listens
        return domain

    yield start
    for domain, process in started:
        domain.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()
    shutil.rmtree(directory)


@pytest_asyncio.fixture
async def domain(start_agent: Callable[..., Awaitable[SocketDomain]]) -> SocketDomain:
    return await start_agent()


@pytest_asyncio.fixture
async def qga(domain: SocketDomain) -> Qga:
    """A guest agent that answers, whose guest is this machine."""
    return Qga(domain)
