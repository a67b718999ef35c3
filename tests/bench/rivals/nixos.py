"""As NixOS's test driver types (`send_chars` of nixpkgs' nixos/lib/test-driver): `sendkey` on QEMU's monitor for people, its prompt
waited for, then 10 ms. The driver itself starts its own VMs only, so this is a sender of the same pacing on the same interface.
"""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from ..world import BenchVm

DELAY = 0.01  # seconds after each key: its default
PROMPT = b"(qemu) "
SECONDS = 10.0


async def type_text(vm: BenchVm, text: str) -> None:
    await asyncio.to_thread(_type, vm.human_monitor, text)


def _type(path: Path, text: str) -> None:
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(SECONDS)
        monitor.connect(str(path))
        _wait_for_prompt(monitor)
        for character in text:
            monitor.sendall(b"sendkey %s\n" % (b"spc" if character == " " else character.encode()))
            _wait_for_prompt(monitor)
            time.sleep(DELAY)


def _wait_for_prompt(monitor: socket.socket) -> None:
    answer = b""
    while not answer.endswith(PROMPT):
        part = monitor.recv(1024)
        if not part:
            raise ConnectionError("QEMU closed its monitor")
        answer += part
