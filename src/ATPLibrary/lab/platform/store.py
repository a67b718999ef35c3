"""SQLite: what libvirt doesn't hold. Pools, which VM belongs to which pool and host, events, hashes of tokens.

Only the server's loop touches it; each call is one short transaction (WAL, so that none waits for the disk).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, func, select

from ATPLibrary.errors import LabError
from ATPLibrary.lab.platform.records import RECORDS, Records
from ATPLibrary.lab.platform.tables import EVENTS, METADATA, POOLS, TOKENS, VMS, EventRow, PoolRow, VmRow

FILE_NAME = "platform.db"
# Raised when a table changes: a database lives as long as its lab, so none is ever converted.
VERSION = 2


class Store:
    def __init__(self, directory: Path) -> None:
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _prepare)
        self._check_version(path)
        METADATA.create_all(self._engine)
        RECORDS.create_all(self._engine)
        self.records = Records(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def _check_version(self, path: Path) -> None:
        """`LabError` where another version of this program wrote the database: its tables may be others."""
        with self._engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            is_new = not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
            if is_new:
                connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        if not is_new and found != VERSION:
            raise LabError.about(
                f"The platform's database '{path}'",
                wanted=f"be of version {VERSION}",
                got=f"is of version {found}",
                next_step="Run 'atp lab down' and 'atp lab up'",
            )

    # -- pools

    def pools(self) -> list[PoolRow]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(POOLS).order_by(POOLS.c.created)).mappings()
            return [PoolRow(**row) for row in rows]

    def pool(self, pool_id: str) -> PoolRow | None:
        return next((pool for pool in self.pools() if pool.id == pool_id), None)

    def add_pool(self, pool: PoolRow) -> None:
        self._execute(POOLS.insert().values(**_values(pool)))

    def change_pool(self, pool_id: str, **values: Any) -> None:
        self._execute(POOLS.update().where(POOLS.c.id == pool_id).values(**values))

    def remove_pool(self, pool_id: str) -> None:
        self._execute(POOLS.delete().where(POOLS.c.id == pool_id))

    # -- VMs

    def vms(self, pool_id: str | None = None) -> list[VmRow]:
        query = select(VMS).order_by(VMS.c.created, VMS.c.name)
        if pool_id is not None:
            query = query.where(VMS.c.pool_id == pool_id)
        with self._engine.connect() as connection:
            return [VmRow(**row) for row in connection.execute(query).mappings()]

    def vms_by_id(self, ids: Sequence[str]) -> dict[str, VmRow]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(VMS).where(VMS.c.id.in_(ids))).mappings()
            return {row["id"]: VmRow(**row) for row in rows}

    def vm_names(self) -> set[str]:
        with self._engine.connect() as connection:
            return set(connection.execute(select(VMS.c.name)).scalars())

    def add_vm(self, vm: VmRow) -> None:
        self._execute(VMS.insert().values(**_values(vm)))

    def change_vms(self, vm_ids: Sequence[str], **values: Any) -> None:
        self._execute(VMS.update().where(VMS.c.id.in_(vm_ids)).values(**values))

    def remove_vm(self, vm_id: str) -> None:
        self._execute(VMS.delete().where(VMS.c.id == vm_id))

    # -- what is begun: written down first, so that a server that is killed in the middle leaves word of it to the next one

    def begin(self, kind: str, id: str, **data: Any) -> bool:
        """Note that `kind` is being done to what has this id; `recovery` knows what becomes of what has no `end`. False: it was."""
        is_new = self.records.get(kind, id) is None
        if is_new:
            self.records.add(kind, id, **data)
        return is_new

    def end(self, kind: str, id: str) -> None:
        self.records.remove(kind, id)

    # -- events

    def add_event(self, row: EventRow) -> None:
        now = time.time()
        self._execute(EVENTS.insert().values(**{**_values(row), "created": now, "updated": now}))

    def change_event(self, event_id: str, **values: Any) -> None:
        self._execute(EVENTS.update().where(EVENTS.c.id == event_id).values(updated=time.time(), **values))

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
        query = select(*(column for column in EVENTS.c if column.name != "number"))
        for column, wanted in ((EVENTS.c.id, event_id), (EVENTS.c.ip, ip), (EVENTS.c.success, success)):
            if wanted is not None:
                query = query.where(column == wanted)
        if operate is not None:
            query = query.where(EVENTS.c.operate == operate)
        if vm_name is not None:
            query = query.where(EVENTS.c.vm_name.contains(vm_name, autoescape=True))
        page = query.order_by(EVENTS.c.number.desc()).offset(offset).limit(limit)
        with self._engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            return [EventRow(**row) for row in connection.execute(page).mappings()], total

    def fail_pending_events(self, reason: str) -> int:
        """Events that a server left unfinished. Returns how many."""
        pending = EVENTS.update().where(EVENTS.c.success.is_(None))
        return self._execute(pending.values(success=1, reason=reason, updated=time.time()))

    # -- tokens: only their hashes are kept

    def add_token(self, token: str, username: str, expires: float) -> None:
        self._execute(TOKENS.delete().where(TOKENS.c.expires < time.time()))
        self._execute(TOKENS.insert().values(hash=_hash(token), username=username, expires=expires))

    def token_user(self, token: str) -> str | None:
        """Whose token it is; None where it is unknown or has expired."""
        query = select(TOKENS.c.username).where(TOKENS.c.hash == _hash(token), TOKENS.c.expires >= time.time())
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def remove_token(self, token: str) -> None:
        self._execute(TOKENS.delete().where(TOKENS.c.hash == _hash(token)))

    def _execute(self, statement: Any) -> int:
        with self._engine.begin() as connection:
            return int(connection.execute(statement).rowcount)


def _prepare(connection: Any, record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}")


def _values(row: PoolRow | VmRow | EventRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
