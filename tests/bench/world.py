"""The benchmark's own world: one libvirt host and one VM at a time, gone when it ends."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from ATPLibrary import events
from ATPLibrary.lab import accelerator, image
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.machine import (
    AGENT_CHANNEL,
    MODELS,
    QEMU_NAMESPACE,
    MachineSpec,
    create_overlay,
    domain_xml,
    remove_files,
)
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import Domain, HostConnection, Transport
from ATPLibrary.verifier import AgentSession

BOOT_SECONDS = 120.0
CALL_SECONDS = 30.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class World:
    host: LabHost
    image: Any
    accelerator: Any
    progress: Progress


@dataclass(frozen=True)
class BenchVm:
    """A running VM whose agent answers."""

    keyboard: str
    domain: Domain
    session: AgentSession
    uri: str
    qmp_socket: Path
    human_monitor: Path  # QEMU's monitor for people, for a peer that speaks to that


@contextlib.contextmanager
def libvirt_host(progress: Progress) -> Iterator[LabHost]:
    """A libvirt daemon of the benchmark's own, with nothing on it."""
    with tempfile.TemporaryDirectory(prefix="atp-bench-") as temporary:
        directory = Path(temporary)
        short = short_directory(directory)
        # Not 127.0.0.1: libvirt refuses that as the address by which VMs come from other hosts.
        host = LabHost("bench", str(uuid.uuid4()), "127.0.0.2", short / "b", directory)
        try:
            progress("starting a libvirt daemon")
            host.wait_until_ready(host.start())
            yield host
        finally:
            host.stop()
            with contextlib.suppress(OSError):
                short.rmdir()


@contextlib.contextmanager
def world(progress: Progress) -> Iterator[World]:
    built = image.build(progress)
    verdict = accelerator.decide(built, progress)
    progress(f"accelerator: {verdict.kind} ({verdict.reason})")
    with libvirt_host(progress) as host:
        yield World(host, built, verdict, progress)


@contextlib.asynccontextmanager
async def connection(world: World) -> AsyncIterator[HostConnection]:
    """The host, connected; its VMs are the caller's affair."""
    transport = Transport(events.bus())
    transport.add_host("bench", world.host.uri)
    try:
        yield await transport.host("bench", CALL_SECONDS)
    finally:
        await transport.close(CALL_SECONDS)


@contextlib.asynccontextmanager
async def running_vm(world: World, keyboard: str) -> AsyncIterator[BenchVm]:
    """A host connected, and a VM with that keyboard booted on it; both gone at the end."""
    async with connection(world) as host, booted_vm(world, host, keyboard, f"bench-{keyboard}") as vm:
        yield vm


@contextlib.asynccontextmanager
async def booted_vm(world: World, host: HostConnection, keyboard: str, name: str) -> AsyncIterator[BenchVm]:
    """Define and boot a VM with that keyboard until its agent answers; destroyed at the end."""
    model = next(model for model, kind in MODELS.items() if kind == keyboard)
    spec = MachineSpec(
        name=name,
        uuid=str(uuid.uuid4()),
        image=world.image,
        accelerator=world.accelerator,
        directory=world.host.directory,
        model=model,
        listen=world.host.ip,
    )
    monitor = spec.files / "monitor"
    xml = _with_human_monitor(domain_xml(spec), monitor)
    create_overlay(spec)
    try:
        await host.call("define a VM", lambda connection: connection.defineXML(xml), timeout=CALL_SECONDS)
        domain = await host.lookup(spec.uuid, CALL_SECONDS)
        try:
            world.progress(f"booting {name} with a {keyboard} keyboard")
            await domain.start(CALL_SECONDS)
            session = AgentSession(
                lambda: open_channel(domain, AGENT_CHANNEL, timeout=CALL_SECONDS), spec.name, events.bus(), spec.token
            )
            try:
                await session.start(BOOT_SECONDS)
                yield BenchVm(keyboard, domain, session, world.host.uri, spec.qmp_socket, monitor)
            finally:
                await session.close()
        finally:
            await domain.call("remove", _remove, timeout=CALL_SECONDS)
    finally:
        monitor.unlink(missing_ok=True)
        remove_files(spec)


def _remove(domain: Any) -> None:
    if domain.isActive():
        domain.destroy()
    domain.undefine()


def _with_human_monitor(xml: str, path: Path) -> str:
    ET.register_namespace("qemu", QEMU_NAMESPACE)
    domain = ET.fromstring(xml)
    commandline = domain.find(f"{{{QEMU_NAMESPACE}}}commandline")
    assert commandline is not None
    for argument in (
        "-chardev",
        f"socket,id=people,path={path},server=on,wait=off",
        "-mon",
        "chardev=people,mode=readline",
    ):
        ET.SubElement(commandline, f"{{{QEMU_NAMESPACE}}}arg", {"value": argument})
    return ET.tostring(domain, encoding="unicode")
