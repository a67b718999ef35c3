"""The vendor's number codes, by name. Codes that a newer platform adds arrive as plain `int`s in the models: nothing breaks."""

from __future__ import annotations

from enum import Enum, IntEnum

# What the platform answers to an unknown or expired token ("token校验失败"); seen on a live system, not in the vendor's documents.
INVALID_TOKEN = 1006


class VmStatus(IntEnum):
    """`DomainVO.status`."""

    SHUT_OFF = 0
    RUNNING = 1
    SUSPENDED = 2
    BUSY = 5  # an operation is under way
    UPGRADING = 6


class HostStatus(IntEnum):
    """`HostVO.status`."""

    MAINTENANCE = 0
    ENABLED = 1
    CLOSED = 2
    OFFLINE = 3


class DeskPoolType(IntEnum):
    """`DesktopPoolVO.type`: whether a user keeps one VM or takes any free one."""

    NOT_SHARED = 0
    SHARED = 1
    TEACHING = 2


class DeskPoolStatus(IntEnum):
    """`DesktopPoolVO.status`."""

    IDLE = 0
    SWITCHING_MODEL = 1
    ARCHIVED = 2


class EventType(IntEnum):
    """`EventVO.eventType`: what the operation is done to."""

    VM = 0
    MODEL = 1
    TERMINAL = 2


class EventOutcome(Enum):
    """Where a long operation stands. The vendor's `isSuccess` is 0 for success, 1 for failure, and nothing before either.

    In the *filter* of the event list the vendor means the opposite (0 failure, 1 success): see `Events.list`.
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
