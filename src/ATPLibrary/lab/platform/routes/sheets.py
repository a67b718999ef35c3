"""What goes out as a file, and the users that come in as one."""

from __future__ import annotations

import io
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Query
from fastapi.responses import Response

from ATPLibrary.lab.platform import answers, files, sheets
from ATPLibrary.lab.platform.codes import Refusal, Status
from ATPLibrary.lab.platform.requests.house import HostLogDto
from ATPLibrary.lab.platform.requests.people import UserCreateParam
from ATPLibrary.lab.platform.routes.common import Answer, PageNumber, ThePlatform, group
from ATPLibrary.lab.platform.routes.hosts import all_hosts
from ATPLibrary.lab.platform.routes.logs import Begin, End, list_logins, list_operations
from ATPLibrary.lab.platform.shapes.base import BaseEnvelope, answering
from ATPLibrary.lab.platform.shapes.hosts import HostVO
from ATPLibrary.lab.platform.shapes.house import LoginAppReportDto
from ATPLibrary.lab.platform.shapes.people import UserImportExcelVO

router = group()

ALL = 1000  # rows of an export, as many as a page has at most
DORMANT_SECONDS = 7 * 24 * 3600.0
ZIP = "application/zip"
_COLUMNS = ("sAMAccountName", "sn", "givenName", "group", "idNumber", "mail", "mobile")
_TITLES = ("账号", "姓", "名", "组织单位", "身份证号", "邮箱", "手机")
_MOST_USERS = 500


