"""The lab's alarms: raised by operations that fail in a row, if the rule says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ATPLibrary.errors import HostError
from ATPLibrary.lab.platform.alarms import FAILED, Alarms
from ATPLibrary.lab.platform.codes import Operate, Refusal
from ATPLibrary.lab.platform.operations import Operations, Subject
from ATPLibrary.lab.platform.store import Store

pytestmark = pytest.mark.unit

VM = Subject("u1", "测试-001", "h1", "127.0.0.2")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def alarms(store: Store) -> Alarms:
    alarms = Alarms(store)
    alarms.prepare()
    alarms.prepare()  # a server that is started again
    return alarms


@pytest.fixture
def operations(store: Store, alarms: Alarms) -> Operations:
    return Operations(store, alarms.operation_failed)


async def run(operations: Operations, *, well: bool) -> None:
    """One operation to its end."""

    async def work() -> None:
        if not well:
            raise HostError("the host is on fire")

    with contextlib.suppress(HostError):
        await operations.record(Operate.START, "启动虚机", work(), VM)


def set_rule(alarms: Alarms, **values: object) -> None:
    (id,) = [rule["id"] for rule in alarms.rules() if rule["code"] == FAILED]
    alarms.set_rule(id, **values)


def test_there_are_two_rules_and_none_is_enabled(alarms: Alarms) -> None:
    assert [(rule["code"], rule["enable"]) for rule in alarms.rules()] == [("host-memory", 0), (FAILED, 0)]
    with pytest.raises(Refusal, match="告警代码不存在: 9"):
        alarms.set_rule("9", enable=1)


async def test_a_rule_that_is_not_enabled_raises_nothing(alarms: Alarms, operations: Operations) -> None:
    await run(operations, well=False)
    assert alarms.all() == []


async def test_as_many_must_fail_in_a_row_as_the_rule_says(alarms: Alarms, operations: Operations) -> None:
    set_rule(alarms, enable=1, thresholdValue=2)
    await run(operations, well=False)
    await run(operations, well=True)
    await run(operations, well=False)
    assert alarms.all() == []
    await run(operations, well=False)
    (alarm,) = alarms.all()
    assert (alarm["level"], alarm["hostIp"]) == ("minor", "127.0.0.2")
    assert alarm["content"] == "操作失败: 启动虚机 测试-001: the host is on fire"


async def test_an_alarm_that_is_deleted_is_a_past_one(alarms: Alarms, operations: Operations) -> None:
    set_rule(alarms, enable=1)
    for _ in range(2):
        await run(operations, well=False)
    newest, oldest = alarms.all()
    assert int(newest["id"]) > int(oldest["id"])
    alarms.delete(newest["id"])
    assert alarms.all() == [oldest]
    assert [past["content"] for past in alarms.past()] == [newest["content"]]
    with pytest.raises(Refusal, match="告警不存在"):
        alarms.delete(newest["id"])
