"""A real QEMU with a SPICE server and no guest, paused at its first instruction: it costs no processor."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ATPLibrary.events import EventBus
from ATPLibrary.lab.ports import free_port
from ATPLibrary.protocol.spice.linking import SpiceLink
from ATPLibrary.protocol.spice.options import SpiceOptions
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import SpiceEndpoint
from ATPLibrary.transport.spice_connection import SpiceVmConnection
from ATPLibrary.transport.spice_tls import SpiceTls

PASSWORD = "let-me-in"
Picture = tuple[int, int, bytes]  # width, height, RGB
# Devices for all ten kinds of channels.
EVERY_CHANNEL = """
    -audiodev spice,id=sound -device intel-hda -device hda-duplex,audiodev=sound
    -device qemu-xhci -chardev spicevmc,id=usb,name=usbredir -device usb-redir,chardev=usb
    -device usb-ccid -chardev spicevmc,id=card,name=smartcard -device ccid-card-passthru,chardev=card
    -device virtio-serial
    -chardev spiceport,id=port,name=org.atp.test -device virtserialport,chardev=port,name=org.atp.test
    -chardev spiceport,id=dav,name=org.spice-space.webdav.0
    -device virtserialport,chardev=dav,name=org.spice-space.webdav.0
""".split()  # noqa: SIM905 - a command line reads as one


@dataclass
class Qemu:
    """`port` and `tls_port` are its SPICE server's."""

    process: subprocess.Popen[bytes]
    monitor: socket.socket
    port: int
    tls_port: int
    bus: EventBus

    def execute(self, command: str, **arguments: Any) -> Any:
        """A QMP command's return value."""
        self.monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            message = json.loads(self._line())
            if "error" in message:
                raise RuntimeError(message["error"])
            if "return" in message:
                return message["return"]

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            piece = self.monitor.recv(1)
            if not piece:
                raise RuntimeError(f"QEMU has ended: {self.process.wait(10)}")
            line += piece
        return line

    def connection(
        self, password: str | None = PASSWORD, *, tls: SpiceTls | None = None, options: SpiceOptions | None = None
    ) -> SpiceVmConnection:
        """A client of it, not connected yet."""
        endpoint = SpiceEndpoint("spiced", "127.0.0.1", self.port, self.tls_port if tls else None)
        ticket = Secret(password) if password is not None else None
        link = SpiceLink(options or SpiceOptions())
        return SpiceVmConnection("spiced", "u-1", endpoint, self.bus, ticket=ticket, tls=tls, link=link)

    def screen(self, directory: Path, **of: Any) -> Picture:
        """What QEMU's own `screendump` shows; `of` may name another screen (device, head)."""
        file = directory / "screen.ppm"
        self.execute("screendump", filename=str(file), **of)
        return ppm(file)


def ppm(file: Path) -> Picture:
    """What such a file shows."""
    data = file.read_bytes()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    assert head is not None, data[:20]
    return int(head[1]), int(head[2]), data[head.end() :]


@contextlib.contextmanager
def qemu(
    *arguments: str,
    spice: str = "password-secret=ticket,port={port}",
    video: Sequence[str] = ("-vga", "std"),
    paused: bool = True,
    environ: Mapping[str, str] | None = None,
    more_fds: Sequence[int] = (),
) -> Iterator[Qemu]:
    """One that has started; `spice` may speak of {port} and {tls_port}, `arguments` of descriptors (`more_fds`)."""
    port, tls_port = free_port(), free_port()
    ours, its = socket.socketpair()
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "tcg", "-m", "64", "-display", "none",
        *(["-S"] if paused else []), *video, "-object", f"secret,id=ticket,data={PASSWORD}",
        "-spice", "addr=127.0.0.1," + spice.format(port=port, tls_port=tls_port),
        "-chardev", f"socket,id=monitor,fd={its.fileno()}", "-mon", "monitor,mode=control", *arguments,
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=[its.fileno(), *more_fds], env={**os.environ, **(environ or {})})
    its.close()
    ours.settimeout(30)
    running = Qemu(process, ours, port, tls_port, EventBus())
    try:
        assert b'"QMP"' in running._line()
        running.execute("qmp_capabilities")
        yield running
    finally:
        process.kill()
        process.wait(10)
        ours.close()


def disk_arguments(disk: Path) -> tuple[str, ...]:
    """How QEMU is told to boot it."""
    return ("-drive", f"file={disk},format=raw,if=ide,index=0")
