"""Fixtures that name the lab's world, for every test. All are real; all clean up by pid, also when a test fails.

Session-scoped, so that each is paid once:
  guest_image, accelerator   the built image (cached on disk) and the verdict KVM or TCG
  desktop_image              the built image of the desktop guest
  lab_host                   one libvirt daemon of our own: `.uri`, `.directory`, `.ip`; no platform server
  ps2_vm, usb_vm, virtio_vm  one booted VM a keyboard, on lab_host, shared: leave it running, no key down, its agent reachable
  vendor                     the platform vendor's API document for 9.0, which is no part of the project: without it the test skips
  lab                        a whole `Lab` that is up in a directory of its own: `.directory / "config.yaml"` configures a client
Function-scoped:
  running_vm                 call it, `vm = running_vm("usb")`, for a VM that the test may pause, break or destroy; removed at the
                             test's end. `running_vm(boot=False)` only defines it (shut off), which costs no boot.
  two_hosts                  two libvirt daemons between which VMs can move, with host names of their own
  lab_directory              an empty directory for a lab of the test's own; whatever runs there is taken down at the test's end
  start_sshd                 call it, `sshd = start_sshd()`, for an SSH server on loopback: `sshd.uri(lab_host)` leads through it

A VM is a `LabVm`: `.name .uuid .uri .host .spec` (paths: `.spec.qmp_socket .spec.agent_socket .spec.console_log`, `.spec.token`).
Anything that boots is under a test marked e2e. A session whose fixtures left a process running fails at its end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.lab import processes, server_process
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.machine import MODELS, MachineSpec, create_overlay, domain_xml, remove_files
from ATPLibrary.lab.processes import Process
from ATPLibrary.lab.sshd import LabSshd, is_installed

BOOT_SECONDS = 120.0
REPOSITORY = Path(__file__).parents[1]
VENDOR_DIRECTORY = Path(os.environ.get("ATP_VENDOR_DIR") or REPOSITORY.parent / "shared" / "vendor")
# A file beside a short directory names the session that uses it: a later session clears it when that process is gone.
OWNER_SUFFIX = ".pytest"

_numbers = itertools.count(1)
_short_directories: dict[Path, Path] = {}  # each with the directory that it is short for


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@dataclass(frozen=True)
class LabVm:
    """One VM on a lab host."""

    spec: MachineSpec
    host: LabHost

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def uuid(self) -> str:
        return self.spec.uuid

    @property
    def uri(self) -> str:
        return self.host.uri

    @property
    def keyboard(self) -> str:
        return self.spec.keyboard

    def wait_until_agent_answers(
        self, timeout: float = BOOT_SECONDS, until: Callable[[dict[str, Any]], bool] = lambda hello: True
    ) -> dict[str, Any]:
        """The agent's hello, with the devices that came since, once `until` says so of it.

        QEMU keeps our request until the guest opens the port: no polling.
        """
        deadline = time.monotonic() + timeout
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.connect(str(self.spec.agent_socket))
            nonce = f"fixture-{next(_numbers)}"
            hello = {"type": "hello", "nonce": nonce, "protocol": 1, "watch": False}
            channel.sendall(b"\n" + json.dumps(hello).encode() + b"\n")
            received = b""
            while True:
                answer: dict[str, Any] | None = None
                for line in received.splitlines():
                    with contextlib.suppress(ValueError):
                        message = json.loads(line)
                        if isinstance(message, dict) and message.get("nonce") == nonce:
                            answer = message
                        elif answer is not None and isinstance(message, dict) and message.get("type") == "devices":
                            answer["devices"] = message["devices"]  # USB devices may come after the hello
                if answer is not None and until(answer):
                    return answer
                channel.settimeout(max(0.001, deadline - time.monotonic()))
                try:
                    part = channel.recv(65536)
                except TimeoutError:
                    tail = self.spec.console_log.read_text(errors="replace")[-2000:]
                    pytest.fail(f"VM {self.name!r}: no agent within {timeout:g} s. Its console ends with:\n{tail}")
                assert part, f"QEMU of {self.name!r} ended while it booted"
                received += part


def start_vm(
    host: LabHost, image: Any, accelerator: Any, model: str, *, boot: bool = True, name: str = "", **more: Any
) -> LabVm:
    """Define a linked clone by plain libvirt and, if asked to, boot it until its agent answers. `more`: fields of its spec."""
    import libvirt

    spec = MachineSpec(
        name=name or f"测试-{model}-{next(_numbers)}",
        uuid=str(uuid.uuid4()),
        image=image,
        accelerator=accelerator,
        directory=host.directory,
        model=model,
        listen=host.ip,
        **more,
    )
    vm = LabVm(spec, host)
    create_overlay(spec)
    connection = libvirt.open(host.uri)
    try:
        domain = connection.defineXML(domain_xml(spec))
        if boot:
            domain.create()
            vm.wait_until_agent_answers()
    except BaseException:
        stop_vm(vm)
        raise
    finally:
        connection.close()
    return vm


def stop_vm(vm: LabVm) -> None:
    """Destroy and undefine the VM and remove its files, in whatever state a test left it."""
    import libvirt

    connection = libvirt.open(vm.uri)
    try:
        with contextlib.suppress(libvirt.libvirtError):
            domain = connection.lookupByUUIDString(vm.uuid)
            if domain.isActive():
                domain.destroy()
            domain.undefine()
    finally:
        connection.close()
    remove_files(vm.spec)


def _own_short_directory(directory: Path) -> Path:
    """Like `short_directory`, noting that this session owns it."""
    import libvirt

    libvirt.registerErrorHandler(lambda context, error: None, None)
    _clear_dead_sessions()
    short = short_directory(directory)
    short.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = processes.of_pid("pytest", os.getpid())
    short.with_suffix(OWNER_SUFFIX).write_text(json.dumps([owner.pid, owner.started, str(directory)]))
    _short_directories[short] = directory
    return short


def _clear_dead_sessions() -> None:
    """End what a killed test session left; only directories that name an owner which is gone."""
    for note in Path(f"/tmp/atp-{os.geteuid()}").glob(f"*{OWNER_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError):
            pid, started, directory = json.loads(note.read_text())
            if not Process("pytest", pid, started).alive:
                processes.end(_processes_of(note.with_suffix(""), Path(directory)))
                shutil.rmtree(note.with_suffix(""), ignore_errors=True)
                note.unlink()


def _processes_of(short: Path, directory: Path) -> list[Process]:
    """libvirtd and QEMU processes whose command line names that short directory, and the platform server of that lab."""

    def role_of(command: list[str]) -> str | None:
        known = any(Path(word).name.startswith(("libvirtd", "qemu-system-")) for word in command)
        return "left over" if known and any(f"{short}/" in word for word in command) else None

    return [*server_process.find(directory), *processes.find(role_of)]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A session must leave nothing: what still runs is ended, and the session fails."""
    left = [process for pair in _short_directories.items() for process in _processes_of(*pair)]
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        _say(f"\nERROR: the fixtures left {len(left)} processes running, ended now: {left}")
        processes.end(left)
    for short in _short_directories:
        shutil.rmtree(short, ignore_errors=True)
        short.with_suffix(OWNER_SUFFIX).unlink(missing_ok=True)
    if _short_directories:
        with contextlib.suppress(OSError):
            Path(f"/tmp/atp-{os.geteuid()}").rmdir()


