"""The real platform server over two real libvirt daemons. Its VMs run real QEMU, with a kernel that halts: a boot costs nothing."""

from __future__ import annotations

import asyncio
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
from types import ModuleType
from typing import Any

import httpx
import pytest

from ATPLibrary import runtime
from ATPLibrary.config import Config, PlatformSettings
from ATPLibrary.errors import PlatformError
from ATPLibrary.events import EventBus
from ATPLibrary.keywords.libraries import VDIPlatform
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.settings import AcceleratorSettings, ImageSettings, LabHostSettings, LabSettings, PlatformAccount
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient

from .behind import Behind

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
            for host in hosts:  # the next server has another database
                for name in ("vm", "models"):
                    shutil.rmtree(host.directory / name, ignore_errors=True)
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


@pytest.fixture
def tester(platform_lab: PlatformLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The library `VDIPlatform` with a session of its own, in plain Python: `tester.start_desktop("a")`.

    The desk pools and VMs that a test leaves are deleted after it, then nothing may be left.
    """
    platform = {"url": platform_lab.url, "username": "admin", "password": PASSWORD}
    hosts = {host.name: {"uri": host.uri, "ip": host.ip} for host in platform_lab.hosts}
    workspace = Workspace(Config.model_validate({"hosts": hosts, "platforms": {"lab": platform}}))
    monkeypatch.setattr(Workspace, "_current", workspace)
    library = VDIPlatform()
    library.log_in_to_platform()
    yield library
    library.log_in_to_platform()  # the test may have logged out
    assert workspace.platforms.current is not None
    runtime.wait(_clear(workspace.platforms.current), 60, "Clearing the platform")
    runtime.wait(workspace.close(10), 11, "Closing the connections")
    assert platform_lab.left() == []


async def _clear(client: VdiClient) -> None:
    for pool in await client.desk_pools.list().collect():
        await client.desk_pools.delete(pool.id)
    if vms := [vm.id for vm in await client.domains.list().collect()]:
        await client.domains.delete(vms)
    if recycled := [vm.id for vm in await client.domains.recycled().collect()]:
        await client.domains.delete_recycled(recycled)


@pytest.fixture
def behind(platform_lab: PlatformLab) -> Behind:
    return Behind(platform_lab)


API = "/ocloud/v1"


class Wire:
    """Every answer is held against the vendor's schema for that operation."""

    def __init__(self, vendor: Any, http: httpx.AsyncClient) -> None:
        self._vendor = vendor
        self._http = http
        self.asked: set[tuple[str, str]] = set()

    async def ask(
        self, method: str, path: str, body: Any = None, *, query: str = "", refused: str = "", **ids: Any
    ) -> Any:
        """The answer's data. With `refused` the platform must say no, with these words in it."""
        full = path if path.startswith("/ocloud") else API + path
        answer = await self._http.request(method, full.format(**ids) + query, json=body)
        value = answer.json()
        schema = self._vendor.answer(method, full)
        assert self._vendor.deviations(value, schema, f"{method} {full}", null_is_missing=False) == []
        self.asked.add((method, full))
        status = value["status"] if "status" in value else value["returnCode"]
        assert (status == 0) == (not refused), value
        assert refused in value["msg"], value
        return value.get("data")

    async def bare(self, method: str, path: str, body: Any = None, *, refused: str = "") -> Any:
        """The whole answer, held against the schema too."""
        answer = (await self._http.request(method, path, json=body)).json()
        schema = self._vendor.answer(method, path.partition("?")[0])
        assert self._vendor.deviations(answer, schema, f"{method} {path}", null_is_missing=False) == []
        assert refused in answer["msg"]
        self.asked.add((method, path.partition("?")[0]))
        return answer

    async def finish(self, event: str, refused: str = "") -> Any:
        """Wait for an operation; it must succeed, or fail with these words."""
        while "isSuccess" not in (seen := await self.ask("GET", "/event/{id}", id=event)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # asked without a rest, the server has no time for the work itself
        assert (seen["isSuccess"] == 0) == (not refused), seen["errorReason"]
        assert refused in seen["errorReason"], seen
        return seen

    async def batch(self, name: str, ids: list[str], **more: Any) -> None:
        """A batch that is refused for none of the VMs, to its end."""
        data = await self.ask("POST", f"/domain/{name}", {"idList": ids, **more})
        assert data["errorList"] == []
        for event in data["eventIdList"]:
            await self.finish(event)

    async def pool(self, name: str, amount: int, **more: Any) -> tuple[str, list[str]]:
        """A desk pool that is ready: its id and its VMs'."""
        (model, *_) = await self.ask("GET", "/model/all")
        order = {"name": name, "amount": amount, "type": 1, "modelId": model["id"], **more}
        await self.finish((await self.ask("POST", "/desk-pool", order))["eventId"])
        (pool,) = (await self.ask("GET", "/desk-pool", query=f"?keyword={name}"))["list"]
        return pool["id"], [vm["id"] for vm in await self.ask("GET", "/desk-pool/{id}/domain/list", id=pool["id"])]

    def covers(self, *groups: ModuleType) -> None:
        """Every route of these groups has been asked."""
        served = {(method, route.path) for group in groups for route in group.router.routes for method in route.methods}
        assert served - self.asked == set()


@pytest.fixture
async def wire(vendor: Any, platform_lab: Any) -> AsyncIterator[Wire]:
    """Logged in; the desk pools and VMs that a test leaves are deleted after it."""
    async with httpx.AsyncClient(base_url=platform_lab.url, trust_env=False, timeout=60) as http:
        wire = Wire(vendor, http)
        login = {"username": "admin", "password": hashlib.md5(PASSWORD.encode()).hexdigest()}
        http.headers["Token"] = (await wire.ask("POST", "/login", login))["token"]
        yield wire
        http.headers["Token"] = (await wire.ask("POST", "/login", login))["token"]  # the test may have logged out
        for pool in (await http.get(f"{API}/desk-pool?pageSize=100")).json()["data"]["list"]:
            await http.delete(f"{API}/desk-pool/{pool['id']}")
        vms = (await http.get(f"{API}/domain?pageSize=100")).json()["data"]["list"]
        if vms:
            await http.post(f"{API}/domain/delete", json={"domainIdList": [vm["id"] for vm in vms], "isRecycle": 0})
        assert platform_lab.left() == []
