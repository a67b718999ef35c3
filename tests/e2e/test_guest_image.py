"""The guest image, booted by plain QEMU (no libvirt): what the lab and every suite stand on."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.lab.image import GuestImage

pytestmark = pytest.mark.e2e

MEMORY_MIB = 112
AGENT_PORT = "com.vmagent.sock"
QGA_PORT = "org.qemu.guest_agent.0"
SERIAL = "atp-image-test"
BOOT_SECONDS = 120.0  # of patience on a busy machine; idle it takes 4
ANSWER_SECONDS = 60.0


class JsonLines:
    """One JSON message a line over a UNIX socket, with a deadline on every read."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(str(path))
        self._buffer = b""

    def send(self, message: dict[str, Any], before: bytes = b"") -> None:
        self._socket.sendall(before + json.dumps(message).encode() + b"\n")

    def receive(self, timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """The next message. TimeoutError if none comes, EOFError at the end."""
        while b"\n" not in self._buffer:
            self._socket.settimeout(timeout)
            chunk = self._socket.recv(65536)
            if not chunk:
                raise EOFError("the other side closed its socket")
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        line = line.rpartition(b"\xff")[2].strip()
        return dict(json.loads(line)) if line else self.receive(timeout)

    def close(self) -> None:
        self._socket.close()


class Guest:
    """A booted guest of the image: 112 MiB, text screen, each kind of keyboard, and its channels."""

    def __init__(self, image: GuestImage, kind: str, directory: Path, extra: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.serial_log = directory / "serial"
        overlay = directory / "overlay.qcow2"
        create = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(image.disk), "-F", "qcow2", str(overlay)]
        subprocess.run(create, check=True, timeout=30)
        accelerator = "kvm" if kind == "kvm" else "tcg,tb-size=64"
        command = ["qemu-system-x86_64", "-accel", accelerator, "-machine", "pc", "-m", str(MEMORY_MIB), "-nodefaults"]
        command += ["-no-user-config", "-vga", "std", "-display", "none", "-serial", f"file:{self.serial_log}"]
        command += ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", image.cmdline]
        command += ["-drive", f"file={overlay},if=none,id=disk", "-device", "virtio-blk-pci,drive=disk"]
        command += ["-qmp", f"unix:{directory / 'qmp'},server=on,wait=off", "-smbios", f"type=1,serial={SERIAL}"]
        command += ["-device", "virtio-serial-pci,id=ports"]
        for number, name in enumerate((QGA_PORT, AGENT_PORT)):
            command += ["-chardev", f"socket,id=port{number},path={directory / name},server=on,wait=off"]
            command += ["-device", f"virtserialport,bus=ports.0,chardev=port{number},name={name}"]
        self.started = time.monotonic()
        self.process = subprocess.Popen([*command, *extra], stdin=subprocess.DEVNULL)
        try:
            self._wait_for_socket(directory / "qmp")
            self._qmp = JsonLines(directory / "qmp")
            self._qmp.receive()
            self.qmp("qmp_capabilities")
            self.agent = JsonLines(directory / AGENT_PORT)
            self._qga = JsonLines(directory / QGA_PORT)
        except BaseException:
            self.kill()
            raise
        self._nonces = itertools.count(1)  # an answer to an earlier question proves nothing now
        self.hello: dict[str, Any] = {}
        self.seconds_to_agent = 0.0

    def _wait_for_socket(self, path: Path) -> None:
        # QEMU makes its sockets before it runs the guest; there is no event to wait for but its being there.
        while True:
            try:
                JsonLines(path).close()
                return
            except OSError:
                assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}"
                assert time.monotonic() < self.started + 30, "QEMU made no QMP socket within 30 s"
                time.sleep(0.01)

    def wait_for_agent(self) -> dict[str, Any]:
        """Ask for hello until the agent answers: what is sent before the guest opened its port is lost."""
        asked: set[str] = set()
        while time.monotonic() < self.started + BOOT_SECONDS:
            nonce = f"n{next(self._nonces)}"
            asked.add(nonce)
            try:
                self.agent.send({"type": "hello", "nonce": nonce, "protocol": 1}, before=b"\n")
                while True:
                    message = self.agent.receive(timeout=0.2)
                    if message.get("type") == "hello" and message["nonce"] in asked:
                        self.seconds_to_agent = time.monotonic() - self.started
                        self.hello = message
                        return message
            except TimeoutError:
                continue
        raise AssertionError(f"no hello within {BOOT_SECONDS} s; the console says:\n{self.console()}")

    def devices(self, until: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Those that the guest has, once `until` says so of them: USB devices may come after the hello."""
        while not until(self.hello["devices"]):
            message = self.agent.receive()
            if message.get("type") == "devices":
                self.hello["devices"] = message["devices"]
        return list(self.hello["devices"])

    def qmp(self, command: str, **arguments: Any) -> Any:
        self._qmp.send({"execute": command, "arguments": arguments})
        while True:
            message = self._qmp.receive()
            assert "error" not in message, message
            if "return" in message:
                return message["return"]

    def qmp_event(self, name: str) -> dict[str, Any]:
        while True:
            message = self._qmp.receive()
            if message.get("event") == name:
                return message

    def sync_qga(self) -> None:
        """qemu-ga's own way to begin: whatever is left of before is skipped up to the number asked for."""
        self._qga.send({"execute": "guest-sync", "arguments": {"id": 4711}}, before=b"\xff")
        while self._qga.receive(BOOT_SECONDS).get("return") != 4711:
            pass

    def qga(self, command: str, **arguments: Any) -> Any:
        self._qga.send({"execute": command, "arguments": arguments})
        message = self._qga.receive()
        assert "return" in message, message
        return message["return"]

    def qga_without_answer(self, command: str, **arguments: Any) -> None:
        self._qga.send({"execute": command, "arguments": arguments})

    def run(self, shell: str) -> tuple[int, str]:
        """Run a shell command by qemu-ga: exit code and output."""
        pid = self.qga("guest-exec", path="/bin/sh", arg=["-c", shell + " 2>&1"], **{"capture-output": True})["pid"]
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            status = self.qga("guest-exec-status", pid=pid)
            if status["exited"]:
                return status.get("exitcode", -1), base64.b64decode(status.get("out-data", "")).decode()
            time.sleep(0.05)  # qemu-ga has no event for this
        raise AssertionError(f"{shell!r} wasn't done within {ANSWER_SECONDS} s")

    def type(self, qcodes: str) -> None:
        """Type on the first keyboard that QEMU chooses, each edge when the guest has seen the one before."""
        for qcode in qcodes.split():
            keys = qcode.split("-")
            for key, down in [(key, True) for key in keys] + [(key, False) for key in reversed(keys)]:
                edge = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
                self.qmp("input-send-event", events=[edge])
                self._wait_for_key_edge()

    def _wait_for_key_edge(self) -> None:
        while True:
            message = self.agent.receive()
            if message.get("type") == "observations" and any(event[1] == 1 for event in message["events"]):
                return

    def console(self) -> str:
        return self.serial_log.read_text(errors="replace") if self.serial_log.exists() else ""

    def resident_mib(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


HARDWARE = ("-device", "qemu-xhci,id=usb", "-device", "usb-tablet,bus=usb.0", "-device", "virtio-tablet-pci")


@pytest.fixture(scope="module")
def guest(guest_image: GuestImage, accelerator: Any) -> Iterator[Guest]:
    """A guest whose both agents have answered; shared, so leave both running."""
    directory = Path(tempfile.mkdtemp(prefix="atp-image-", dir="/tmp"))  # short: UNIX sockets
    try:
        guest = Guest(guest_image, accelerator.kind, directory, HARDWARE)
        try:
            guest.wait_for_agent()
            guest.sync_qga()
            yield guest
        finally:
            guest.kill()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def own_guest(guest_image: GuestImage, accelerator: Any) -> Iterator[Guest]:
    """A guest that the test may end."""
    directory = Path(tempfile.mkdtemp(prefix="atp-image-", dir="/tmp"))
    try:
        guest = Guest(guest_image, accelerator.kind, directory)
        try:
            guest.wait_for_agent()
            guest.sync_qga()
            yield guest
        finally:
            guest.kill()
    finally:
        shutil.rmtree(directory)


def test_a_96_mib_guest_boots_to_an_agent_that_knows_the_vm_and_all_its_devices(
    guest: Guest, guest_image: GuestImage, record_property: Any
) -> None:
    assert guest.hello["vm_id"] == SERIAL
    assert guest.hello["vm_id_source"] == "dmi_serial"
    guest.devices(lambda devices: {"i8042", "usb", "virtio"} <= {device["bus"] for device in devices})
    sizes = {file.name: file.stat().st_size for file in (guest_image.kernel, guest_image.initrd, guest_image.disk)}
    figures = {"seconds_to_agent": round(guest.seconds_to_agent, 2), "resident_mib": guest.resident_mib(), **sizes}
    record_property("guest_image", figures)
    print(f"guest image: {figures}")


def test_qemu_ga_runs_a_command_and_answers_its_output_and_exit_code(guest: Guest) -> None:
    assert guest.run("echo atp; uname -r; exit 7") == (7, f"atp\n{guest.run('uname -r')[1]}")
    assert guest.run("hostname") == (0, f"{SERIAL}\n")


def test_keys_typed_by_qmp_run_a_command_in_the_shell_on_the_screen(guest: Guest) -> None:
    guest.type("t o u c h spc slash t m p slash t y p e d ret")
    guest.type("t t y shift-dot slash t m p slash t t y ret")
    assert _eventually(guest, "cat /tmp/tty", "/dev/tty1\n")
    assert guest.run("ls /tmp/typed") == (0, "/tmp/typed\n")
    assert "atp:~# tty>/tmp/tty" in guest.run("fold -w 80 </dev/vcs1")[1], "the typed text isn't on the screen"


def test_ctrl_c_interrupts_a_running_command_in_the_shell(guest: Guest) -> None:
    guest.type("s l e e p spc 1 0 0 0 ret")
    assert _eventually(guest, "pidof sleep >/dev/null && echo running", "running\n")
    guest.type("ctrl-c")
    guest.type("e c h o spc b a c k shift-dot slash t m p slash b a c k ret")
    assert _eventually(guest, "cat /tmp/back", "back\n")


def test_the_agent_can_be_stopped_and_started_from_outside(guest: Guest) -> None:
    assert guest.run("atp-agent stop; atp-agent status") == (3, "stopped\nstopped\n")
    assert guest.run("atp-agent start")[0] == 0
    guest.wait_for_agent()
    assert guest.run("atp-agent status") == (0, "running\n")


def test_an_agent_that_is_killed_is_started_again(guest: Guest) -> None:
    before = guest.run("cat /run/atp-agent.pid")[1]
    guest.run("kill -KILL $(cat /run/atp-agent.pid)")
    guest.wait_for_agent()
    assert guest.run("cat /run/atp-agent.pid")[1] != before


def test_a_keyboard_plugged_into_a_running_guest_is_found(guest: Guest) -> None:
    def keyboards(devices: list[dict[str, Any]]) -> set[str]:
        return {device["id"] for device in devices if device["bus"] == "usb" and device["keyboard"]}

    tablet_is_there = guest.devices(lambda devices: "usb" in {device["bus"] for device in devices})
    assert keyboards(tablet_is_there) == set()
    guest.qmp("device_add", driver="usb-kbd", id="late", bus="usb.0")
    assert len(keyboards(guest.devices(lambda devices: bool(keyboards(devices))))) == 1
    guest.qmp("device_del", id="late")
    guest.devices(lambda devices: not keyboards(devices))


@pytest.mark.parametrize("way", ["qga", "acpi"])
def test_a_guest_powers_itself_off_when_asked(own_guest: Guest, way: str) -> None:
    if way == "qga":
        own_guest.qga_without_answer("guest-shutdown", mode="powerdown")
    else:
        assert _eventually(own_guest, "pidof dd >/dev/null && echo waiting", "waiting\n")
        own_guest.qmp("system_powerdown")
    assert own_guest.process.wait(ANSWER_SECONDS) == 0, own_guest.console()


def test_a_guest_reboots_to_a_working_agent_and_keeps_its_disk(own_guest: Guest) -> None:
    boot_id = own_guest.hello["boot_id"]
    assert own_guest.run("echo kept >/root/kept")[0] == 0
    own_guest.qga_without_answer("guest-shutdown", mode="reboot")
    own_guest.qmp_event("RESET")
    own_guest.started = time.monotonic()
    assert own_guest.wait_for_agent()["boot_id"] != boot_id
    own_guest.sync_qga()
    assert own_guest.run("cat /root/kept") == (0, "kept\n")


def _eventually(guest: Guest, shell: str, output: str) -> bool:
    """Whether the command comes to print that: the shell on the screen has no way to tell when it is done."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if guest.run(shell)[1] == output:
            return True
        time.sleep(0.1)
    return False
