"""What a server does when it starts: finishes what a killed one left half done, so that libvirt, disk and database agree."""

from __future__ import annotations

import logging
import time

from ATPLibrary.errors import ATPError
from ATPLibrary.lab.platform import files
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.codes import Freeze
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.store import Store

LOG = logging.getLogger(__name__)

# How long a VM stays in the recycle bin.
RECYCLE_SECONDS = 7 * 24 * 3600.0


async def recover(store: Store, machines: Machines, batches: Batches, pools: Pools) -> None:
    """Runs beside the server's first answers."""
    await pools.clean_up()
    half_made = [making["id"] for making in store.records.all("making")]
    old = [row.id for row in store.vms() if row.recycled and row.recycled + RECYCLE_SECONDS < time.time()]
    for row in store.vms_by_id([*half_made, *old]).values():
        LOG.warning("VM %r is removed: it was %s", row.name, "left half made" if row.id in half_made else "recycled")
        try:
            await batches.remove([row])
        except (ATPError, OSError) as error:
            LOG.error("VM %r stays: %s", row.name, error)
    for id in half_made:
        store.records.remove("making", id)
    await _restore_points(store, machines)
    _volumes(store)


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


def _volumes(store: Store) -> None:
    """Volumes of VMs that are gone are free."""
    known = {row.id for row in store.vms()} | {model["id"] for model in store.records.all("model")}
    for volume in store.records.all("volume"):
        if volume["vm"] and volume["vm"] not in known:
            store.records.change("volume", volume["id"], vm="")