def _file(media_type: str) -> dict[str, Any]:
    """The file, or a refusal in the envelope."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"response_model": None, "responses": {200: {"model": BaseEnvelope, "content": content}}}


# The vendor's document advises a page of 100,000 for a sheet; there are never so many.
SheetSize = Annotated[int, Query(alias="pageSize", ge=1, le=100_000)]
A_SHEET = _file(sheets.MEDIA_TYPE)


def _sheet(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> Response:
    return Response(sheets.write([titles, *rows]), media_type=sheets.MEDIA_TYPE)


@router.get("/log/export", **A_SHEET)
async def export_operations(
    platform: ThePlatform,
    begin: Annotated[str, Query(alias="beginTime")],
    end: Annotated[str, Query(alias="endTime")],
    keyword: str,
) -> Response:
    answer = await list_operations(platform, content=keyword, begin=begin, end=end, size=ALL)
    fields = ("createTime", "username", "operateContent", "operateType", "isSuccess")
    rows = [[each[field] for field in fields] for each in answer["data"]["list"]]
    return _sheet(("时间", "账号", "操作内容", "操作类型", "结果"), rows)


@router.get("/access-log/export", **A_SHEET)
async def export_accesses(
    platform: ThePlatform, username: str = "", number: PageNumber = 1, size: SheetSize = 10
) -> Response:
    """Nobody sat at a VM: the lab has no client that would tell."""
    answers.check_page(number, min(size, ALL))
    return _sheet(("账号", "虚机", "上线时间", "下线时间", "IP", "MAC"), [])


@router.get("/log/loginapp-login-log/xls", **A_SHEET)
async def export_logins(
    platform: ThePlatform,
    *,
    action: str | None = None,
    keyword: str = "",
    begin: Begin = None,
    end: End = None,
    number: PageNumber = 1,
    size: SheetSize = 10,
) -> Response:
    answer = await list_logins(
        platform, action=action, keyword=keyword, begin=begin, end=end, number=number, size=min(size, ALL)
    )
    fields = ("createTime", "username", "action", "ip", "mac", "loginResult", "remark")
    rows = [[each[field] for field in fields] for each in answer["data"]["list"]]
    return _sheet(("时间", "账号", "登录方式", "IP", "MAC", "结果", "备注"), rows)


@router.get("/log/host", **answering(list[HostVO]))
async def hosts_with_logs(platform: ThePlatform) -> Answer:
    return await all_hosts(platform)


@router.post("/log/host/download-log", **_file(ZIP))
async def download_host_logs(body: HostLogDto, platform: ThePlatform) -> Response:
    """Of each host the logs of its QEMUs, which libvirt keeps, as a ZIP file."""
    hosts = [platform.hosts.get(id) for id in body.ids]
    found = [(host.name, path) for host in hosts for path in sorted(host.directory.rglob("*.log"))]

    def packed() -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            for name, path in found:
                if path.is_file():
                    package.write(path, f"{name}/{path.name}")
        return file.getvalue()

    return Response(await platform.machines.files("Logs of hosts", packed), media_type=ZIP)


@router.get("/log/past-user-stat", **answering(list[LoginAppReportDto]))
async def count_past_users(
    platform: ThePlatform,
    type: int,
    start: Annotated[str, Query(alias="startDate")],
    end: Annotated[str, Query(alias="endDate")],
) -> Answer:
    """How many users logged in on each of these days, as far as somebody did; `type` makes no difference."""
    since, until = _day(start), _day(end)
    seen = {
        (_of_moment(entry["created"]), entry["username"])
        for entry in platform.store.records.all("login")
        if entry["loginResult"] == 1
    }
    counts = Counter(day for day, _ in seen if since <= day <= until)
    return answers.envelope([{"date": day.isoformat(), "count": counts[day]} for day in sorted(counts)])


@router.get("/domain/dormant/xls", **A_SHEET)
async def export_dormant_vms(platform: ThePlatform) -> Response:
    """VMs that are off and whose disk nothing was written to for a week."""
    views = await platform.batches.views(platform.batches.rows())
    off = [view for view in views if view.status == 0 and not view.flag]

    def written(path: Path) -> float:
        return path.stat().st_mtime if path.exists() else time.time()

    rows = []
    for view in off:
        last = await platform.machines.files(
            "A disk's age", written, platform.machines.directory(view.row) / files.DISK
        )
        if last + DORMANT_SECONDS < time.time():
            rows.append((view.row.name, view.host.name, view.row.user, answers.iso(last)))
    return _sheet(("虚机", "主机", "用户", "最后使用时间"), rows)


# -- users


@router.get("/user/download-template", **A_SHEET)
async def show_user_sheet(platform: ThePlatform) -> Response:
    return _sheet(_TITLES, [])


@router.post("/user/import-excel", **answering(UserImportExcelVO))
async def import_users(
    body: Annotated[bytes, Body(media_type="application/octet-stream")], platform: ThePlatform
) -> Answer:
    """Make the users of a filled-in sheet; answers a sentence about each row that none was made of."""
    titles, *rows = sheets.read(body) or [[]]
    if tuple(titles) != _TITLES:
        raise Refusal(f"表头应为 {', '.join(_TITLES)} (use the sheet of download-template)", Status.BAD_REQUEST)
    if len(rows) > _MOST_USERS:
        raise Refusal(f"一次最多导入 {_MOST_USERS} 个用户 (at most {_MOST_USERS} users at a time)", Status.BAD_REQUEST)
    told = []
    for number, row in enumerate(rows, 2):
        values = {name: value for name, value in zip(_COLUMNS, row, strict=False) if value}
        try:
            user = UserCreateParam(**values)
            more = user.model_dump(exclude_none=True, exclude={"sAMAccountName", "group"})
            platform.people.add_user(user.sAMAccountName, user.group, **more)
        except Refusal as refusal:
            told.append(f"第 {number} 行: {refusal.message}")
        except ValueError:
            told.append(f"第 {number} 行: 账号错误 (no account's name)")
    return answers.envelope({"list": told})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise Refusal(f"日期格式错误: {text} (not a date, such as 2025-01-31)", Status.BAD_REQUEST) from error


def _of_moment(seconds: float) -> date:
    return date.fromtimestamp(seconds)
