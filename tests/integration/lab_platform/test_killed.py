"""A platform that is killed between any two of its steps: the next leaves libvirt, disk and database agreeing, and nothing over.

The server's parts run in this process, over real libvirt and qemu-img. After so many steps that change something no further one is
done, as in a process that was killed there; then the parts are made anew on what is left. Each operation is killed at every step.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.events import EventBus
from ATPLibrary.lab.platform import life
from ATPLibrary.lab.platform.answers import MODEL_IDS
from ATPLibrary.lab.platform.app import build
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.recovery import Left, recover
from ATPLibrary.lab.platform.requests.pools import DeskPoolCreateDto, DeskPoolUpdateDto
from ATPLibrary.lab.platform.requests.vms import DomainBatchTaskDto, DomainCloneDto, DomainCreateDto, DomainMigrateDto
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import COMPLETING, MOVING, TURNING, UNFINISHED
from ATPLibrary.lab.settings import AcceleratorSettings, LabHostSettings, LabSettings, PlatformAccount

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited"),  # what a killed process doesn't come to
]

CHANGES = {
    "store": ("_execute",),
    "records": ("add", "add_numbered", "change", "remove"),
    "machines": ("files", "define", "undefine", "change"),
}
BLANK = {
    "autoJoinDomain": 0, "bootloader": "bios", "cores": 1, "graphicsCardNum": 1, "mainBoard": "pc", "sockets": 1, "threads": 1,
    "vgpuType": "",
}  # fmt: skip


class Killed(BaseException):
    """What would have been the next step isn't done: there is no process any more."""


def kill_after(platform: Any, steps: int) -> None:
    left = [steps]

    def fused(change: Any) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            if left[0] <= 0:
                raise Killed
            left[0] -= 1
            return change(*arguments, **named)

        return step

    parts = {"store": platform.store, "records": platform.store.records, "machines": platform.machines}
    for part, names in CHANGES.items():
        for name in names:
            setattr(parts[part], name, fused(getattr(parts[part], name)))


@contextlib.asynccontextmanager
async def running(directory: Path, settings: LabSettings) -> AsyncIterator[Any]:
    """The server's parts on what is there, as they are when the server has started."""
    store = Store(directory)
    machines = Machines(settings, EventBus())
    platform = build(store, machines, settings, 60.0)
    platform.operations.recover()
    for part in (platform.hosts, platform.models, platform.storage, platform.people):
        part.prepare()
    await recover(platform, Left.of(platform))
    try:
        yield platform
    finally:
        await machines.close(3.0)
        store.close()


async def ended(platform: Any) -> None:
    """Operations that go on after their answer have come to their end."""
    tasks = list(platform.operations._tasks.values())
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Killed):
            raise outcome


# -- what is being done when it is killed: a preparation, and the operation itself

Do = Callable[[Any, Any], Awaitable[None]]


async def a_vm(platform: Any) -> str:
    """One that is off and in no desk pool."""
    clone = await platform.making.copy(MODEL_IDS["atp-linux"], DomainCloneDto(name="整机"))
    await ended(platform)
    return str(clone[0])


async def a_model(platform: Any) -> str:
    id = await a_vm(platform)
    await platform.model_making.to_model(id)
    return id


async def an_upgrade(platform: Any) -> str:
    id = await a_model(platform)
    await platform.model_making.upgrade(platform.models.get(id))
    return id


async def an_upgraded_model(platform: Any) -> str:
    id = await an_upgrade(platform)
    await platform.model_making.complete_upgrade(platform.models.get(id))
    return id


async def a_pool(platform: Any) -> str:
    order = DeskPoolCreateDto(name="池", amount=1, type=1, modelId=MODEL_IDS["atp-linux"])
    platform.pools.create(order)
    await ended(platform)
    return str(platform.store.pools()[0].id)


async def a_volume(platform: Any) -> str:
    (pool, *_) = [pool for pool in platform.storage.all() if not pool["iso"]]
    return str(await platform.storage.create(pool["id"], "卷", 1, "virtio"))


async def nothing(platform: Any) -> None:
    pass


async def create_pool(platform: Any, _: Any) -> None:
    await a_pool(platform)


async def grow_pool(platform: Any, id: str) -> None:
    platform.pools.update(id, DeskPoolUpdateDto(name="池", amount=3))
    await ended(platform)


async def copy(platform: Any, _: Any) -> None:
    await a_vm(platform)


async def create_vm(platform: Any, volume: str) -> None:
    await platform.making.create(DomainCreateDto(name="空机", volumeList=[{"id": volume}], **BLANK))


async def delete_vm(platform: Any, id: str) -> None:
    await platform.batches.delete([id])


async def turn_to_model(platform: Any, id: str) -> None:
    await platform.model_making.to_model(id)


async def turn_to_vm(platform: Any, id: str) -> None:
    await platform.model_making.to_vm(platform.models.get(id))


async def upgrade(platform: Any, id: str) -> None:
    await platform.model_making.upgrade(platform.models.get(id))


async def cancel_upgrade(platform: Any, id: str) -> None:
    await platform.model_making.cancel_upgrade(platform.models.get(id))


