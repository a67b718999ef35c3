"""Alarms: none is raised by itself; their rules are kept."""

from __future__ import annotations

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.requests.house import AlarmCodeUpdateReq
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import (
    AlarmCodeVO,
    AlarmHistoryVO,
    AlarmVO,
)

router = group()

_RULES = (
    {"code": "host-memory", "module": "host", "level": "warning", "thresholdType": "per", "thresholdValue": 90},
    {"code": "operation-failed", "module": "domain", "level": "minor", "thresholdType": "times", "thresholdValue": 1},
)


@router.get("/alarm", **answering(PageResult[AlarmVO]))
async def list_alarms(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged([], number, size)


@router.get("/alarm-history", **answering(PageResult[AlarmHistoryVO]))
async def list_past_alarms(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged([], number, size)


@router.delete("/alarm/{id}", **answering())
async def delete_alarm(id: int, platform: ThePlatform) -> Answer:
    raise Refusal(f"告警不存在: {id} (no such alarm)")


@router.get("/alarm-code", **answering(PageResult[AlarmCodeVO]))
async def list_alarm_rules(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged(_rules(platform), number, size)


@router.put("/alarm-code/{id}", **answering())
async def set_alarm_rule(id: int, body: AlarmCodeUpdateReq, platform: ThePlatform) -> Answer:
    """Kept and shown; nothing is raised by it."""
    if id not in [rule["id"] for rule in _rules(platform)]:
        raise Refusal(f"告警代码不存在: {id} (no such alarm rule)")
    platform.store.records.change("rule", str(id), **body.model_dump())
    return done()


def _rules(platform: Platform) -> list[AlarmCodeVO]:
    if not platform.store.records.all("rule"):
        for rule in _RULES:
            platform.store.records.add_numbered("rule", **rule, enable=0, checkTimes=1, pushMethod="none")
    known = platform.store.records.all("rule")
    return [{**{name: rule[name] for name in rule if name != "created"}, "id": int(rule["id"])} for rule in known]  # type: ignore[typeddict-item]
