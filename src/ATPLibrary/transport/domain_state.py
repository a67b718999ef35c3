"""The states and events of a libvirt domain, in words."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cache


class VmState(enum.Enum):
    """virDomainState. `shutdown` is on its way to `shutoff`; `suspended` is suspended by the guest itself (ACPI S3)."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    BLOCKED = "blocked"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SHUTOFF = "shutoff"
    CRASHED = "crashed"
    SUSPENDED = "suspended"

    @property
    def is_active(self) -> bool:
        """A QEMU process exists."""
        return self not in (VmState.SHUTOFF, VmState.CRASHED, VmState.UNKNOWN)


# In the order of libvirt's numbers.
_STATES = tuple(VmState)
_REASON_PREFIX = {
    VmState.UNKNOWN: "NOSTATE",
    VmState.SUSPENDED: "PMSUSPENDED",
}
_READABLE = {"ioerror": "I/O error", "user": "by a user", "from snapshot": "from a snapshot"}


@dataclass(frozen=True, slots=True)
class DomainState:
    """`reason` is libvirt's, in words ("by a user", "I/O error"); empty when libvirt knows none."""

    state: VmState
    reason: str

    def __str__(self) -> str:
        return f"{self.state.value} ({self.reason})" if self.reason else self.state.value


def domain_state(state: int, reason: int) -> DomainState:
    """Read what `virDomain.state()` gives."""
    known = _STATES[state] if 0 <= state < len(_STATES) else VmState.UNKNOWN
    prefix = _REASON_PREFIX.get(known, known.name)
    return DomainState(known, _constant(f"VIR_DOMAIN_{prefix}_", reason))


def lifecycle(event: int, detail: int) -> tuple[str, str]:
    """Name and detail of a lifecycle event: ("suspended", "I/O error")."""
    name = _constant("VIR_DOMAIN_EVENT_", event, one_word=True) or str(event)
    return name, _constant(f"VIR_DOMAIN_EVENT_{name.upper()}_", detail) or str(detail)


def agent_lifecycle(state: int, reason: int) -> tuple[str, str]:
    """Name and reason of an agent lifecycle event: ("connected", "channel")."""
    name = _constant("VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_", state) or str(state)
    return name, _constant("VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_", reason) or str(reason)


@cache
def _constant(prefix: str, value: int, one_word: bool = False) -> str:
    """The rest of the name of libvirt's constant with that prefix and value, in words; "" for unknown."""
    import libvirt

    for name, number in vars(libvirt).items():
        rest = name.removeprefix(prefix)
        if rest != name and number == value and isinstance(number, int) and not rest.startswith("ID_"):
            if one_word and "_" in rest:
                continue
            word = rest.lower().replace("_", " ")
            return "" if word in ("unknown", "none") else _READABLE.get(word, word)
    return ""
