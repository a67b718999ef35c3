"""The life of a VM: the states it can be in, and which operation is allowed in which. What isn't in the table is refused.

    off --start--> running --suspend--> suspended --resume--> running
    running --close, close by force--> off <--close by force-- suspended, asleep
    running --sleep--> asleep --wake up, start--> running           running --reboot--> running
    off --freeze, restore, rebase, change--> off

Beside these a VM is busy while an operation is under way on it, missing where libvirt doesn't know it, or unknown where its host
doesn't answer: nothing but a deletion is allowed then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ATPLibrary.lab.platform.codes import Operate, VmStatus
from ATPLibrary.lab.platform.machines import MISSING, VmView


class State(Enum):
    """With the words of a refusal."""

    OFF = "虚机已经关机 (the VM is shut off)"
    ASLEEP = "虚机已经休眠 (the VM is asleep)"
    RUNNING = "虚机已经启动 (the VM is running)"
    SUSPENDED = "虚机已挂起 (the VM is suspended)"
    BUSY = "虚机正在操作中 (another operation is under way)"
    MISSING = MISSING
    UNKNOWN = "虚机状态未知 (the VM's state is unknown)"


@dataclass(frozen=True, slots=True)
class Change:
    """An operation on a VM: its title, the states it is allowed in, and whether it only waits (a deletion calls it off)."""

    operate: Operate
    title: str
    states: frozenset[State]
    only_waits: bool = False

    def refusal(self, view: VmView) -> str | None:
        """Why this can't be done to the VM now; None when it can."""
        state = state_of(view)
        if state in self.states:
            return None
        return view.flag or state.value


def state_of(view: VmView) -> State:
    if view.flag:
        return State.MISSING if view.flag == MISSING else State.UNKNOWN
    if view.asleep:
        return State.ASLEEP
    return {
        VmStatus.SHUT_OFF: State.OFF,
        VmStatus.RUNNING: State.RUNNING,
        VmStatus.SUSPENDED: State.SUSPENDED,
        VmStatus.BUSY: State.BUSY,
    }.get(view.status or VmStatus.SHUT_OFF, State.UNKNOWN)


def _in(*states: State) -> frozenset[State]:
    return frozenset(states)


_OFF, _ON = _in(State.OFF), _in(State.RUNNING)
_AT_REST = _in(State.OFF, State.RUNNING, State.SUSPENDED)

START = Change(Operate.START, "启动虚机", _in(State.OFF, State.ASLEEP))
CLOSE = Change(Operate.CLOSE, "关闭虚机", _ON, only_waits=True)
FORCE_CLOSE = Change(Operate.CLOSE, "强制关闭虚机", _in(State.RUNNING, State.SUSPENDED, State.ASLEEP))
REBOOT = Change(Operate.REBOOT, "重启虚机", _ON, only_waits=True)
SUSPEND = Change(Operate.SUSPEND, "挂起虚机", _ON)
RESUME = Change(Operate.RESUME, "恢复虚机", _in(State.SUSPENDED))
SLEEP = Change(Operate.SLEEP, "休眠虚机", _ON)
WAKE_UP = Change(Operate.WAKE_UP, "唤醒虚机", _in(State.ASLEEP))
FREEZE = Change(Operate.FREEZE, "设置还原点", _OFF)
RESTORE = Change(Operate.RESTORE, "取消还原点", _OFF)
REBASE = Change(Operate.REBASE, "重置虚机", _OFF)
CHANGE = Change(Operate.CHANGE_VM, "修改虚机", _OFF)
RECYCLE = Change(
    Operate.RECYCLE, "移入回收站", _in(State.OFF, State.RUNNING, State.SUSPENDED, State.ASLEEP, State.MISSING)
)
DELETE = Change(Operate.DELETE_VM, "删除虚机", frozenset(State))
MIGRATE = Change(Operate.MIGRATE, "迁移虚机", _OFF)
MIGRATE_LIVE = Change(Operate.MIGRATE, "动态迁移虚机", _ON)
CLONE = Change(Operate.CLONE, "克隆虚机", _OFF)
TO_MODEL = Change(Operate.MODEL, "虚机转模板", _OFF)
DISK = Change(Operate.DISK, "修改磁盘", _AT_REST)
ISO = Change(Operate.ISO, "修改镜像", _AT_REST)
NIC = Change(Operate.NIC, "修改网络", _AT_REST)
SERIAL = Change(Operate.SERIAL, "修改串口", _OFF)
SNAPSHOT = Change(Operate.SNAPSHOT, "创建快照", _AT_REST)
RESTORE_SNAPSHOT = Change(Operate.RESTORE_SNAPSHOT, "恢复快照", _AT_REST)
DELETE_SNAPSHOT = Change(Operate.DELETE_SNAPSHOT, "删除快照", _AT_REST)
