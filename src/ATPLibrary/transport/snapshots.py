"""Snapshots of a VM: its disks and, if it runs, its memory, kept inside its qcow2 images (libvirt's internal snapshots).

A revert replaces the QEMU process: channels end and open anew, the guest's clock and the agent's numbers are the snapshot's.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import CommandError, InputError, VmStateError
from ATPLibrary.transport.jobs import run_job
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain

# virErrorNumber and virDomainSnapshotDeleteFlags (libvirt-domain.h)
_NO_SUCH_SNAPSHOT = "72"
_WITH_CHILDREN = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`state` is the VM's when it was taken ("running", "shutoff"); `created` counts seconds since the epoch."""

    name: str
    description: str
    state: str
    created: float
    parent: str | None
    has_memory: bool
    is_current: bool


async def create_snapshot(domain: Domain, name: str, description: str, timeout: float) -> Snapshot:
    """Take a snapshot; a running VM stands still meanwhile and runs on after it. `CommandError` when the name is taken.

    A deadline that passes calls it off.
    """
    if not name or "/" in name:
        raise InputError(f"A snapshot can't be named {name!r}: give a name without '/'.")
    xml = _request(name, description)
    left = remaining(timeout)
    what = f"take snapshot '{name}'"
    await run_job(domain, what, lambda handle: handle.snapshotCreateXML(xml, 0).getName(), timeout=left())
    return await snapshot(domain, name, left())


async def snapshot(domain: Domain, name: str, timeout: float) -> Snapshot:
    """One snapshot. `VmStateError` names those that there are."""
    left = remaining(timeout)
    try:
        return await domain.call(f"show snapshot '{name}'", _read_one, name, timeout=left(), idempotent=True)
    except CommandError as error:
        raise await _explained(domain, name, error, left()) from error


async def snapshots(domain: Domain, timeout: float) -> list[Snapshot]:
    """All of them, oldest first."""
    found = await domain.call("list its snapshots", _read_all, timeout=timeout, idempotent=True)
    return sorted(found, key=lambda each: (each.created, each.name))


async def revert_to_snapshot(domain: Domain, name: str, timeout: float) -> None:
    """Put the VM back to where it was; done when it is in the snapshot's state."""
    left = remaining(timeout)

    def revert(handle: libvirt.virDomain) -> None:
        handle.revertToSnapshot(handle.snapshotLookupByName(name), 0)

    try:
        await domain.call(f"go back to snapshot '{name}'", revert, timeout=left())
    except CommandError as error:
        raise await _explained(domain, name, error, left()) from error


async def delete_snapshot(domain: Domain, name: str, timeout: float, *, children: bool = False) -> None:
    """Delete it, and with `children` those that were taken after it. The VM stays as it is."""
    left = remaining(timeout)

    def delete(handle: libvirt.virDomain) -> None:
        handle.snapshotLookupByName(name).delete(_WITH_CHILDREN if children else 0)

    try:
        await domain.call(f"delete snapshot '{name}'", delete, timeout=left())
    except CommandError as error:
        raise await _explained(domain, name, error, left()) from error


async def _explained(domain: Domain, name: str, error: CommandError, timeout: float) -> CommandError | VmStateError:
    if error.error_class != _NO_SUCH_SNAPSHOT:
        return error
    names = [each.name for each in await snapshots(domain, timeout)]
    return VmStateError.about(
        f"VM '{domain.name}' on host '{domain.host.name}'",
        wanted=f"have a snapshot '{name}'",
        got=f"has {', '.join(names)}" if names else "has none",
        next_step="Take one with 'Create Snapshot'" if not names else "",
    )


def _request(name: str, description: str) -> str:
    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "description").text = description
    return ET.tostring(root, encoding="unicode")


def _read_one(handle: libvirt.virDomain, name: str) -> Snapshot:
    return _read(handle.snapshotLookupByName(name))


def _read_all(handle: libvirt.virDomain) -> list[Snapshot]:
    return [_read(each) for each in handle.listAllSnapshots()]


def _read(taken: libvirt.virDomainSnapshot) -> Snapshot:
    root = ET.fromstring(taken.getXMLDesc())
    memory = root.find("memory")
    return Snapshot(
        name=root.findtext("name", ""),
        description=root.findtext("description", ""),
        state=root.findtext("state", ""),
        created=float(root.findtext("creationTime", "0")),
        parent=root.findtext("parent/name"),
        has_memory=memory is not None and memory.get("snapshot") != "no",
        is_current=bool(taken.isCurrent()),
    )
