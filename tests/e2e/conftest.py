"""Everything in this folder boots VMs. The fixtures are in tests/conftest.py; here is what moves VMs."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import MachineSpec, create_overlay, domain_xml, remove_files
from ATPLibrary.transport import Domain

T = TypeVar("T")


async def begun(running: Coroutine[Any, Any, T], command: str) -> asyncio.Task[T]:
    """A task of `running`, which runs that command in the guest; QEMU's agent has said there that it has started it."""
    started, ask = asyncio.Event(), Domain.agent_command

    async def tell(domain: Domain, text: str, *arguments: Any, **named: Any) -> str:
        answer = await ask(domain, text, *arguments, **named)
        if "guest-exec" in text and command in text:
            started.set()
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Domain, "agent_command", tell)
        task, waiting = asyncio.create_task(running), asyncio.create_task(started.wait())
        await asyncio.wait({task, waiting}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    return task


@pytest.fixture
def two_places(
    two_hosts: tuple[LabHost, LabHost], guest_image: Any, accelerator: Any, request: pytest.FixtureRequest
) -> Iterator[tuple[MachineSpec, MachineSpec]]:
    """One VM's files on each of two hosts, running on the first. Its model may be a parameter."""
    import libvirt

    here = MachineSpec(
        name="wanderer", uuid=str(uuid.uuid4()), image=guest_image, accelerator=accelerator,
        directory=two_hosts[0].directory, listen=two_hosts[0].ip, model=getattr(request, "param", "atp-linux"),
    )  # fmt: skip
    there = dataclasses.replace(here, directory=two_hosts[1].directory, listen=two_hosts[1].ip)
    create_overlay(here)
    create_overlay(there)
    connection = libvirt.open(two_hosts[0].uri)
    try:
        connection.defineXML(domain_xml(here)).create()
        yield here, there
    finally:
        connection.close()
        for host, spec in zip(two_hosts, (here, there), strict=True):
            host.stop()
            remove_files(spec)


def moved_xml(text: str, here: MachineSpec, there: MachineSpec, *, disk_too: bool) -> str:
    """The domain XML with the other host's paths and address; its disk stays where it is unless told."""
    text = text.replace(str(here.files), str(there.files)).replace(f"'{here.listen}'", f"'{there.listen}'")
    return text if disk_too else text.replace(str(there.overlay), str(here.overlay))
