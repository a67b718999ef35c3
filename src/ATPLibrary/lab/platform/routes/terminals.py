"""Terminals, of which the lab has none, so that each that is named is unknown; and groups of them, which are kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.requests.base import BatchIdListDto
from ATPLibrary.lab.platform.requests.house import (
    TerminalDisconnectReq,
    TerminalGroupAddTerminalDto,
    TerminalGroupCreateDto,
    TerminalSetConfigReq,
    TerminalShutdownReq,
)
from ATPLibrary.lab.platform.routes.common import (
    Answer,
    PageNumber,
    PageSize,
    Platform,
    ThePlatform,
    absent,
    done,
    group,
    has,
    paged,
)
from ATPLibrary.lab.platform.shapes.base import PageResult, answering
from ATPLibrary.lab.platform.shapes.house import (
    TerminalGetConfigRsp,
    TerminalGroupVO,
    TerminalVO,
)

router = group()


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


absent(
    router,
    lambda body: _no_terminal(body.idList),
    {
        "/terminal/config": TerminalSetConfigReq,
        "/terminal/delete": BatchIdListDto,
        "/terminal/disconnect": TerminalDisconnectReq,
        "/terminal/restart": TerminalShutdownReq,
        "/terminal/shutdown": TerminalShutdownReq,
        "/terminal/wakeup": TerminalDisconnectReq,
    },
)


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
