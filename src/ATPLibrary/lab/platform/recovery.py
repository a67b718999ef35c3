"""What a server does when it starts: finishes what a killed one left half done, so that libvirt, disk and database agree."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from pathlib import Path

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import domain_xml, files, libvirt_calls
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.codes import Freeze
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.model_making import ModelMaking
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import UNFINISHED

LOG = logging.getLogger(__name__)

# How long a VM stays in the recycle bin.
RECYCLE_SECONDS = 7 * 24 * 3600.0


async def recover(store: Store, machines: Machines, batches: Batches, pools: Pools, making: ModelMaking) -> None:
    """Runs beside the server's first answers. What can't be done now is left to the next start."""
    await pools.clean_up()
    half = [begun["id"] for begun in store.records.all(UNFINISHED)]
    old = [row.id for row in store.vms() if row.recycled and row.recycled + RECYCLE_SECONDS < time.time()]
    known = store.vms_by_id([*half, *old])
    for row in known.values():
        LOG.warning(
            "VM %r is removed: it was %s", row.name, "left half made or removed" if row.id in half else "recycled"
        )
        await _or_said(f"VM '{row.name}'", batches.remove([row]))
    for id in half:
        if id not in known:
            store.end(UNFINISHED, id)
    await _or_said("what was being made of models", making.clean_up())
    await _or_said("restore points", _restore_points(store, machines))
    await _or_said("volumes", _volumes(store, machines))


async def _or_said(what: str, work: Awaitable[None]) -> None:
    try:
        await work
    except (ATPError, OSError) as error:
        LOG.error("%s stays as it is: %s", what, error)


async def _restore_points(store: Store, machines: Machines) -> None:
    """A restore point is there where its file is; a disk that was being put back is put back."""
    for row in store.vms():
        directory = machines.directory(row)
        frozen = (directory / files.FROZEN).exists()
        if frozen and not (directory / files.DISK).exists():
            await machines.files(f"The restore point of VM '{row.name}'", files.put_back, directory)
        if frozen != bool(row.freeze):
            LOG.warning("VM %r has %s restore point, the database was wrong", row.name, "a" if frozen else "no")
            store.change_vms([row.id], freeze=int(Freeze.START if frozen else Freeze.NEVER))


async def _volumes(store: Store, machines: Machines) -> None:
    """A volume is there where its file is, and a VM has it where libvirt says so; those of VMs that are gone are free."""
    rows = {row.id: row for row in store.vms()}
    models = {model["id"] for model in store.records.all("model")}
    for volume in store.records.all("volume"):
        if not await machines.files("A volume's file", Path(volume["path"]).exists):
            LOG.warning("volume %r is forgotten: it has no file", volume["name"])
            store.records.remove("volume", volume["id"])
            continue
        if not volume["vm"] or volume["vm"] in models:
            continue
        row = rows.get(volume["vm"])
        if row is not None:
            xml = await machines.ask(row, "tell its XML", libvirt_calls.inactive_xml)
            if any(disk.file == volume["path"] for disk in domain_xml.disks(xml)):
                continue
        LOG.warning("volume %r is free: no VM has it", volume["name"])
        store.records.change("volume", volume["id"], vm="")
