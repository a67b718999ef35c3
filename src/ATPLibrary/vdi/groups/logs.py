"""Logs: administrators' doings, users' sessions and logins, the hosts' own. Exports are files, as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ATPLibrary.vdi.groups.base import Group
from ATPLibrary.vdi.operations import Download, get, post
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.base import Page
from ATPLibrary.vdi.shapes.hosts import Host
from ATPLibrary.vdi.shapes.logs import (
    AccessLog,
    AccessLogExport,
    AccessLogFilter,
    HostIds,
    LoginLog,
    LoginLogExport,
    LoginLogFilter,
    OperationLog,
    OperationLogExport,
    OperationLogFilter,
    UserCount,
    UserCountQuery,
)

OPERATIONS = get("list administrators' operations", "/log", Page[OperationLog], query=OperationLogFilter)
EXPORT_OPERATIONS = get("export administrators' operations", "/log/export", Download, query=OperationLogExport)
LOGINS = get("list logins", "/loginapp-login-log", Page[LoginLog], query=LoginLogFilter)
EXPORT_LOGINS = get("export logins", "/log/loginapp-login-log/xls", Download, query=LoginLogExport)
ACCESSES = get("list users' sessions", "/access-log", Page[AccessLog], query=AccessLogFilter)
EXPORT_ACCESSES = get("export users' sessions", "/access-log/export", Download, query=AccessLogExport)
USER_COUNTS = get("count past users", "/log/past-user-stat", list[UserCount], query=UserCountQuery)
HOSTS = get("list hosts with logs", "/log/host", list[Host])
HOST_LOGS = post("get hosts' logs", "/log/host/download-log", Download, HostIds, idempotent=True)


class Logs(Group):
    def operations(
        self, query: OperationLogFilter | None = None, *, timeout: float | None = None
    ) -> Pages[OperationLog]:
        """What administrators did, newest first."""
        return self._pages(OPERATIONS, query=query, timeout=timeout)

    async def export_operations(
        self, begin_time: str, end_time: str, keyword: str = "", *, timeout: float | None = None
    ) -> bytes:
        """The same as a file; the times are the platform's, "2024-01-31 08:00:00"."""
        query = OperationLogExport(keyword=keyword, begin_time=begin_time, end_time=end_time)
        return await self._call(EXPORT_OPERATIONS, query=query, timeout=timeout)

    def logins(self, query: LoginLogFilter | None = None, *, timeout: float | None = None) -> Pages[LoginLog]:
        """Users' logins at terminals, refused ones too."""
        return self._pages(LOGINS, query=query, timeout=timeout)

    async def export_logins(self, query: LoginLogExport | None = None, *, timeout: float | None = None) -> bytes:
        """The same as a spreadsheet."""
        return await self._call(EXPORT_LOGINS, query=query or LoginLogExport(), timeout=timeout)

    def accesses(self, username: str | None = None, *, timeout: float | None = None) -> Pages[AccessLog]:
        """Users' sessions with VMs."""
        return self._pages(ACCESSES, query=AccessLogFilter(username=username), timeout=timeout)

    async def export_accesses(self, username: str | None = None, *, timeout: float | None = None) -> bytes:
        """The same as a file."""
        return await self._call(EXPORT_ACCESSES, query=AccessLogExport(username=username), timeout=timeout)

    async def user_counts(
        self, type: int, start_date: str, end_date: str, *, timeout: float | None = None
    ) -> Sequence[UserCount]:
        """How many users were on line on each date. The vendor's document gives no codes for `type`."""
        query = UserCountQuery(type=type, start_date=start_date, end_date=end_date)
        return await self._call(USER_COUNTS, query=query, timeout=timeout)

    async def hosts(self, *, timeout: float | None = None) -> Sequence[Host]:
        """The hosts whose own logs can be had."""
        return await self._call(HOSTS, timeout=timeout)

    async def host_logs(self, host_ids: Iterable[str], *, timeout: float | None = None) -> bytes:
        """The hosts' own logs, as one archive."""
        return await self._call(HOST_LOGS, body=HostIds(ids=[*host_ids]), timeout=timeout)