@pytest.fixture(scope="session")
def guest_image() -> Iterator[Any]:
    from ATPLibrary.lab.image import LINUX

    yield from _built(LINUX)


@pytest.fixture(scope="session")
def desktop_image() -> Iterator[Any]:
    from ATPLibrary.lab.image import DESKTOP

    yield from _built(DESKTOP)


def _built(recipe: Any) -> Iterator[Any]:
    """The image, where the hosts' daemons can read it."""
    from ATPLibrary.lab import image
    from ATPLibrary.lab.daemon_user import daemon_user

    built = image.build(_say, recipe)
    user = daemon_user()
    if user.owner is None:
        yield built
        return
    with tempfile.TemporaryDirectory(prefix="atp-image-", dir="/tmp") as directory:
        copies = Path(directory)
        copies.chmod(0o755)
        yield dataclasses.replace(
            built, **{name: user.reachable(getattr(built, name), copies) for name in ("kernel", "initrd", "disk")}
        )


@pytest.fixture(scope="session")
def accelerator(guest_image: Any) -> Any:
    from ATPLibrary.lab import accelerator

    return accelerator.decide(guest_image, _say)


@pytest.fixture(scope="session")
def lab_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    directory = tmp_path_factory.mktemp("host")
    host = LabHost("lab-t", str(uuid.uuid4()), "127.0.0.2", _own_short_directory(directory) / "a", directory)
    try:
        host.wait_until_ready(host.start())
        yield host
    finally:
        host.stop()


