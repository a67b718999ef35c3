"""The envelope around every answer, pages, and what several groups answer."""

from __future__ import annotations

from typing import Any, Generic, NotRequired, TypeVar

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

T = TypeVar("T")

CLOSED = ConfigDict(extra="forbid")


@with_config(CLOSED)
class Envelope(TypedDict, Generic[T]):
    """`ResponseVO`; `BaseResponseVO` where there is no `data`. A refusal has none either."""

    status: int
    msg: str
    data: NotRequired[T]


@with_config(CLOSED)
class BaseEnvelope(TypedDict):
    """`BaseResponseVO`."""

    status: int
    msg: str


@with_config(CLOSED)
class PageResult(TypedDict, Generic[T]):
    list: list[T]
    pageNum: int
    pageSize: int
    pages: int
    total: int


@with_config(CLOSED)
class EventIdVO(TypedDict):
    eventId: str


@with_config(CLOSED)
class ErrorInfo(TypedDict):
    domainId: str
    domainName: str
    errorMsg: str


@with_config(CLOSED)
class DomainBatchTaskVO(TypedDict):
    eventIdList: list[str]
    errorList: list[ErrorInfo]


@with_config(CLOSED)
class Timestamp(TypedDict):
    """java.sql.Timestamp as its bean properties: years from 1900, months from 0, `day` of the week, `time` in ms."""

    time: int
    nanos: int
    year: int
    month: int
    date: int
    day: int
    hours: int
    minutes: int
    seconds: int
    timezoneOffset: int


@with_config(CLOSED)
class EventVO(TypedDict, total=False):
    id: str
    description: str
    eventType: int
    operateType: int
    isAsc: int
    isSuccess: int
    domainId: str
    domainName: str
    hostId: str
    ip: str
    errorReason: str
    createTime: str
    updateTime: str


@with_config(CLOSED)
class LoginVO(TypedDict, total=False):
    token: str
    username: str
    roleLevel: str
    resourcePri: int
    userPri: int


def answering(shape: Any = None) -> dict[str, Any]:
    """What a route says of its answer: `data` of this shape in the envelope. The routes make it right; tests check that they do."""
    envelope = BaseEnvelope if shape is None else Envelope[shape]
    return {"response_model": None, "responses": {200: {"model": envelope}}}
