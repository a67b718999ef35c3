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


class RestorePoint(IntEnum):
    """`DomainBatchFreezeReq.freezeType`: when a frozen VM goes back to its restore point, and loses what changed since."""

    NEVER = 0
    EACH_START = 1
    DAILY = 2
    WEEKLY = 3
    MONTHLY = 4


class MigrationKind(IntEnum):
    """`DomainMigrateDto.migrateType`."""

    STORAGE = 1
    LIVE = 2


class SerialKind(IntEnum):
    """`DomainSerialAddDto.serialModel`: what is at the other end of a VM's serial port."""

    ANOTHER_VM = 0
    SERVER_PORT = 1
    NOTHING = 2


class MonitorState(IntEnum):
    """`DomainStartMonitorVO.status`: what the user said to being watched."""

    ASKED = 0
    ACCEPTED = 1
    REFUSED = 2


class PoolStatus(IntEnum):
    """`PoolUpdateDto.status`: a resource pool."""

    MAINTENANCE = 0
    NORMAL = 1


class PolicyOf(IntEnum):
    """What a device policy belongs to (`type` of `GET /user/access-policy`)."""

    GROUP = 0
    USER = 1


class UsbRedirection(IntEnum):
    """`UsbRedirectDto.operate`."""

    REDIRECT = 2
    RELEASE = 3


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