@pytest.fixture
def two_hosts(lab_directory: Path) -> Iterator[tuple[LabHost, LabHost]]:
    from ATPLibrary.lab.daemon_user import can_name_hosts

    if not can_name_hosts():
        pytest.skip(
            "libvirt moves VMs only between hosts of two names, and this user may not name one (`unshare --uts`)"
        )
    base = short_directory(lab_directory)
    lab_directory.mkdir(exist_ok=True)
    x, y = (
        LabHost(f"lab-{name}", str(uuid.uuid4()), f"127.0.0.{number}", base / name, lab_directory)
        for number, name in enumerate("xy", start=7)
    )
    try:
        for host, process in [(host, host.start()) for host in (x, y)]:
            host.wait_until_ready(process)
        yield x, y
    finally:
        for host in (x, y):
            host.stop()


def _shared_vm(host: LabHost, image: Any, accelerator: Any, keyboard: str) -> Iterator[LabVm]:
    vm = start_vm(host, image, accelerator, _model(keyboard))
    try:
        yield vm
    finally:
        stop_vm(vm)


def _model(keyboard: str) -> str:
    return next(model for model, kind in MODELS.items() if kind == keyboard)


@pytest.fixture(scope="session")
def ps2_vm(lab_host: LabHost, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    yield from _shared_vm(lab_host, guest_image, accelerator, "ps2")


@pytest.fixture(scope="session")
def usb_vm(lab_host: LabHost, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    yield from _shared_vm(lab_host, guest_image, accelerator, "usb")


@pytest.fixture(scope="session")
def virtio_vm(lab_host: LabHost, guest_image: Any, accelerator: Any) -> Iterator[LabVm]:
    yield from _shared_vm(lab_host, guest_image, accelerator, "virtio")


@pytest.fixture
def running_vm(lab_host: LabHost, guest_image: Any, accelerator: Any) -> Iterator[Callable[..., LabVm]]:
    with contextlib.ExitStack() as stack:

        def start(keyboard: str = "ps2", *, boot: bool = True, name: str = "") -> LabVm:
            vm = start_vm(lab_host, guest_image, accelerator, _model(keyboard), boot=boot, name=name)
            stack.callback(stop_vm, vm)
            return vm

        yield start


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., LabSshd]]:
    """Call it, with lines for sshd's configuration, for an SSH server of the test's own that runs."""
    if not is_installed():
        pytest.skip("sshd, ssh or nc is not installed (Debian packages openssh-server, openssh-client, netcat-openbsd)")
    servers: list[LabSshd] = []

    def start(*more: str) -> LabSshd:
        servers.append(LabSshd(tmp_path / f"sshd-{len(servers)}", more))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def lab_directory(tmp_path: Path) -> Iterator[Path]:
    from ATPLibrary.lab.lab import Lab

    directory = tmp_path / "lab"
    _own_short_directory(directory)
    yield directory
    Lab(directory).down(_say)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from ATPLibrary.lab.lab import Lab

    directory = tmp_path_factory.mktemp("lab")
    _own_short_directory(directory)
    whole = Lab(directory)
    try:
        whole.up(_say)
        yield whole
    finally:
        whole.down(_say)


def _vendor_document(name: str) -> Path:
    path = VENDOR_DIRECTORY / name
    if not path.is_file():
        pytest.skip(f"the vendor's document {path} isn't here (set ATP_VENDOR_DIR to the folder that has it)")
    return path


@pytest.fixture(scope="session")
def vendor_file() -> Path:
    return _vendor_document("ocloudview-9.0-openapi.json")


@pytest.fixture(scope="session")
def vendor(vendor_file: Path) -> Any:
    from ATPLibrary.vdi.document import VendorDocument

    return VendorDocument(vendor_file)


@pytest.fixture(scope="session")
def older_vendor() -> Any:
    """The document of an older system that was running."""
    from ATPLibrary.vdi.document import VendorDocument

    return VendorDocument(_vendor_document("ocloudview-live-swagger.json"))
