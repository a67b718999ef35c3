"""Real QEMU processes behind a real libvirt daemon: how long 50 VMs take to connect, and what a QMP command costs with them.

The VMs have firmware, 32 MiB, a QMP socket and no guest; they are started paused, which QMP doesn't mind. The rows of commands
stand beside the same number of emulated VMs, asked by the same process: what the emulated ones say is worth as much as these agree.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import time
from pathlib import Path
from xml.etree import ElementTree as ET

from ATPLibrary import runtime
from ATPLibrary.config import Config
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.orchestrator import Machine, Workspace

from ..rows import Row
from ..world import Progress, libvirt_host
from .fleet import HOST, SECONDS, Fleet
from .names import name_of, uuid_of
from .operations import measure as measure_operation
from .rates import peers

VMS, QUICK_VMS = 50, 10
WARM_SECONDS = 1.0
ROUNDS = 5
COMMANDS = 3000
MEMORY_MIB = 32
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def measure(directory: Path, progress: Progress, *, quick: bool) -> list[Row]:
    vms = QUICK_VMS if quick else VMS
    with libvirt_host(progress) as host, peers(directory, vms):
        return runtime.wait(_measure(host, directory, vms, progress), 600, "Measuring real VMs")


async def _measure(host: LabHost, directory: Path, vms: int, progress: Progress) -> list[Row]:
    workspace = _workspace(host)
    progress(f"many: starting {vms} bare QEMU processes")
    sockets = await _start(workspace, host, vms)
    try:
        rows = [await _warm_connect(host, sockets, progress)]
        machines = await _connect(workspace, vms)
        fleet = Fleet(directory, range(vms))
        try:
            await fleet.connect(await fleet.look_up())
            rows += [await _commands(machines[:n], fleet.machines[:n], progress) for n in sorted({1, 10, vms})]
        finally:
            await fleet.close()
        return rows
    finally:
        await workspace.close(SECONDS)
        await _destroy(host, vms)


def _workspace(host: LabHost) -> Workspace:
    return Workspace(Config(hosts={HOST: {"uri": host.uri}}, qmp="direct"))


def _domain_xml(number: int, qmp: Path) -> str:
    ET.register_namespace("qemu", QEMU)
    domain = ET.Element("domain", type="qemu")
    ET.SubElement(domain, "name").text = name_of(number)
    ET.SubElement(domain, "uuid").text = uuid_of(number)
    ET.SubElement(domain, "memory", unit="MiB").text = str(MEMORY_MIB)
    ET.SubElement(ET.SubElement(domain, "os"), "type", arch="x86_64", machine="pc").text = "hvm"
    devices = ET.SubElement(domain, "devices")
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    commandline = ET.SubElement(domain, f"{{{QEMU}}}commandline")
    for argument in ("-chardev", f"socket,id=q,path={qmp},server=on,wait=off", "-mon", "chardev=q,mode=control"):
        ET.SubElement(commandline, f"{{{QEMU}}}arg", value=argument)
    return ET.tostring(domain, encoding="unicode")


async def _start(workspace: Workspace, host: LabHost, vms: int) -> list[Path]:
    import libvirt

    directory = host.directory / "q"
    directory.mkdir()
    owner = host.directory.stat()  # the daemon's user, which isn't always us
    if owner.st_uid != os.geteuid():
        os.chown(directory, owner.st_uid, owner.st_gid)
    sockets = [directory / str(number) for number in range(vms)]
    connection = await workspace.host(HOST, SECONDS)
    xmls = [_domain_xml(number, path) for number, path in enumerate(sockets)]

    def start(handle: libvirt.virConnect, xml: str) -> None:
        handle.defineXML(xml).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)

    await asyncio.gather(*(connection.call("start a VM", start, xml, timeout=SECONDS) for xml in xmls))
    return sockets


async def _destroy(host: LabHost, vms: int) -> None:
    import libvirt

    def destroy() -> None:
        handle = libvirt.open(host.uri)
        try:
            for number in range(vms):
                domain = handle.lookupByUUIDString(uuid_of(number))
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        finally:
            handle.close()

    await asyncio.to_thread(destroy)


async def _connect(workspace: Workspace, vms: int) -> list[Machine]:
    """Each VM found by its name, its QMP channel open."""

    async def one(name: str) -> Machine:
        machine = await workspace.machine(name, timeout=SECONDS)
        await machine.qmp(SECONDS)
        return machine

    return list(await asyncio.gather(*(one(name_of(number)) for number in range(vms))))


async def _warm_connect(host: LabHost, sockets: list[Path], progress: Progress) -> Row:
    vms = len(sockets)
    progress(f"many: connecting to {vms} VMs on a warm host")
    ours, bare = [], []
    for _ in range(ROUNDS):
        workspace = _workspace(host)
        try:
            await workspace.host(HOST, SECONDS)
            started = time.perf_counter()
            await _connect(workspace, vms)
            ours.append(time.perf_counter() - started)
        finally:
            await workspace.close(SECONDS)
        bare.append(await asyncio.to_thread(_connect_bare, host.uri, sockets))
    more = {"vms": vms, "worst": round(max(ours), 3)}
    aim, met = (
        (f"under {WARM_SECONDS:g} s, the worst of {ROUNDS} too", max(ours) < WARM_SECONDS) if vms >= VMS else ("", None)
    )
    unit = f"s, {vms} VMs found and QMP open"
    peer = "bare libvirt-python and sockets"
    return Row("many.connect", statistics.median(ours), unit, peer, statistics.median(bare), aim, met, more)


def _connect_bare(uri: str, sockets: list[Path]) -> float:
    """The same, one after the other, and no more than that: find it, ask its state and XML, negotiate, ask its UUID."""
    import libvirt

    handle = libvirt.open(uri)
    opened = []
    try:
        started = time.perf_counter()
        for number, path in enumerate(sockets):
            domain = handle.lookupByName(name_of(number))
            domain.state()
            domain.XMLDesc(0)
            qmp = socket.socket(socket.AF_UNIX)
            opened.append(qmp)
            qmp.settimeout(SECONDS)
            qmp.connect(str(path))
            with qmp.makefile("rwb", buffering=0) as stream:
                stream.readline()
                for command in (b'{"execute":"qmp_capabilities"}', b'{"execute":"query-uuid"}'):
                    stream.write(command)
                    stream.readline()
        return time.perf_counter() - started
    finally:
        for qmp in opened:
            qmp.close()
        handle.close()


async def _commands(real: list[Machine], emulated: list[Machine], progress: Progress) -> Row:
    vms = len(real)
    progress(f"many: QMP commands to {vms} real VMs at once")
    found = {}
    for _ in range(2):  # the first fills caches
        for kind, machines in (("real", real), ("emulated", emulated)):

            async def query(index: int, machines: list[Machine] = machines) -> None:
                await (await machines[index].qmp(SECONDS)).query_status(SECONDS)

            found[kind] = await measure_operation(query, vms, COMMANDS)
    rates = {kind: one["operations"] / one["seconds"] for kind, one in found.items()}
    more = {
        f"{prefix}{figure}": round(found[kind][figure], 3)
        for prefix, kind in (("", "real"), ("peer_", "emulated"))
        for figure in ("cpu_us", "p50", "p99")
    }
    unit = "QMP commands/s, real QEMU"
    return Row(f"many.real.{vms}", rates["real"], unit, "emulated", rates["emulated"], more=more)
