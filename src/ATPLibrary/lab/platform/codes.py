"""The vendor's codes that the server answers with."""

from __future__ import annotations

from enum import IntEnum

API = "/ocloud/v1"


class Status(IntEnum):
    """The envelope's `status`. The vendor documents only 0; 1006 was seen on a live system, the others are the lab's own."""

    OK = 0
    REFUSED = 1
    BAD_REQUEST = 400
    NOT_FOUND = 404
    FAILED = 500
    INVALID_TOKEN = 1006


class VmStatus(IntEnum):
    SHUT_OFF = 0
    RUNNING = 1
    SUSPENDED = 2
    BUSY = 5


class HostStatus(IntEnum):
    ENABLED = 1
    OFFLINE = 3


class Operate(IntEnum):
    """`EventVO.operateType`. The vendor's document doesn't list its values: these are the lab's own."""

    CREATE_POOL = 1
    START = 2
    CLOSE = 3
    REBOOT = 4
    DELETE_VM = 5
    DELETE_POOL = 6


SUCCESS, FAILURE = 0, 1  # EventVO.isSuccess; the event list's *filter* has them the other way round


class Refusal(Exception):
    """The platform says no: becomes an answer with this `status` and `msg`, and HTTP 200 as the vendor does it."""

    def __init__(self, message: str, status: Status = Status.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
