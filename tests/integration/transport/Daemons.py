"""Keywords of a test's suite that kill and start libvirt daemons. `directory` is short, and the test's to clear."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import libvirt

from ATPLibrary.lab import processes
from ATPLibrary.lab.hosts import LabHost

VM = (
    "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)


class Daemons:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._hosts: dict[str, LabHost] = {}

    def start_daemon(self, name: str) -> str:
        """Returns its URI."""
        host = self._hosts.setdefault(
            name, LabHost(name, str(uuid.uuid4()), "127.0.0.2", self._directory / name, self._directory)
        )
        host.wait_until_ready(host.start())
        return host.uri

    def kill_daemon(self, name: str) -> None:
        running = [each for each in self._hosts[name].processes() if each.role == f"libvirtd {name}"]
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
        processes.wait(running, 10)

    def freeze_daemon(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw_daemon(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: int) -> None:
        (daemon,) = [each for each in self._hosts[name].processes() if each.role == f"libvirtd {name}"]
        os.kill(daemon.pid, number)

    def define_vm(self, daemon: str, name: str, identity: str) -> None:
        connection = libvirt.open(self._hosts[daemon].uri)
        connection.defineXML(VM.format(name=name, uuid=identity))
        connection.close()

    def undefine_vm(self, daemon: str, name: str) -> None:
        connection = libvirt.open(self._hosts[daemon].uri)
        connection.lookupByName(name).undefine()
        connection.close()

    def stop_daemons(self) -> None:
        for host in self._hosts.values():
            host.stop()
