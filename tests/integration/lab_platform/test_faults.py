"""Faults that a test orders from the lab's platform, and that nobody gets who didn't ask."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def faulty_lab(platform_lab: Any) -> Any:
    platform_lab.stop()
    platform_lab.start("--faults")
    return platform_lab


@pytest.fixture
async def order(faulty_lab: Any, bare: Any) -> AsyncIterator[Any]:
    async def order(kind: str, **more: Any) -> None:
        fault = {"kind": kind, **more}
        answer = await bare.post(f"{faulty_lab.url}/lab/faults", json=fault)
        assert answer.json()["status"] == 0, answer.text

    yield order
    assert (await bare.delete(f"{faulty_lab.url}/lab/faults")).json()["status"] == 0


async def test_each_answer_can_be_made_wrong_once(order: Any, bare: Any) -> None:
    await order("http", code=502, path="/ocloud/v1/host")
    assert (await bare.get("/host")).status_code == 502
    assert (await bare.get("/host")).json()["status"] == 0
    await order("expired-token")
    assert (await bare.get("/host")).json()["status"] == 1006
    await order("truncated")
    with pytest.raises(json.JSONDecodeError):
        (await bare.get("/host")).json()
    await order("wrong-type", field="data.list.1.name", times=2)
    for _ in range(2):
        assert (await bare.get("/host")).json()["data"]["list"][1]["name"] == 7
    assert (await bare.get("/host")).json()["data"]["list"][1]["name"] == "lab-b"
    await order("slow", seconds=0.3)
    started = time.monotonic()
    await bare.get("/host")
    assert time.monotonic() - started >= 0.3


@pytest.fixture
async def pool(bare: Any) -> dict[str, Any]:
    model = (await bare.get("/model/all")).json()["data"][0]["id"]
    return {"name": "故障", "amount": 1, "type": 0, "modelId": model}


@pytest.fixture
def ended(bare: Any) -> Any:
    async def ended(event: str) -> Any:
        async with asyncio.timeout(30):
            while "isSuccess" not in (seen := (await bare.get(f"/event/{event}")).json()["data"]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return seen

    return ended


async def test_an_operation_can_be_made_to_fail_or_never_to_end(
    order: Any, bare: Any, pool: dict[str, Any], ended: Any
) -> None:
    await ended((await bare.post("/desk-pool", json=pool)).json()["data"]["eventId"])
    vm = (await bare.get("/domain")).json()["data"]["list"][0]["id"]
    await order("event-fails", method="POST", path="/ocloud/v1/domain/start")
    (event,) = (await bare.post("/domain/start", json={"idList": [vm]})).json()["data"]["eventIdList"]
    assert "a fault was ordered" in (await ended(event))["errorReason"]
    await order("event-never-ends", method="POST", path="/ocloud/v1/domain/start")
    (event,) = (await bare.post("/domain/start", json={"idList": [vm]})).json()["data"]["eventIdList"]
    assert "isSuccess" not in (await bare.get(f"/event/{event}")).json()["data"]
    assert (await bare.get(f"/domain/{vm}")).json()["data"]["status"] == 5
    deleted = await bare.post("/domain/delete", json={"domainIdList": [vm], "isRecycle": 0})
    assert deleted.json()["status"] == 0  # a deletion calls it off
    assert (await ended(event))["isSuccess"] == 1
    (pool_id,) = [each["id"] for each in (await bare.get("/desk-pool")).json()["data"]["list"]]
    assert (await bare.delete(f"/desk-pool/{pool_id}")).json()["status"] == 0


async def test_a_desk_pool_whose_making_fails_leaves_nothing(
    faulty_lab: Any, bare: Any, order: Any, pool: dict[str, Any], ended: Any
) -> None:
    await order("event-fails", method="POST", path="/ocloud/v1/desk-pool")
    event = await ended((await bare.post("/desk-pool", json=pool)).json()["data"]["eventId"])
    assert "a fault was ordered" in event["errorReason"]
    assert (await bare.get("/desk-pool")).json()["data"]["list"] == []
    assert faulty_lab.left() == []


async def test_without_the_switch_no_fault_can_be_ordered(faulty_lab: Any, bare: Any) -> None:
    faulty_lab.stop()
    faulty_lab.start()
    answer = await bare.post(f"{faulty_lab.url}/lab/faults", json={"kind": "truncated"})
    assert answer.status_code == 404
    assert (await bare.get("/host")).json()["status"] == 0
