"""Events: how long operations went."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import FAILURE, SUCCESS, Refusal
from ATPLibrary.lab.platform.routes.common import Answer, PageNumber, PageSize, Platform, ThePlatform, group
from ATPLibrary.lab.platform.shapes.base import EventVO, PageResult, answering

router = group()


@router.get("/event", **answering(PageResult[EventVO]))
async def list_events(
    platform: ThePlatform,
    *,
    vm_name: Annotated[str | None, Query(alias="domainName")] = None,
    ip: str | None = None,
    succeeded: Annotated[int | None, Query(alias="isSuccess", ge=0, le=1)] = None,
    operate: Annotated[int | None, Query(alias="operateType", ge=0, le=1000)] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    # The vendor's filter has 1 for success, while the field has 0.
    success = None if succeeded is None else SUCCESS if succeeded == 1 else FAILURE
    events, total = platform.store.events(
        vm_name=vm_name, ip=ip, success=success, operate=operate, offset=(number - 1) * size, limit=size
    )
    return answers.envelope(answers.page([answers.event(event) for event in events], number, size, total))


@router.get("/event/class/queryById", **answering(EventVO))
async def show_event_of_a_class(id: str, platform: ThePlatform) -> Answer:
    """The same for classrooms, without a token."""
    return _event(id, platform)


@router.get("/event/{id}", **answering(EventVO))
async def show_event(id: str, platform: ThePlatform) -> Answer:
    return _event(id, platform)


def _event(id: str, platform: Platform) -> Answer:
    event = platform.store.event(id)
    if event is None:
        raise Refusal(f"事件不存在: {id} (no such event)")
    return answers.envelope(answers.event(event))
