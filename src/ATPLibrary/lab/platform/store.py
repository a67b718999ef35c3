"""SQLite: what libvirt doesn't hold. Pools, which VM belongs to which pool and host, events, hashes of tokens.

Only the server's loop touches it; each call is one short transaction (WAL, so that none waits for the disk).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text, create_engine, event, func, select

FILE_NAME = "platform.db"

_METADATA = MetaData()

_POOLS = Table(
    "pools",
    _METADATA,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("type", Integer, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("amount", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("remark", Text, nullable=False),
    Column("created", Float, nullable=False),
)
_VMS = Table(
    "vms",
    _METADATA,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pool_id", String(36), nullable=False, index=True),
    Column("host_id", String(36), nullable=False),
    Column("model", Text, nullable=False),
    Column("cpu", Integer, nullable=False),
    Column("memory_mib", Integer, nullable=False),
    Column("created", Float, nullable=False),
)
_EVENTS = Table(
    "events",
    _METADATA,
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
_TOKENS = Table(
    "tokens",
    _METADATA,
    Column("hash", String(64), primary_key=True),
    Column("username", Text, nullable=False),
    Column("expires", Float, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """`phase`: "creating" -> "ready" -> "deleting". Only a server that was killed leaves another than "ready" behind."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class VmRow:
    id: str
    name: str
    pool_id: str
    host_id: str
    model: str
    cpu: int
    memory_mib: int
    created: float


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


class Store:
    def __init__(self, directory: Path) -> None:
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _prepare)
        _METADATA.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    # -- pools

    def pools(self) -> list[PoolRow]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(_POOLS).order_by(_POOLS.c.created)).mappings()
            return [PoolRow(**row) for row in rows]

    def pool(self, pool_id: str) -> PoolRow | None:
        return next((pool for pool in self.pools() if pool.id == pool_id), None)

    def add_pool(self, pool: PoolRow) -> None:
        self._execute(_POOLS.insert().values(**_values(pool)))

    def change_pool(self, pool_id: str, **values: Any) -> None:
        self._execute(_POOLS.update().where(_POOLS.c.id == pool_id).values(**values))

    def remove_pool(self, pool_id: str) -> None:
        self._execute(_POOLS.delete().where(_POOLS.c.id == pool_id))

    # -- VMs

    def vms(self, pool_id: str | None = None) -> list[VmRow]:
        query = select(_VMS).order_by(_VMS.c.created, _VMS.c.name)
        if pool_id is not None:
            query = query.where(_VMS.c.pool_id == pool_id)
        with self._engine.connect() as connection:
            return [VmRow(**row) for row in connection.execute(query).mappings()]

    def vms_by_id(self, ids: Sequence[str]) -> dict[str, VmRow]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(_VMS).where(_VMS.c.id.in_(ids))).mappings()
            return {row["id"]: VmRow(**row) for row in rows}

    def vm_names(self) -> set[str]:
        with self._engine.connect() as connection:
            return set(connection.execute(select(_VMS.c.name)).scalars())

    def add_vm(self, vm: VmRow) -> None:
        self._execute(_VMS.insert().values(**_values(vm)))

    def remove_vm(self, vm_id: str) -> None:
        self._execute(_VMS.delete().where(_VMS.c.id == vm_id))

    # -- events

    def add_event(self, row: EventRow) -> None:
        now = time.time()
        self._execute(_EVENTS.insert().values(**{**_values(row), "created": now, "updated": now}))

    def change_event(self, event_id: str, **values: Any) -> None:
        self._execute(_EVENTS.update().where(_EVENTS.c.id == event_id).values(updated=time.time(), **values))

    def event(self, event_id: str) -> EventRow | None:
        found = self.events(event_id=event_id)[0]
        return found[0] if found else None

    def events(
        self,
        *,
        event_id: str | None = None,
        vm_name: str | None = None,
        ip: str | None = None,
        success: int | None = None,
        operate: int | None = None,
        offset: int = 0,
        limit: int = 1,
    ) -> tuple[list[EventRow], int]:
        """The events that match, newest first, `limit` of them from `offset`; and how many there are in all."""
        query = select(*(column for column in _EVENTS.c if column.name != "number"))
        for column, wanted in ((_EVENTS.c.id, event_id), (_EVENTS.c.ip, ip), (_EVENTS.c.success, success)):
            if wanted is not None:
                query = query.where(column == wanted)
        if operate is not None:
            query = query.where(_EVENTS.c.operate == operate)
        if vm_name is not None:
            query = query.where(_EVENTS.c.vm_name.contains(vm_name, autoescape=True))
        page = query.order_by(_EVENTS.c.number.desc()).offset(offset).limit(limit)
        with self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            return [EventRow(**row) for row in connection.execute(page).mappings()], total

    def fail_pending_events(self, reason: str) -> int:
        """Events that a server left unfinished. Returns how many."""
        pending = _EVENTS.update().where(_EVENTS.c.success.is_(None))
        return self._execute(pending.values(success=1, reason=reason, updated=time.time()))

    # -- tokens: only their hashes are kept

    def add_token(self, token: str, username: str, expires: float) -> None:
        self._execute(_TOKENS.delete().where(_TOKENS.c.expires < time.time()))
        self._execute(_TOKENS.insert().values(hash=_hash(token), username=username, expires=expires))

    def token_user(self, token: str) -> str | None:
        """Whose token it is; None where it is unknown or has expired."""
        query = select(_TOKENS.c.username).where(_TOKENS.c.hash == _hash(token), _TOKENS.c.expires >= time.time())
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def remove_token(self, token: str) -> None:
        self._execute(_TOKENS.delete().where(_TOKENS.c.hash == _hash(token)))

    def _execute(self, statement: Any) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(statement).rowcount)


def _prepare(connection: Any, record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}")


def _values(row: PoolRow | VmRow | EventRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
