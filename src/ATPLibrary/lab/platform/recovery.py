"""What a server does when it starts: finishes what a killed one left half done, so that libvirt, disk and database agree."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import domain_xml, files, libvirt_calls
from ATPLibrary.lab.platform.codes import Freeze, Refusal
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import COMPLETING, MOVING, TURNING, UNFINISHED, VmRow

if TYPE_CHECKING:
    from ATPLibrary.lab.platform.routes.common import Platform

LOG = logging.getLogger(__name__)

# How long a VM stays in the recycle bin.
RECYCLE_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Left:
    """What there is before the server's first answer: what it begins itself from then on is none of it."""

    unfinished: Sequence[Record]
    completing: Sequence[Record]
    turning: Sequence[Record]
    moving: Sequence[Record]
    rows: Sequence[VmRow]
    volumes: Sequence[Record]
    strays: Sequence[Path]

    @classmethod
    def of(cls, platform: Platform) -> Left:
        all_of = platform.store.records.all
        return cls(
            all_of(UNFINISHED),
            all_of(COMPLETING),
            all_of(TURNING),
            all_of(MOVING),
            platform.store.vms(),
            all_of("volume"),
            platform.model_making.strays(),
        )


async def recover(platform: Platform, left: Left) -> None:
    """Runs beside the server's first answers. What can't be done now is left to the next start."""
    store = platform.store
    await platform.pools.clean_up()
    half = [begun["id"] for begun in left.unfinished]
    old = [row.id for row in left.rows if row.recycled and row.recycled + RECYCLE_SECONDS < time.time()]
    known = store.vms_by_id([*half, *old])
    for row in known.values():
        why = "left half made or removed" if row.id in half else "recycled"
        LOG.warning("VM %r is removed: it was %s", row.name, why)
        await _or_said(f"VM '{row.name}'", platform.batches.remove([row]))
    for id in half:
        if id not in known:
            store.end(UNFINISHED, id)
    await _or_said("models", platform.model_making.clean_up(left.completing, left.turning, left.strays))
    await _or_said("VMs on their way to another host", platform.migrating.clean_up(left.moving))
    await _or_said("restore points", _restore_points(store, platform.machines, left.rows))
    await _or_said("volumes", _volumes(store, platform.machines, left.volumes))


async def _or_said(what: str, work: Awaitable[None]) -> None:
    try:
        await work
    except (ATPError, OSError, Refusal) as error:
        LOG.error("%s: left half done until the next start: %s", what, error)


async def _restore_points(store: Store, machines: Machines, left: Sequence[VmRow]) -> None:
    """A restore point is there where its file is; a disk that was being put back is put back."""
    for row in store.vms_by_id([row.id for row in left]).values():
        directory = machines.directory(row)
        frozen = (directory / files.FROZEN).exists()
        if frozen and not (directory / files.DISK).exists():
            await machines.files(f"The restore point of VM '{row.name}'", files.put_back, directory)
        if frozen != bool(row.freeze):
            LOG.warning("VM %r has %s restore point, the database was wrong", row.name, "a" if frozen else "no")
            store.change_vms([row.id], freeze=int(Freeze.START if frozen else Freeze.NEVER))


async def _volumes(store: Store, machines: Machines, left: Sequence[Record]) -> None:
    """A volume is there where its file is, and a VM has it where libvirt says so; those of VMs that are gone are free."""
    models = {model["id"] for model in store.records.all("model")}
    for volume in left:
        if not await machines.files("A volume's file", Path(volume["path"]).exists):
            LOG.warning("volume %r is forgotten: it has no file", volume["name"])
            store.records.remove("volume", volume["id"])
            continue
        if not volume["vm"] or volume["vm"] in models:
            continue
        row = store.vms_by_id([volume["vm"]]).get(volume["vm"])
        if row is not None:
            xml = await machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
            if any(disk.file == volume["path"] for disk in domain_xml.disks(xml)):
                continue
        LOG.warning("volume %r is free: no VM has it", volume["name"])
        store.records.change("volume", volume["id"], vm="")
