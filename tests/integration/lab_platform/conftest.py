"""The real platform server over two real libvirt daemons. Its VMs run real QEMU, with a kernel that halts: a boot costs nothing."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import PlatformError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.settings import AcceleratorSettings, ImageSettings, LabHostSettings, LabSettings, PlatformAccount
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient

PASSWORD = "a lab's p4ssword"


@dataclass
class PlatformLab:
    """Two hosts and the directory that the server reads. `start()` runs a server; at most one at a time."""

    directory: Path
    hosts: tuple[LabHost, ...]
    listener: socket.socket
    server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    @property
    def log(self) -> str:
        return (self.directory / "platform.log").read_text()

    def client(self, username: str = "admin", password: str = PASSWORD) -> VdiClient:
        settings = PlatformSettings(name="lab", url=self.url, username=username, password=Secret(password))
        return VdiClient(settings, timeout=60, event_bus=EventBus())

    def start(self, *arguments: str) -> None:
        assert self.server is None
        fd = self.listener.fileno()
        command = [sys.executable, "-m", "ATPLibrary.lab.platform", "--lab", str(self.directory), "--fd", str(fd)]
        with (self.directory / "platform.log").open("ab") as log:
            self.server = subprocess.Popen([*command, *arguments], pass_fds=[fd], stdout=log, stderr=log)
        # The kernel keeps the question until the server takes it.
        answer = httpx.get(f"{self.url}/ocloud/v1/host", timeout=60, trust_env=False)
        assert answer.json()["status"] == 1006

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server and return its exit status."""
        server, self.server = self.server, None
        if server is None:
            return 0
        server.send_signal(number)
        try:
            return server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(15)
            raise

    def libvirt(self, number: int) -> Any:
        """A bare connection to a host, to look behind the platform's back."""
        import libvirt

        libvirt.registerErrorHandler(lambda context, error: None, None)
        return libvirt.open(self.hosts[number].uri)

    def left(self) -> list[str]:
        """What is in libvirt and on disk of VMs, on all hosts."""
        found = []
        for number, host in enumerate(self.hosts):
            with contextlib.closing(self.libvirt(number)) as connection:
                found += [f"{host.name}: {domain.name()}" for domain in connection.listAllDomains()]
            found += [str(path) for path in (host.directory / "vm").glob("*")]
        return found


@pytest.fixture(scope="session")
def halting_image() -> Iterator[ImageSettings]:
    """A guest that QEMU boots like any Linux and that stops its processor at once (Documentation/x86/boot.rst)."""
    # Where root may not have user namespaces, QEMU runs as "nobody", who can't read pytest's own directories.
    directory = Path(tempfile.mkdtemp(prefix="atp-halt-", dir="/tmp"))
    directory.chmod(0o755)
    kernel = bytearray(8192)
    kernel[0x1F1] = 4  # setup sectors
    kernel[0x1FE:0x200] = b"\x55\xaa"
    kernel[0x200:0x202] = b"\xeb\x6e"  # jump over the header to 0x270
    kernel[0x202:0x206] = b"HdrS"
    kernel[0x206:0x208] = (0x0206).to_bytes(2, "little")  # protocol
    kernel[0x211] = 1  # loaded high
    kernel[0x22C:0x230] = (0x37FFFFFF).to_bytes(4, "little")  # highest address of the initrd
    kernel[0x238:0x23C] = (255).to_bytes(4, "little")  # longest command line
    kernel[0x270:0x274] = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jump to hlt
    (directory / "kernel").write_bytes(kernel)
    (directory / "initrd").write_bytes(b"\0" * 512)
    disk = directory / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"], check=True, timeout=60)
    yield ImageSettings(
        directory=directory,
        kernel=directory / "kernel",
        initrd=directory / "initrd",
        disk=disk,
        cmdline="quiet",
        key="halt",
    )
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def two_hosts() -> Iterator[tuple[LabHost, ...]]:
    directory = Path(tempfile.mkdtemp(prefix="atp-pf-", dir="/tmp"))
    hosts = tuple(
        LabHost(name, str(uuid.uuid4()), ip, directory / name[-1])
        for name, ip in (("lab-a", "127.0.0.2"), ("lab-b", "127.0.0.3"))
    )
    try:
        for host, daemon in [(host, host.start()) for host in hosts]:
            host.wait_until_ready(daemon)
        yield hosts
    finally:
        for host in hosts:
            host.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def serving(
    hosts: tuple[LabHost, ...], image: ImageSettings, accelerator: AcceleratorSettings, directory: Path
) -> Iterator[PlatformLab]:
    """A server that runs, with a database of its own; nothing of it is left."""
    settings = LabSettings(
        hosts=tuple(LabHostSettings(id=h.id, name=h.name, uri=h.uri, ip=h.ip, directory=h.directory) for h in hosts),
        image=image,
        accelerator=accelerator,
        platform=PlatformAccount(password=PASSWORD),
    )
    settings.save(directory)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lab = PlatformLab(directory, hosts, listener)
        try:
            lab.start()
            yield lab
        finally:
            status = lab.stop()
            print(lab.log, file=sys.stderr)
            for number in range(len(hosts)):
                with contextlib.closing(lab.libvirt(number)) as connection:
                    for domain in connection.listAllDomains():
                        if domain.isActive():
                            domain.destroy()
                        domain.undefine()
        assert status == 0
        assert "Traceback" not in lab.log
        assert PASSWORD not in lab.log


@pytest.fixture(scope="module")
def platform_lab(
    two_hosts: tuple[LabHost, ...], halting_image: ImageSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformLab]:
    accelerator = AcceleratorSettings(kind="tcg", reason="a kernel that halts needs no speed")
    with serving(two_hosts, halting_image, accelerator, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="module")
def guest_lab(
    two_hosts: tuple[LabHost, ...], guest_image: Any, accelerator: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlatformLab]:
    """The same with the lab's own guest: its VMs really boot."""
    names = ImageSettings.model_fields
    image = ImageSettings(**{name: getattr(guest_image, name) for name in names})
    verdict = AcceleratorSettings(kind=accelerator.kind, reason=accelerator.reason)
    with serving(two_hosts, image, verdict, tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
async def client(platform_lab: PlatformLab) -> AsyncIterator[VdiClient]:
    """Logged in; the pools that the test leaves behind are deleted after it."""
    async with platform_lab.client() as client:
        yield client
        async for pool in client.desk_pools.list():
            with contextlib.suppress(PlatformError):
                await client.desk_pools.delete(pool.id)


@pytest.fixture
async def bare(platform_lab: PlatformLab) -> AsyncIterator[httpx.AsyncClient]:
    """The wire itself, logged in."""
    async with httpx.AsyncClient(base_url=platform_lab.url + "/ocloud/v1", trust_env=False, timeout=60) as http:
        digest = hashlib.md5(PASSWORD.encode()).hexdigest()
        answer = (await http.post("/login", json={"username": "admin", "password": digest})).json()
        http.headers["Token"] = answer["data"]["token"]
        yield http
