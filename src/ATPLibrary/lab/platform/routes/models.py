"""Models, and clones of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.requests.pools import ModelCloneDto, ModelShareDto, ModelSyncDto
from ATPLibrary.lab.platform.requests.vms import DomainCloneDto, DomainCreateDto
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import EventIdVO, PageResult, answering
from ATPLibrary.lab.platform.shapes.pools import ModelShareVO, ModelUpgradeVO, SyncModelVO
from ATPLibrary.lab.platform.shapes.storage import StorageVolumeVO
from ATPLibrary.lab.platform.shapes.vms import DomainCloneVO, DomainCreateVO, DomainVO

router = group()

PoolId = Annotated[str | None, Query(alias="poolId")]


@router.get("/model", **answering(PageResult[DomainVO]))
async def list_models(
    platform: ThePlatform, keyword: str = "", pool_id: PoolId = None, number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    return paged(_models(platform, keyword, pool_id), number, size)


@router.get("/model/all", **answering(list[DomainVO]))
async def all_models(platform: ThePlatform, pool_id: PoolId = None) -> Answer:
    return answers.envelope(_models(platform, "", pool_id))


@router.post("/model/upgrade-share-check", **answering())
async def check_share(body: ModelShareDto, platform: ThePlatform) -> Answer:
    platform.shares.check(body)
    return done()


@router.post("/model/{id}/clone", **answering(EventIdVO))
async def clone_model(id: str, body: ModelCloneDto, platform: ThePlatform) -> Answer:
    """Make linked clones, named `name`-001 and so on."""
    return answers.envelope({"eventId": platform.making.link(platform.models.get(id), body.name, body.amount)})


@router.post("/model/{id}/rebase", **answering(EventIdVO))
async def rebase_model(id: str, platform: ThePlatform) -> Answer:
    """Put the disks of all its clones, which must be off, back to what it is now."""
    return answers.envelope({"eventId": await platform.model_making.rebase_all(platform.models.get(id))})


@router.get("/model/{id}/storage", **answering(list[StorageVolumeVO]))
async def list_model_disks(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(await platform.model_making.disks(platform.models.get(id)))


@router.post("/model/{id}/sync", **answering(EventIdVO))
async def sync_model(id: str, body: ModelSyncDto, platform: ThePlatform) -> Answer:
    """Copy its disk to other hosts, so that clones can be made there."""
    return answers.envelope(
        {"eventId": platform.model_making.sync(platform.models.get(id), [to.ip for to in body.modelList])}
    )


@router.get("/model/{id}/sync-list", **answering(list[SyncModelVO]))
async def list_sync_targets(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(platform.model_making.sync_targets(platform.models.get(id)))


@router.post("/model/{id}/to-domain", **answering())
async def model_to_vm(id: str, platform: ThePlatform) -> Answer:
    await platform.model_making.to_vm(platform.models.get(id))
    return done()


@router.post("/model/{id}/upgrade", **answering(ModelUpgradeVO))
async def upgrade_model(id: str, platform: ThePlatform) -> Answer:
    """Make a VM over the model's disk, in which its next version is made."""
    row = await platform.model_making.upgrade(platform.models.get(id))
    return answers.envelope({"id": row.id, "hostId": row.host_id, "ip": platform.machines.host(row.host_id).ip})


@router.post("/model/{id}/upgrade-cancel", **answering())
async def cancel_upgrade(id: str, platform: ThePlatform) -> Answer:
    await platform.model_making.cancel_upgrade(platform.models.get(id))
    return done()


@router.post("/model/{id}/upgrade-complete", **answering())
async def complete_upgrade(id: str, platform: ThePlatform) -> Answer:
    """What that VM, which must be off, has on its disk is the model from now on; clones get it when they are rebased."""
    await platform.model_making.complete_upgrade(platform.models.get(id))
    return done()


@router.get("/model/{id}/upgrade-share", **answering(ModelShareVO))
async def show_share(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(platform.shares.of(platform.models.get(id)))


@router.post("/model/{id}/upgrade-share", **answering(ModelShareVO))
async def share_model(id: str, body: ModelShareDto, platform: ThePlatform) -> Answer:
    """A link is kept and checked; the lab has no page behind it."""
    return answers.envelope(platform.shares.share(platform.models.get(id), body))


# -- VMs that are made one by one


@router.post("/domain", **answering(DomainCreateVO))
async def create_vm(body: DomainCreateDto, platform: ThePlatform) -> Answer:
    """A VM of volumes, without a model."""
    return answers.envelope({"uuid": await platform.making.create(body)})


@router.post("/domain/{id}/clone", **answering(DomainCloneVO))
async def clone_vm(id: str, body: DomainCloneDto, platform: ThePlatform) -> Answer:
    """A VM with a whole copy of the disk of another, which must be off, or of a model."""
    clone, event = await platform.making.copy(id, body)
    return answers.envelope({"cloneUuid": clone, "eventId": event})


@router.post("/domain/{id}/to-model", **answering())
async def vm_to_model(id: str, platform: ThePlatform) -> Answer:
    """A VM that is off, in no desk pool, with neither restore point nor snapshot, becomes a model."""
    await platform.model_making.to_model(id)
    return done()


def _models(platform: Platform, keyword: str, pool_id: str | None) -> list[DomainVO]:
    counts = platform.models.child_counts()
    shown = []
    for model in platform.models.all():
        host = platform.machines.host(next(iter(model.disks), platform.machines.hosts[0].id))
        pool = str(platform.hosts.settings(host.id).get("pool", ""))
        if has(keyword, model.name) and pool_id in (None, "", pool):
            shown.append(answers.model(model, counts[model.id], host, pool))
    return shown
