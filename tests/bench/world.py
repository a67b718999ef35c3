"""The benchmark's own world: one libvirt host and one VM at a time, gone when it ends."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ATPLibrary import events
from ATPLibrary.lab import accelerator, image
from ATPLibrary.lab.hosts import LabHost, short_directory
from ATPLibrary.lab.machine import AGENT_CHANNEL, MODELS, MachineSpec, create_overlay, domain_xml, remove_files
from ATPLibrary.protocol.virtio_serial import open_channel
from ATPLibrary.transport import Domain, Transport
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
async def running_vm(world: World, keyboard: str) -> AsyncIterator[BenchVm]:
    """Define and boot a VM with that keyboard; destroyed at the end."""
    model = next(model for model, kind in MODELS.items() if kind == keyboard)
    spec = MachineSpec(
        name=f"bench-{keyboard}",
        uuid=str(uuid.uuid4()),
        image=world.image,
        accelerator=world.accelerator,
        directory=world.host.directory,
        model=model,
        listen=world.host.ip,
    )
    transport = Transport(events.bus())
    transport.add_host("bench", world.host.uri)
    create_overlay(spec)
    try:
        host = await transport.host("bench", CALL_SECONDS)
        await host.call("define a VM", lambda connection: connection.defineXML(domain_xml(spec)), timeout=CALL_SECONDS)
        domain = await host.lookup(spec.uuid, CALL_SECONDS)
        world.progress(f"booting a VM with a {keyboard} keyboard")
        await domain.start(CALL_SECONDS)
        try:
            session = AgentSession(
                lambda: open_channel(domain, AGENT_CHANNEL, timeout=CALL_SECONDS), spec.name, events.bus(), spec.token
            )
            try:
                await session.start(BOOT_SECONDS)
                yield BenchVm(keyboard, domain, session, world.host.uri, spec.qmp_socket)
            finally:
                await session.close()
        finally:
            await domain.destroy(CALL_SECONDS)
            await domain.call("undefine", lambda virtual: virtual.undefine(), timeout=CALL_SECONDS)
    finally:
        await transport.close(CALL_SECONDS)
        remove_files(spec)
