"""Logs: what was done, who logged in."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal, Status
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    ThePlatform,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import (
    AccessLogVO,
    LoginappLoginLogVO,
    OperationLogVO,
)

router = group()

Begin = Annotated[str | None, Query(alias="beginTime")]
End = Annotated[str | None, Query(alias="endTime")]


@router.get("/log", **answering(PageResult[OperationLogVO]))
async def list_operations(
    platform: ThePlatform,
    *,
    username: str = "",
    content: Annotated[str, Query(alias="operateContent")] = "",
    begin: Begin = None,
    end: End = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    """What was asked to be done, newest first; the lab's events, and its one account."""
    answers.check_page(number, size)
    since, until = _moment(begin, 0.0), _moment(end, time.time() + 1)
    account = platform.accounts.username
    events, _ = platform.store.events(limit=10_000)
    shown: list[OperationLogVO] = [
        {
            "id": event.id,
            "username": account,
            "operateContent": f"{event.description} {event.vm_name}".strip(),
            "operateType": str(event.operate),
            "isSuccess": 1 if event.success is None else event.success,
            "createTime": answers.iso(event.created),
        }
        for event in events
        if since <= event.created <= until and has(content, event.description, event.vm_name) and has(username, account)
    ]
    return paged(shown, number, size)


@router.get("/access-log", **answering(PageResult[AccessLogVO]))
async def list_accesses(
    platform: ThePlatform, username: str = "", number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    """Who sat at which VM: the lab has no client that would tell."""
    return paged([], number, size)


@router.get("/loginapp-login-log", **answering(PageResult[LoginappLoginLogVO]))
async def list_logins(
    platform: ThePlatform,
    *,
    action: str | None = None,
    keyword: str = "",
    begin: Begin = None,
    end: End = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    """The logins of users, newest first."""
    since, until = _moment(begin, 0.0), _moment(end, time.time() + 1)
    shown = [
        {
            **{name: value for name, value in entry.items() if name != "created"},
            "id": int(entry["id"]),
            "createTime": answers.iso(entry["created"]),
        }
        for entry in reversed(platform.store.records.all("login"))
        if has(keyword, entry["username"], entry["ip"])
        and action in (None, "", entry["action"])
        and since <= entry["created"] <= until
    ]
    return paged(shown, number, size)


def _moment(text: str | None, otherwise: float) -> float:
    """A time as "2025-01-31 08:00:00", or as ISO 8601."""
    from datetime import datetime

    if not text:
        return otherwise
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise Refusal(f"时间格式错误: {text} (not a time, such as 2025-01-31 08:00:00)", Status.BAD_REQUEST) from error
