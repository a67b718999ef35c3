"""VMs that go to another host, and VMs that come from a disk file; and the wish to watch one."""

from __future__ import annotations

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.life import State, state_of
from ATPLibrary.lab.platform.requests.vms import DomainImportDto, DomainMigrateDto, MonitorRequestDto
from ATPLibrary.lab.platform.routes.common import Answer, ThePlatform, done, group
from ATPLibrary.lab.platform.shapes.base import EventIdVO, answering
from ATPLibrary.lab.platform.shapes.vms import DomainStartMonitorVO

router = group("/ocloud/v1/domain")

ASKED = 0  # DomainStartMonitorVO.status: the user hasn't answered


@router.post("/import", **answering())
async def import_vm(body: DomainImportDto, platform: ThePlatform) -> Answer:
    """A VM that boots from a qcow2 file which lies in a storage pool; the file is its volume from then on."""
    await platform.making.import_(body)
    return done()


@router.post("/{domainId}/migrate", **answering(EventIdVO))
async def migrate_vm(domainId: str, body: DomainMigrateDto, platform: ThePlatform) -> Answer:
    """To the host of this address: 1 with its storage, off; 2 live. Its disk lies in the host's own directory there too."""
    return answers.envelope({"eventId": await platform.migrating.begin(domainId, body)})


@router.post("/{domainId}/monitor", **answering(DomainStartMonitorVO))
async def ask_to_watch(domainId: str, body: MonitorRequestDto, platform: ThePlatform) -> Answer:
    """The wish is kept; nobody sits at a lab's VM who could answer it."""
    view = await platform.batches.view(domainId)
    if state_of(view) is not State.RUNNING:
        raise Refusal(view.flag or state_of(view).value)
    if platform.store.records.get("watch", body.requestId) is None:
        platform.store.records.add("watch", body.requestId, vm=domainId)
    return answers.envelope({"status": ASKED})


@router.get("/{domainId}/monitor/{requestId}", **answering(DomainStartMonitorVO))
async def show_wish_to_watch(domainId: str, requestId: str, platform: ThePlatform) -> Answer:
    wish = platform.store.records.get("watch", requestId)
    if wish is None or wish["vm"] != domainId:
        raise Refusal(f"监控请求不存在: {requestId} (no such request about this VM)")
    return answers.envelope({"status": ASKED})
