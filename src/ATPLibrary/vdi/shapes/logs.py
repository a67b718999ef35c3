"""What the platform has written down: administrators' doings, users' sessions, logins."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, VendorModel


class OperationLog(VendorModel):
    """`OperationLogVO`: something that an administrator did; `is_success` as the platform writes it."""

    id: str
    username: str | None = None
    operate_type: str | None = None
    operate_content: str | None = None
    is_success: int | None = None
    from_ip: str | None = None
    create_time: str | None = None


class OperationLogFilter(Request):
    """The filters of `GET /log`; times are the platform's, "2024-01-31 08:00:00"."""

    username: str | None = None
    operate_content: str | None = None
    from_ip: str | None = None
    begin_time: str | None = None
    end_time: str | None = None


class OperationLogExport(Request):
    """The query of `GET /log/export`: all three are wanted; an empty `keyword` is every line."""

    keyword: str
    begin_time: str
    end_time: str


class HostIds(Request):
    """`HostLogDto`: the hosts whose logs are wanted."""

    ids: list[str]


class LoginLog(VendorModel):
    """`LoginappLoginLogVO`: a user's login at a terminal.

    `action` is how: "pwd" password, "fp" fingerprint, "sms" a code by message, "pwd-sms" both, "qrcode". `result` is 1 for
    success and 0 for failure, with the reason in `remark`.
    """

    id: int
    username: str | None = None
    action: str | None = None
    result: int | None = Field(default=None, alias="loginResult")
    remark: str | None = None
    ip: str | None = None
    mac: str | None = None
    terminal_type: str | None = None
    system_version: str | None = None
    create_time: str | None = None


class LoginLogFilter(Request):
    """The filters of `GET /loginapp-login-log`; `action` as in `LoginLog`."""

    keyword: str | None = None
    action: str | None = None
    begin_time: str | None = None
    end_time: str | None = None


class LoginLogExport(LoginLogFilter):
    """The query of its export: as many lines as `page_size` says, of which the vendor advises 100,000."""

    page_num: int = 1
    page_size: int = 100_000


class AccessLog(VendorModel):
    """`AccessLogVO`: a user's session with a VM, from `online_time` to `offline_time`."""

    id: int
    username: str | None = None
    vm_id: str | None = Field(default=None, alias="domainId")
    vm_name: str | None = Field(default=None, alias="domainName")
    ip: str | None = None
    mac: str | None = None
    online_time: str | None = None
    offline_time: str | None = None


class AccessLogFilter(Request):
    """The filter of `GET /access-log`."""

    username: str | None = None


class AccessLogExport(AccessLogFilter):
    """The query of its export: as many lines as `page_size` says."""

    page_num: int = 1
    page_size: int = 100_000


class UserCountQuery(Request):
    """The query of `GET /log/past-user-stat`. The vendor's document gives no codes for `type`."""

    type: int
    start_date: str
    end_date: str


class UserCount(VendorModel):
    """`LoginAppReportDto`: how many users were on line on one date."""

    date: str | None = None
    count: int | None = None
