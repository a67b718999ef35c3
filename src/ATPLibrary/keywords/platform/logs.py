"""Keywords about the platform's logs: administrators' doings, users' logins and sessions, the hosts' own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords import output
from ATPLibrary.keywords.platform.getting import lister
from ATPLibrary.keywords.platform.looking import Looking
from ATPLibrary.keywords.platform.times import period, written

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.logs import AccessLog, LoginLog, OperationLog, UserCount

GETTER = ("Platform Log", "Getter")
A_DAY = timedelta(days=1)


class PlatformLogKeywords(Looking):
    @lister("operations in the log", tags=GETTER)
    async def get_operation_log(
        self,
        client: VdiClient,
        seconds: float,
        *,
        username: str | None = None,
        content: str | None = None,
        from_ip: str | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
    ) -> list[OperationLog]:
        """Returns what administrators did, newest first.

        Each has ``id``, ``username``, ``operate_type``, ``operate_content`` (what was done), ``is_success``, ``from_ip``,
        ``create_time``.

        - ``username``: only what this administrator did.
        - ``content``: only what has this text in it.
        - ``from_ip``: only what came from this address.
        - ``begin``: only what was done from then on, such as ``2025-01-31 08:00:00``.
        - ``end``: only what was done until then.

        Example:
        | Log In To Platform
        | @{operations} =    Get Operation Log    content=sales-1
        """
        from ATPLibrary.vdi.shapes.logs import OperationLogFilter

        query = OperationLogFilter(
            username=username,
            operate_content=content,
            from_ip=from_ip,
            begin_time=written(begin),
            end_time=written(end),
        )
        return await client.logs.operations(query, timeout=seconds).collect()

    @lister("logins in the log", tags=GETTER)
    async def get_login_log(
        self,
        client: VdiClient,
        seconds: float,
        *,
        keyword: str | None = None,
        action: str | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
    ) -> list[LoginLog]:
        """Returns users' logins at terminals, refused ones too.

        Each has ``id``, ``username``, ``action`` (``pwd``, ``fp``, ``sms``, ``pwd-sms``, ``qrcode``), ``result`` (1: success, 0:
        failure), ``remark`` (why it failed), ``ip``, ``mac``, ``terminal_type``, ``system_version``, ``create_time``.

        - ``keyword``: only those with this text, such as a user's name.
        - ``action``: only those of this kind.
        - ``begin``: only those from then on, such as ``2025-01-31 08:00:00``.
        - ``end``: only those until then.

        Example:
        | Log In To Platform
        | @{logins} =    Get Login Log    keyword=zhang.san    action=pwd
        """
        from ATPLibrary.vdi.shapes.logs import LoginLogFilter

        query = LoginLogFilter(keyword=keyword, action=action, begin_time=written(begin), end_time=written(end))
        return await client.logs.logins(query, timeout=seconds).collect()

    @lister("sessions in the log", tags=GETTER)
    async def get_session_log(
        self, client: VdiClient, seconds: float, *, username: str | None = None
    ) -> list[AccessLog]:
        """Returns users' sessions with desktops.

        Each has ``id``, ``username``, ``vm_name``, ``vm_id``, ``ip``, ``mac``, ``online_time``, ``offline_time``.

        - ``username``: only this user's.

        Example:
        | Log In To Platform
        | @{sessions} =    Get Session Log    username=zhang.san
        """
        return await client.logs.accesses(username, timeout=seconds).collect()

    @lister("days", tags=GETTER)
    async def get_past_user_counts(
        self,
        client: VdiClient,
        seconds: float,
        kind: int,
        *,
        begin: date | None = None,
        end: date | None = None,
    ) -> list[UserCount]:
        """Returns how many users were on line on each day. Each has ``date`` and ``count``.

        - ``kind``: the platform's number for what is counted; its document doesn't say which there are.
        - ``begin``: from which day on, such as ``2025-01-31``; by default a week before the end.
        - ``end``: until which day; by default today.

        Example:
        | Log In To Platform
        | @{days} =    Get Past User Counts    1    begin=2025-01-01    end=2025-01-31
        """
        last = end if end is not None else date.today()
        first = begin if begin is not None else last - timedelta(days=7)
        return [*await client.logs.user_counts(kind, str(first), str(last), timeout=seconds)]

    @lister("hosts with logs", tags=GETTER)
    async def get_hosts_with_logs(self, client: VdiClient, seconds: float) -> list[str]:
        """Returns the names of the hosts whose own logs can be had: see `Export Host Logs`.

        Example:
        | Log In To Platform
        | @{hosts} =    Get Hosts With Logs
        """
        return [host.name for host in await client.logs.hosts(timeout=seconds)]

    @keyword(tags=["Platform Log"])
    def export_operation_log(
        self,
        path: str,
        *,
        content: str | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Writes what administrators did to a file, as the platform exports it. Returns its path.

        - ``path``: where to, below the output directory unless it is absolute.
        - ``content``: only what has this text in it.
        - ``begin``: only what was done from then on, such as ``2025-01-31 08:00:00``; by default since a day before the end.
        - ``end``: only what was done until then; by default until now.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${path} =    Export Operation Log    operations.xls    begin=2025-01-31 08:00:00
        """
        since, until = period(begin, end, A_DAY)
        return self._export(
            "operation log",
            path,
            lambda client, s: client.logs.export_operations(since, until, content or "", timeout=s),
            timeout,
        )

    @keyword(tags=["Platform Log"])
    def export_login_log(
        self,
        path: str,
        *,
        keyword: str | None = None,
        action: str | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Writes users' logins to a file, as the platform exports them. Returns its path.

        - ``path``: where to, below the output directory unless it is absolute.
        - ``keyword``: only those with this text, such as a user's name.
        - ``action``: only those of this kind; see `Get Login Log`.
        - ``begin``: only those from then on, such as ``2025-01-31 08:00:00``.
        - ``end``: only those until then.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${path} =    Export Login Log    logins.xls    action=pwd
        """

        async def export(client: VdiClient, seconds: float) -> bytes:
            from ATPLibrary.vdi.shapes.logs import LoginLogExport

            query = LoginLogExport(keyword=keyword, action=action, begin_time=written(begin), end_time=written(end))
            return await client.logs.export_logins(query, timeout=seconds)

        return self._export("login log", path, export, timeout)

    @keyword(tags=["Platform Log"])
    def export_session_log(self, path: str, *, username: str | None = None, timeout: timedelta | None = None) -> str:
        """Writes users' sessions with desktops to a file, as the platform exports them. Returns its path.

        - ``path``: where to, below the output directory unless it is absolute.
        - ``username``: only this user's.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | ${path} =    Export Session Log    sessions.xls    username=zhang.san
        """
        return self._export(
            "session log", path, lambda client, s: client.logs.export_accesses(username, timeout=s), timeout
        )

    @keyword(tags=["Platform Log"])
    def export_host_logs(self, path: str, *hosts: str, timeout: timedelta | None = None) -> str:
        """Writes the hosts' own logs to a file: one archive, as the platform packs it. Returns its path.

        - ``path``: where to, below the output directory unless it is absolute.
        - ``hosts``: the hosts, by name or id; see `Get Hosts With Logs`.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | ${path} =    Export Host Logs    host-logs.zip    lab-a    lab-b
        """
        if not hosts:
            raise InputError("No host is named. Name at least one: see 'Get Hosts With Logs'.")

        async def export(client: VdiClient, seconds: float) -> bytes:
            ids = [(await client.hosts.find(host, timeout=seconds)).id for host in hosts]
            return await client.logs.host_logs(ids, timeout=seconds)

        return self._export(f"logs of {', '.join(hosts)}", path, export, timeout, "boot")

    def _export(
        self,
        what: str,
        file: str,
        question: Callable[[VdiClient, float], Coroutine[Any, Any, bytes]],
        timeout: timedelta | None,
        kind: str = "platform",
    ) -> str:
        content = self.ask(f"Exporting the {what}", question, timeout, kind)
        path = output.write(output.directory() / file, content)
        logger.info(f"Wrote the {what}, {len(content)} bytes, to {path}.")
        return str(path)
