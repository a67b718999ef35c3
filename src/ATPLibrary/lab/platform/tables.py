"""The database's tables, and what a row of each is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text

METADATA = MetaData()

# What can be under way (`Store.begin`). A VM that is made or removed: it goes. An upgrade that becomes its model: it does.
# A VM that becomes a model, or a model that becomes a VM: it is a model as long as there is one.
# A VM that moves to another host: it is on one of them.
UNFINISHED, COMPLETING, TURNING, MOVING = "unfinished", "completing", "turning", "moving"

POOLS = Table(
    "pools",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("type", Integer, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("amount", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("class_no", Text, nullable=False),
    Column("force_freeze", Integer, nullable=False),
    Column("groups", Text, nullable=False),
    Column("created", Float, nullable=False),
)
VMS = Table(
    "vms",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pool_id", String(36), nullable=False, index=True),
    Column("host_id", String(36), nullable=False),
    Column("model", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("keyboard", String(8), nullable=False),
    Column("base", Text, nullable=False),
    Column("cpu", Integer, nullable=False),
    Column("memory_mib", Integer, nullable=False),
    Column("user", Text, nullable=False, index=True),
    Column("freeze", Integer, nullable=False),
    Column("frozen", Float, nullable=False),
    Column("recycled", Float, nullable=False),
    Column("remark", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("created", Float, nullable=False),
)
EVENTS = Table(
    "events",
    METADATA,
    Column("number", Integer, primary_key=True),  # the order of the list
    Column("id", String(36), nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("operate", Integer, nullable=False),
    Column("success", Integer),  # NULL while the operation is under way
    Column("reason", Text, nullable=False),
    Column("vm_id", Text, nullable=False),
    Column("vm_name", Text, nullable=False),
    Column("host_id", Text, nullable=False),
    Column("ip", Text, nullable=False),
    Column("in_background", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)
TOKENS = Table(
    "tokens",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("username", Text, nullable=False),
    Column("expires", Float, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """`phase`: "creating" -> "ready" -> "deleting". Only a server that was killed leaves another than "ready" behind.

    `model` is the id of the one in use, `models` the ids of all it may switch to, between commas; `groups` has a name a line.
    """

    id: str
    name: str
    type: int
    enabled: int
    phase: str
    amount: int
    model: str
    prefix: str
    remark: str
    created: float
    models: str = ""
    status: int = 0
    class_no: str = ""
    force_freeze: int = 0
    groups: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmRow:
    """What libvirt doesn't hold of a VM, and what was last known of what it does (`name`, `cpu`, `memory_mib`).

    `model` is its model's id, `kind` one of "linked" (a clone over `base`), "full", "blank" (its disks are volumes) and "upgrade"
    (a model's next version being made). `user` is who it is bound to. `freeze` is the vendor's code, `frozen` when the disk was
    last put back, `recycled` when it went into the recycle bin (0: it didn't). `told` is JSON: what was set and has no effect here.
    """

    id: str
    name: str
    host_id: str
    cpu: int
    memory_mib: int
    created: float
    pool_id: str = ""
    model: str = ""
    kind: str = "linked"
    keyboard: str = "ps2"
    base: str = ""
    user: str = ""
    freeze: int = 0
    frozen: float = 0.0
    recycled: float = 0.0
    remark: str = ""
    told: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """`success`: None while the operation is under way, then 0 for success and 1 for failure, as the vendor counts."""

    id: str
    description: str
    operate: int
    success: int | None = None
    reason: str = ""
    vm_id: str = ""
    vm_name: str = ""
    host_id: str = ""
    ip: str = ""
    in_background: int = 1
    created: float = 0.0
    updated: float = 0.0
