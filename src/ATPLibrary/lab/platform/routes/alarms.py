"""Alarms, and the rules by which they are raised."""

from __future__ import annotations

from typing import Any

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.records import Record
from ATPLibrary.lab.platform.requests.house import AlarmCodeUpdateReq
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
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


@router.get("/alarm", **answering(PageResult[AlarmVO]))
async def list_alarms(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    shown = [{"alarmTime": answers.iso(alarm["time"]), **_words(alarm)} for alarm in platform.alarms.all()]
    return paged(shown, number, size)


@router.get("/alarm-history", **answering(PageResult[AlarmHistoryVO]))
async def list_past_alarms(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    shown = [{**_words(alarm), "createTime": answers.iso(alarm["time"])} for alarm in platform.alarms.past()]
    return paged(shown, number, size)


@router.delete("/alarm/{id}", **answering())
async def delete_alarm(id: int, platform: ThePlatform) -> Answer:
    platform.alarms.delete(str(id))
    return done()


@router.get("/alarm-code", **answering(PageResult[AlarmCodeVO]))
async def list_alarm_rules(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    rules = [
        {**{name: rule[name] for name in rule if name != "created"}, "id": int(rule["id"])}
        for rule in platform.alarms.rules()
    ]
    return paged(rules, number, size)


@router.put("/alarm-code/{id}", **answering())
async def set_alarm_rule(id: int, body: AlarmCodeUpdateReq, platform: ThePlatform) -> Answer:
    """Kept and shown; the rule about failed operations raises alarms."""
    platform.alarms.set_rule(str(id), **body.model_dump())
    return done()


def _words(alarm: Record) -> dict[str, Any]:
    """What an alarm says, now and later; only the name of its time is another."""
    return {
        "id": int(alarm["id"]),
        "level": alarm["level"],
        "module": alarm["module"],
        "content": alarm["content"],
        "hostIp": alarm["hostIp"],
    }
