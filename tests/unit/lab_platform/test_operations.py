"""Events of long operations: each ends, and says how."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.lab.platform.codes import Operate
from ATPLibrary.lab.platform.operations import STOPPED, SUPERSEDED, Operations, Report, Subject
from ATPLibrary.lab.platform.store import Store

pytestmark = pytest.mark.unit

VM = Subject("u1", "测试-001", "h1", "127.0.0.2")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def operations(store: Store) -> Operations:
    return Operations(store)


async def test_an_operation_is_pending_until_its_work_is_done(store: Store, operations: Operations) -> None:
    go = asyncio.Event()

    async def work(report: Report) -> None:
        report("half")
        await go.wait()

    id = operations.start(Operate.START, "启动虚机", work, about=VM)
    await asyncio.sleep(0)
    event = store.event(id)
    assert event is not None
    assert (event.success, event.description, event.vm_name, event.ip) == (None, "half", "测试-001", "127.0.0.2")
    assert operations.busy_vms == {"u1"}
    go.set()
    await _ended(store, id)
    assert store.event(id).success == 0
    assert operations.busy_vms == frozenset()


@pytest.mark.parametrize("error", [HostError("the host is on fire"), RuntimeError("a bug")])
async def test_an_operation_that_fails_says_why(store: Store, operations: Operations, error: Exception) -> None:
    async def work(report: Report) -> None:
        raise error

    id = operations.start(Operate.START, "启动虚机", work, about=VM)
    await _ended(store, id)
    assert (store.event(id).success, store.event(id).reason) == (1, str(error))
    assert operations.busy_vms == frozenset()


async def test_a_deletion_cancels_what_waits_and_lets_finish_what_changes(store: Store, operations: Operations) -> None:
    go = asyncio.Event()

    async def wait_for_ever(report: Report) -> None:
        await asyncio.Event().wait()

    async def change(report: Report) -> None:
        await go.wait()

    waiting = operations.start(Operate.CLOSE, "关闭虚机", wait_for_ever, about=VM, interruptible=True)
    changing = operations.start(Operate.START, "启动虚机", change, about=Subject("u2"))
    superseding = asyncio.create_task(operations.supersede(["u1", "u2", "u3"], 10))
    await _ended(store, waiting)
    assert (store.event(waiting).success, store.event(waiting).reason) == (1, SUPERSEDED)
    assert store.event(changing).success is None
    assert not superseding.done()
    go.set()
    await superseding
    assert store.event(changing).success == 0


async def test_stopping_makes_failures_of_everything_that_runs(store: Store, operations: Operations) -> None:
    async def work(report: Report) -> None:
        await asyncio.Event().wait()

    ids = [operations.start(Operate.START, "启动虚机", work, about=Subject(f"u{n}")) for n in range(3)]
    await asyncio.sleep(0)
    await operations.stop(5)
    assert {(store.event(id).success, store.event(id).reason) for id in ids} == {(1, STOPPED)}


async def test_a_record_says_how_it_ended_and_passes_the_error_on(store: Store, operations: Operations) -> None:
    async def fail() -> None:
        raise HostError("gone")

    with pytest.raises(HostError):
        await operations.record(Operate.DELETE_VM, "删除虚机", fail(), VM)
    (event,), total = store.events(vm_name="测试", limit=10)
    assert (event.success, event.reason, event.in_background, total) == (1, "gone", 0, 1)


async def _ended(store: Store, id: str) -> None:
    async with asyncio.timeout(5):
        while store.event(id).success is None:  # noqa: ASYNC110 - a row of a database tells nobody that it changed
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_vm_is_busy_from_the_moment_that_its_operation_is_ordered(operations: Operations) -> None:
    """Not only once it has begun to run: two orders in one step of the loop would both get through."""

    async def work() -> int:
        return 7

    ordered = operations.record(Operate.REBASE, "d", work(), Subject("u", "vm"))
    assert operations.busy_vms == {"u"}
    assert await ordered == 7
    assert operations.busy_vms == frozenset()
