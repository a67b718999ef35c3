"""Many VMs as the product sees them: libvirt's `test:///` driver knows the domains, the peers' process holds their sockets.

The Workspace, Machines, connection pool and channels are the real ones. libvirt's test driver keeps of a domain's XML everything
that matters but the QEMU command line, so the one thing that is put in here is where the QMP socket is.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from xml.etree import ElementTree as ET

from ATPLibrary.config import Config
from ATPLibrary.orchestrator import Machine, Workspace
from ATPLibrary.transport import Domain

from .names import AGENT_CHANNEL, agent_socket, name_of, qmp_socket, uuid_of

HOST = "bench"
SECONDS = 120.0  # for anything, with 1,000 at once


def write_node(file: Path, directory: Path, numbers: range) -> None:
    """The XML of a libvirt test host with those VMs, all running."""
    node = ET.Element("node")
    for number in numbers:
        domain = ET.SubElement(node, "domain", type="test")
        ET.SubElement(domain, "name").text = name_of(number)
        ET.SubElement(domain, "uuid").text = uuid_of(number)
        ET.SubElement(domain, "memory", unit="MiB").text = "64"
        ET.SubElement(ET.SubElement(domain, "os"), "type", arch="x86_64").text = "hvm"
        devices = ET.SubElement(domain, "devices")
        ET.SubElement(devices, "input", type="keyboard", bus="ps2")
        channel = ET.SubElement(devices, "channel", type="unix")
        ET.SubElement(channel, "source", mode="bind", path=str(agent_socket(directory, number)))
        ET.SubElement(channel, "target", type="virtio", name=AGENT_CHANNEL)
    file.write_text(ET.tostring(node, encoding="unicode"), encoding="utf-8")


class Fleet:
    """`numbers` of the peers' VMs, connected by one Workspace."""

    def __init__(self, directory: Path, numbers: range) -> None:
        node = directory / f"node-{numbers.start}.xml"
        write_node(node, directory, numbers)
        # Each connection to a test host has a whole host of its own.
        pool = {"max_connections_per_host": 1, "min_connections_per_host": 1}
        self._directory, self._numbers = directory, numbers
        self.workspace = Workspace(Config(hosts={HOST: {"uri": f"test://{node}"}}, pool=pool, qmp="direct"))
        self.machines: list[Machine] = []

    async def look_up(self) -> list[Domain]:
        """Every VM's domain with its description: what libvirt's own part of a VM is."""
        host = await self.workspace.host(HOST, SECONDS)
        domains = await host.list_domains(SECONDS)
        await asyncio.gather(*(domain.description(SECONDS) for domain in domains))
        return domains

    async def connect(self, domains: list[Domain]) -> None:
        """A Machine for each, with QMP open and its agent greeted."""
        for number, domain in zip(self._numbers, domains, strict=True):
            description = await domain.description(SECONDS)
            qmp = qmp_socket(self._directory, number)
            domain._description = dataclasses.replace(description, qmp_socket=qmp)
        self.machines = [self.workspace.adopt(domain) for domain in domains]
        await asyncio.gather(*(self._open(machine) for machine in self.machines))

    async def _open(self, machine: Machine) -> None:
        await machine.qmp(SECONDS)
        await machine.agent(SECONDS)

    async def close(self) -> None:
        await self.workspace.close(SECONDS)
