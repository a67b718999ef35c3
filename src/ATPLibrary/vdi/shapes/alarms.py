"""Alarms: what is wrong now, what was, and when the platform raises one."""

from __future__ import annotations

from pydantic import Field

from ATPLibrary.vdi.shapes.base import Request, VendorModel


class Alarm(VendorModel):
    """`AlarmVO`: something that is wrong now, on the host at `host_ip`, in part `module` of the platform."""

    id: int
    level: str | None = None
    module: str | None = None
    content: str | None = None
    host_ip: str | None = None
    time: str | None = Field(default=None, alias="alarmTime")


class PastAlarm(VendorModel):
    """`AlarmHistoryVO`: something that was wrong."""

    id: int
    level: str | None = None
    module: str | None = None
    content: str | None = None
    host_ip: str | None = None
    time: str | None = Field(default=None, alias="createTime")


class AlarmRule(VendorModel):
    """`AlarmCodeVO`: when an alarm is raised: the threshold is passed `check_times` times in a row.

    `threshold_type` is "per" for per cent or "times" for a count. `push_method` is "none", "qywx" (WeCom) or "email"; `enable`
    is 0 or 1.
    """

    id: int
    code: str | None = None
    level: str | None = None
    module: str | None = None
    enable: int | None = None
    check_times: int | None = None
    threshold_type: str | None = None
    threshold_value: int | None = None
    push_method: str | None = None


class AlarmRuleChange(Request):
    """`AlarmCodeUpdateReq`: a rule as it is to be, whole; meanings as in `AlarmRule`."""

    code: str
    level: str
    module: str
    enable: int
    check_times: int
    threshold_type: str
    threshold_value: int
    push_method: str