async def complete_upgrade(platform: Any, id: str) -> None:
    await platform.model_making.complete_upgrade(platform.models.get(id))


async def a_clone(platform: Any) -> str:
    platform.making.link(platform.models.get(MODEL_IDS["atp-linux"]), "链接", 1)
    await ended(platform)
    return str(platform.store.vms()[0].id)


async def a_running_clone(platform: Any) -> str:
    id = await a_clone(platform)
    await platform.batches.run(life.START, DomainBatchTaskDto(idList=[id]))
    await ended(platform)
    return id


async def move(platform: Any, id: str) -> None:
    await platform.migrating.begin(id, DomainMigrateDto(dconnuri="127.0.0.3", migrateType=1))
    await ended(platform)


async def move_live(platform: Any, id: str) -> None:
    await platform.migrating.begin(id, DomainMigrateDto(dconnuri="127.0.0.3", migrateType=2))
    await ended(platform)


async def sync(platform: Any, id: str) -> None:
    targets = platform.model_making.sync_targets(platform.models.get(id))
    platform.model_making.sync(platform.models.get(id), [target["ip"] for target in targets])
    await ended(platform)


@pytest.mark.parametrize(
    ("before", "do"),
    [
        (nothing, create_pool), (a_pool, grow_pool), (nothing, copy), (a_volume, create_vm), (a_vm, delete_vm),
        (a_vm, turn_to_model), (a_model, turn_to_vm), (an_upgraded_model, turn_to_vm), (a_model, upgrade),
        (an_upgrade, cancel_upgrade), (an_upgrade, complete_upgrade), (a_model, sync),
        (a_clone, move), (a_vm, move), (a_running_clone, move_live),
    ],
    ids=lambda each: each.__name__,
)  # fmt: skip
async def test_nothing_is_left_over_wherever_it_is_killed(
    two_hosts: Any, halting_image: Any, tmp_path: Path, before: Any, do: Do
) -> None:
    settings = LabSettings(
        hosts=tuple(
            LabHostSettings(id=h.id, name=h.name, uri=h.uri, ip=h.ip, directory=h.directory) for h in two_hosts
        ),
        image=halting_image,
        accelerator=AcceleratorSettings(kind="tcg", reason="a kernel that halts needs no speed"),
        platform=PlatformAccount(password="unused"),
    )
    for steps in itertools.count():
        directory = tmp_path / str(steps)
        directory.mkdir()
        try:
            killed = False
            async with running(directory, settings) as platform:
                subject = await before(platform)
                kill_after(platform, steps)
                try:
                    await do(platform, subject)
                except Killed:
                    killed = True
                await asyncio.gather(*platform.operations._tasks.values(), return_exceptions=True)
            async with running(directory, settings) as platform:
                agree(platform, two_hosts, f"{do.__name__} killed after {steps} steps")
        finally:
            clear(two_hosts)
        if not killed:
            break
    assert steps > 3, "it was killed in the middle"


def agree(platform: Any, hosts: Any, when: str) -> None:
    """libvirt, disk and database have the same VMs and models, whole ones, and nothing is under way."""
    rows, models = platform.store.vms(), platform.models.all()
    assert domains(hosts) == {row.id for row in rows}, when
    wanted = {platform.machines.directory(row) for row in rows}
    disks = {Path(path) for model in models for path in (*model.disks.values(), *model.old)}
    kept = {path.parent for path in disks if path.parent.parent.name == "vm"}
    found = {path for host in hosts for path in (host.directory / "vm").glob("*")}
    assert found - wanted - kept == set(), when
    assert wanted - found == set(), when
    lying = {path for host in hosts for path in (host.directory / "models").glob("*")}
    assert lying == {path for path in disks if path.parent.name == "models"}, when
    for kind in (UNFINISHED, COMPLETING, TURNING, MOVING):
        assert platform.store.records.all(kind) == [], when
    known = {row.id for row in rows}
    assert all(not model.upgrade or model.upgrade in known for model in models), when
    assert not {model.id for model in models} & known, when
    assert all(pool.phase == "ready" for pool in platform.store.pools()), when
    for volume in platform.store.records.all("volume"):
        assert Path(volume["path"]).exists(), when
        assert not volume["vm"] or volume["vm"] in known, when
    for disk in [*disks, *(platform.machines.disk(row) for row in rows if row.kind != "blank")]:
        command = ["qemu-img", "info", "-U", "--backing-chain", str(disk)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert told.returncode == 0, (when, told.stderr)
    events, _ = platform.store.events(limit=1000)
    assert all(event.success is not None for event in events), when


def domains(hosts: Any) -> set[str]:
    import libvirt

    found: set[str] = set()
    for host in hosts:
        with contextlib.closing(libvirt.open(host.uri)) as connection:
            found |= {domain.UUIDString() for domain in connection.listAllDomains()}
    return found


def clear(hosts: Any) -> None:
    import libvirt

    for host in hosts:
        with contextlib.closing(libvirt.open(host.uri)) as connection:
            for domain in connection.listAllDomains():
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        for name in ("vm", "models", "data"):
            shutil.rmtree(host.directory / name, ignore_errors=True)
