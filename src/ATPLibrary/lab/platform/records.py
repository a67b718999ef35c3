"""What is merely kept: users, groups, resource pools, terminals, alarms and the like, as JSON documents by kind and id.

None of them has more than some hundreds in a lab, so they are read whole and filtered by who asks. A number in `id` is given by
`add_numbered`, for what the vendor counts with integers.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table, Text, cast, func, select
from sqlalchemy.engine import Engine

RECORDS = MetaData()

_TABLE = Table(
    "records",
    RECORDS,
    Column("kind", String(24), primary_key=True),
    Column("id", Text, primary_key=True),
    Column("data", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

Record = dict[str, Any]


class Records:
    """Each record that is read has its `id` and `created` (seconds since the epoch) beside its own fields."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self, kind: str) -> list[Record]:
        """All of a kind, oldest first."""
        query = select(_TABLE).where(_TABLE.c.kind == kind).order_by(_TABLE.c.created, _TABLE.c.id)
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def get(self, kind: str, id: str) -> Record | None:
        query = select(_TABLE).where(_TABLE.c.kind == kind, _TABLE.c.id == id)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _record(row)

    def add(self, kind: str, id: str, **data: Any) -> None:
        """Keep a new one. Whoever adds has seen that the id is free, in the same step of the server's loop."""
        with self._engine.begin() as connection:
            connection.execute(_TABLE.insert().values(kind=kind, id=id, data=data, created=time.time()))

    def add_numbered(self, kind: str, **data: Any) -> str:
        """Keep a new one under the next number, and return that."""
        counter = select(func.coalesce(func.max(cast(_TABLE.c.id, Integer)), 0)).where(_TABLE.c.kind == kind)
        with self._engine.begin() as connection:
            id = str(connection.execute(counter).scalar_one() + 1)
            connection.execute(_TABLE.insert().values(kind=kind, id=id, data=data, created=time.time()))
        return id

    def change(self, kind: str, id: str, **data: Any) -> None:
        """Set some of its fields."""
        record = self.get(kind, id)
        if record is None:
            return
        kept = {name: value for name, value in record.items() if name not in ("id", "created")} | data
        where = _TABLE.update().where(_TABLE.c.kind == kind, _TABLE.c.id == id)
        with self._engine.begin() as connection:
            connection.execute(where.values(data=kept))

    def remove(self, kind: str, id: str) -> bool:
        """Forget one; False when there was none."""
        with self._engine.begin() as connection:
            gone = connection.execute(_TABLE.delete().where(_TABLE.c.kind == kind, _TABLE.c.id == id))
        return bool(gone.rowcount)

    def trim(self, kind: str, keep: int) -> None:
        """Forget all but the newest `keep` of a kind."""
        newest = select(_TABLE.c.id).where(_TABLE.c.kind == kind).order_by(_TABLE.c.created.desc()).limit(keep)
        old = _TABLE.delete().where(_TABLE.c.kind == kind, _TABLE.c.id.not_in(newest))
        with self._engine.begin() as connection:
            connection.execute(old)


def _record(row: Any) -> Record:
    return {**row["data"], "id": row["id"], "created": row["created"]}
