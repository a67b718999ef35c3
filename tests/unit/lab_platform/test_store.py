"""What the database keeps, and what it doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import EventRow, PoolRow, VmRow

pytestmark = pytest.mark.unit


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


def pool(id: str, name: str) -> PoolRow:
    return PoolRow(
        id=id, name=name, type=0, enabled=0, phase="ready", amount=1, model="m", prefix=name, remark="", created=1.0
    )


def vm(id: str, name: str, pool_id: str = "p") -> VmRow:
    return VmRow(id=id, name=name, pool_id=pool_id, host_id="h", model="m", cpu=1, memory_mib=96, created=1.0)


def test_pools_and_vms_outlive_the_process(tmp_path: Path) -> None:
    first = Store(tmp_path)
    first.add_pool(pool("p", "测试桌面池"))
    first.add_vm(vm("u", "测试桌面池-001"))
    first.close()
    again = Store(tmp_path)
    assert again.pool("p") == pool("p", "测试桌面池")
    assert again.vms("p") == [vm("u", "测试桌面池-001")]
    again.close()


def test_two_pools_or_two_vms_never_have_one_name(store: Store) -> None:
    store.add_pool(pool("1", "a"))
    with pytest.raises(IntegrityError):
        store.add_pool(pool("2", "a"))
    store.add_vm(vm("1", "a-001"))
    with pytest.raises(IntegrityError):
        store.add_vm(vm("2", "a-001"))


def test_events_are_listed_newest_first_in_pages_with_their_total(store: Store) -> None:
    for number in range(5):
        store.add_event(EventRow(id=f"e{number}", description="d", operate=2, vm_name=f"vm{number}"))
    store.change_event("e1", success=0)
    events, total = store.events(offset=1, limit=2)
    assert ([event.id for event in events], total) == (["e3", "e2"], 5)
    assert [event.id for event in store.events(success=0, limit=9)[0]] == ["e1"]
    assert store.events(vm_name="%", limit=9) == ([], 0)  # a name, not a pattern
    assert store.events(operate=3, limit=9)[1] == 0


def test_events_that_a_killed_server_left_become_failures(store: Store) -> None:
    store.add_event(EventRow(id="left", description="d", operate=2))
    store.add_event(EventRow(id="done", description="d", operate=2, success=0))
    assert store.fail_pending_events("killed") == 1
    assert (store.event("left").success, store.event("left").reason) == (1, "killed")
    assert store.event("done").success == 0


def test_a_token_is_known_until_it_expires_or_is_removed(store: Store) -> None:
    store.add_token("t", "admin", expires=2e10)
    store.add_token("old", "admin", expires=1.0)
    assert (store.token_user("t"), store.token_user("old"), store.token_user("")) == ("admin", None, None)
    store.remove_token("t")
    assert store.token_user("t") is None
