"""Alarms, terminals, USB devices and logs: lists that the lab keeps truthfully, most of them empty."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal, Status
from ATPLibrary.lab.platform.requests.base import BatchIdListDto
from ATPLibrary.lab.platform.requests.house import (
    AlarmCodeUpdateReq,
    TerminalDisconnectReq,
    TerminalGroupAddTerminalDto,
    TerminalGroupCreateDto,
    TerminalSetConfigReq,
    TerminalShutdownReq,
    UsbPassThroughDto,
    UsbRedirectDto,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    done,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import (
    AccessLogVO,
    AlarmCodeVO,
    AlarmHistoryVO,
    AlarmVO,
    LoginappLoginLogVO,
    OperationLogVO,
    TerminalGetConfigRsp,
    TerminalGroupVO,
    TerminalVO,
    UsbInfoVO,
)

router = group()

Begin = Annotated[str | None, Query(alias="beginTime")]
End = Annotated[str | None, Query(alias="endTime")]

_RULES = (
    {"code": "host-memory", "module": "host", "level": "warning", "thresholdType": "per", "thresholdValue": 90},
    {"code": "operation-failed", "module": "domain", "level": "minor", "thresholdType": "times", "thresholdValue": 1},
)


# -- alarms: none is raised by itself; their rules are kept


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


# -- terminals: the lab has none, so each that is named is unknown


@router.get("/terminal", **answering(PageResult[TerminalVO]))
async def list_terminals(
    platform: ThePlatform,
    *,
    keyword: str = "",
    group_id: Annotated[str | None, Query(alias="groupId")] = None,
    online: Annotated[int | None, Query(ge=0, le=1)] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    return paged([], number, size)


@router.get("/terminal/all", **answering(list[TerminalVO]))
async def all_terminals(platform: ThePlatform, keyword: str = "") -> Answer:
    return answers.envelope([])


@router.post("/terminal/config", **answering())
async def configure_terminals(body: TerminalSetConfigReq, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.post("/terminal/delete", **answering())
async def delete_terminals(body: BatchIdListDto, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.post("/terminal/disconnect", **answering())
async def disconnect_terminals(body: TerminalDisconnectReq, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.post("/terminal/restart", **answering())
async def restart_terminals(body: TerminalShutdownReq, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.post("/terminal/shutdown", **answering())
async def shut_terminals_down(body: TerminalShutdownReq, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.post("/terminal/wakeup", **answering())
async def wake_terminals_up(body: TerminalDisconnectReq, platform: ThePlatform) -> Answer:
    raise _no_terminal(body.idList)


@router.get("/terminal/{id}", **answering(TerminalVO))
async def show_terminal(id: str, platform: ThePlatform) -> Answer:
    raise _no_terminal([id])


@router.get("/terminal/{id}/config", **answering(TerminalGetConfigRsp))
async def show_terminal_config(id: str, platform: ThePlatform) -> Answer:
    raise _no_terminal([id])


@router.get("/terminal-group", **answering(PageResult[TerminalGroupVO]))
async def list_terminal_groups(
    platform: ThePlatform, keyword: str = "", number: PageNumber = 1, size: PageSize = 10
) -> Answer:
    groups: list[TerminalGroupVO] = [
        {"id": each["id"], "name": each["name"], "remark": each["remark"], "terminalCount": 0}
        for each in platform.store.records.all("terminals")
        if has(keyword, each["name"])
    ]
    return paged(groups, number, size)


@router.post("/terminal-group", **answering())
async def create_terminal_group(body: TerminalGroupCreateDto, platform: ThePlatform) -> Answer:
    _check_group_name(platform, body.name, None)
    platform.store.records.add_numbered("terminals", name=body.name, remark=body.remark or "")
    return done()


@router.post("/terminal-group/delete", **answering())
async def delete_terminal_groups(body: BatchIdListDto, platform: ThePlatform) -> Answer:
    for id in body.idList:
        _terminal_group(platform, id)
    for id in body.idList:
        platform.store.records.remove("terminals", id)
    return done()


@router.put("/terminal-group/{id}", **answering())
async def update_terminal_group(id: int, body: TerminalGroupCreateDto, platform: ThePlatform) -> Answer:
    _terminal_group(platform, str(id))
    _check_group_name(platform, body.name, str(id))
    platform.store.records.change("terminals", str(id), name=body.name, remark=body.remark or "")
    return done()


@router.post("/terminal-group/{id}/terminal", **answering(list[str]))
async def add_terminals(id: int, body: TerminalGroupAddTerminalDto, platform: ThePlatform) -> Answer:
    """Answers the ids that it couldn't add: all, since there are no terminals."""
    _terminal_group(platform, str(id))
    return answers.envelope(list(dict.fromkeys(body.idList)))


@router.delete("/terminal-group/{id}/terminal", **answering())
async def remove_terminals(id: int, body: TerminalGroupAddTerminalDto, platform: ThePlatform) -> Answer:
    _terminal_group(platform, str(id))
    raise _no_terminal(body.idList)


def _no_terminal(ids: list[str]) -> Refusal:
    return Refusal(f"终端不存在: {', '.join(ids)} (the lab has no terminals)")


def _terminal_group(platform: Platform, id: str) -> None:
    if platform.store.records.get("terminals", id) is None:
        raise Refusal(f"终端分组不存在: {id} (no such terminal group)")


def _check_group_name(platform: Platform, name: str, but: str | None) -> None:
    if any(each["name"] == name and each["id"] != but for each in platform.store.records.all("terminals")):
        raise Refusal(f"终端分组名称已存在: {name} (a terminal group of this name exists)")


# -- USB: the lab's hosts have no devices to give away


@router.get("/usb", **answering(PageResult[UsbInfoVO]))
async def list_usb_devices(platform: ThePlatform, number: PageNumber = 1, size: PageSize = 10) -> Answer:
    return paged([], number, size)


@router.post("/usb/pass-through", **answering())
async def pass_usb_through(body: UsbPassThroughDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.usbName)


@router.post("/usb/pass-through/delete", **answering())
async def take_usb_back(body: UsbPassThroughDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.usbName)


@router.post("/usb/redirect", **answering())
async def redirect_usb(body: UsbRedirectDto, platform: ThePlatform) -> Answer:
    raise _no_device(body.deviceName)


def _no_device(name: str) -> Refusal:
    return Refusal(f"USB设备不存在: {name} (the lab's hosts have no USB devices)")


# -- logs


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
