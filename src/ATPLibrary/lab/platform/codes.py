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
    UPGRADING = 6


class HostStatus(IntEnum):
    MAINTENANCE = 0
    ENABLED = 1
    CLOSED = 2
    OFFLINE = 3


class PoolStatus(IntEnum):
    IDLE = 0
    SWITCHING = 1
    ARCHIVED = 2


class Freeze(IntEnum):
    """When a VM's disk is put back to its restore point: at the first start of each of these."""

    NEVER = 0
    START = 1
    DAY = 2
    WEEK = 3
    MONTH = 4


class Operate(IntEnum):
    """`EventVO.operateType`. The vendor's document doesn't list its values: these are the lab's own."""

    CREATE_POOL = 1
    START = 2
    CLOSE = 3
    REBOOT = 4
    DELETE_VM = 5
    DELETE_POOL = 6
    SUSPEND = 7
    RESUME = 8
    SLEEP = 9
    WAKE_UP = 10
    FREEZE = 11
    RESTORE = 12
    REBASE = 13
    RECYCLE = 14
    BIND_USER = 15
    CHANGE_VM = 16
    DISK = 17
    ISO = 18
    NIC = 19
    SERIAL = 20
    CREATE_VM = 21
    CLONE = 22
    MODEL = 23
    SNAPSHOT = 24
    RESTORE_SNAPSHOT = 25
    DELETE_SNAPSHOT = 26
    SWITCH_MODEL = 27
    CHANGE_POOL = 28
    CLOSE_HOST = 29
    MIGRATE = 30


SUCCESS, FAILURE = 0, 1  # EventVO.isSuccess; the event list's *filter* has them the other way round
EVENT_OF_A_VM, EVENT_OF_A_MODEL = 0, 1  # EventVO.eventType


class Refusal(Exception):
    """The platform says no: becomes an answer with this `status` and `msg`, and HTTP 200 as the vendor does it."""

    def __init__(self, message: str, status: Status = Status.REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
