"""A real guest for the agent: the lab's image in QEMU, its port and QEMU's monitor on UNIX sockets."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PORT = "com.vmagent.sock"
BOOT_SECONDS = 120.0  # of patience on a busy machine; idle it takes 3
ANSWER_SECONDS = 30.0


class JsonLines:
    """One JSON message a line over a UNIX socket, with a deadline on every read. Lines that are no JSON are counted."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(ANSWER_SECONDS)
        self._rest = b""
        self.skipped = 0

    def send(self, *messages):
        self.socket.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def receive(self, timeout=ANSWER_SECONDS):
        self.socket.settimeout(timeout)
        while True:
            while b"\n" not in self._rest:
                data = self.socket.recv(65536)
                if not data:
                    raise EOFError("the other side closed the connection")
                self._rest += data
            line, self._rest = self._rest.split(b"\n", 1)
            if not line.strip():
                continue
            try:
                return json.loads(line)
            except ValueError:
                self.skipped += 1

    def until(self, kind, timeout=ANSWER_SECONDS, **wanted):
        """The next message of this type and with these fields; others are passed over."""
        end = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.01, end - time.monotonic()))
            if message.get("type") == kind and wanted.items() <= message.items():
                return message

    def close(self):
        self.socket.close()


class Guest:
    """A running guest. `kernel`, `initrd`, `disk` and `cmdline` are the lab's image's."""

    def __init__(self, image):
        self.directory = Path(tempfile.mkdtemp(prefix="atp-agent-"))
        command = ["qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-machine", "pc", "-m", "128", "-nodefaults"]
        command += [
            "-no-user-config",
            "-display",
            "none",
            "-vga",
            "std",
            "-serial",
            f"file:{self.directory / 'console'}",
        ]
        command += ["-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", image.cmdline]
        command += ["-drive", f"file={image.disk},if=virtio,snapshot=on", "-device", "virtio-serial-pci"]
        for number, name in enumerate((PORT, "org.qemu.guest_agent.0")):
            command += ["-chardev", f"socket,id=port{number},path={self.directory / name},server=on,wait=off"]
            command += ["-device", f"virtserialport,chardev=port{number},name={name}"]
        command += ["-device", "piix3-usb-uhci,id=usb", "-device", "usb-tablet", "-device", "virtio-keyboard-pci"]
        command += ["-smbios", "type=1,serial=agent-test", "-smbios", "type=3,asset=atp-token:t0ken"]
        command += ["-qmp", f"unix:{self.directory / 'qmp'},server=on,wait=off"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._monitor = self._open_monitor()
            self.qmp("qmp_capabilities")
            self.host = self.connect()
            self.hello = self._wait_for_hello()
            self._guest_agent = JsonLines(self.directory / "org.qemu.guest_agent.0")
        except BaseException:
            self.close()
            raise

    def _open_monitor(self):
        end = time.monotonic() + ANSWER_SECONDS
        while True:  # QEMU makes its sockets before the guest runs; nothing announces them
            try:
                return JsonLines(self.directory / "qmp")
            except OSError:
                assert self.process.poll() is None, "QEMU ended"
                assert time.monotonic() < end, "QEMU made no monitor socket"
                time.sleep(0.02)

    def _wait_for_hello(self):
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            try:
                return self.greet(f"boot {time.monotonic()}", timeout=1.0)
            except TimeoutError:
                assert self.process.poll() is None, "QEMU ended"
        raise AssertionError(f"no hello within {BOOT_SECONDS} s; the console says:\n{self.console()}")

    def console(self):
        return (self.directory / "console").read_text(errors="replace")[-3000:]

    def connect(self):
        """Open the agent's port on the host side."""
        self.host = JsonLines(self.directory / PORT)
        return self.host

    def greet(self, nonce, timeout=ANSWER_SECONDS):
        self.host.socket.sendall(b"\n")
        self.host.send({"type": "hello", "nonce": nonce, "protocol": 1})
        return self.host.until("hello", timeout, nonce=nonce)

    def qmp(self, command, **arguments):
        self._monitor.send({"execute": command, "arguments": arguments})
        while True:
            message = self._monitor.receive()
            assert "error" not in message, message
            if "return" in message:
                return message["return"]

    def edge(self, qcode, down):
        key = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": qcode}}}
        self.qmp("input-send-event", events=[key])

    def shell(self, command):
        """Run a command in the guest through qemu-ga and return what it printed."""
        self._guest_agent.send(
            {
                "execute": "guest-exec",
                "arguments": {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True},
            }
        )
        pid = self._guest_agent.receive()["return"]["pid"]
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            self._guest_agent.send({"execute": "guest-exec-status", "arguments": {"pid": pid}})
            status = self._guest_agent.receive()["return"]
            if status["exited"]:
                return base64.b64decode(status.get("out-data", "")).decode()
            time.sleep(0.02)  # qemu-ga announces no end
        raise AssertionError(f"{command!r} didn't end within {ANSWER_SECONDS} s")

    def close(self):
        self.process.kill()
        self.process.wait(30)
        shutil.rmtree(self.directory)
