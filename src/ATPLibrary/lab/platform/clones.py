"""Linked clones of a model, made many at once: for desk pools and without one."""

from __future__ import annotations

import asyncio
import time
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ATPLibrary.lab.platform.codes import Refusal
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.models import Model, Models
from ATPLibrary.lab.platform.operations import Report
from ATPLibrary.lab.platform.requests.base import LONGEST_NAME
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import UNFINISHED, VmRow


class Clones:
    def __init__(self, store: Store, machines: Machines, models: Models) -> None:
        self._store = store
        self._machines = machines
        self._models = models

    def names(self, prefix: str, amount: int) -> list[str]:
        """`amount` free names: prefix-001, prefix-002, ... from the first after the highest there is."""
        taken = self._store.vm_names()
        first = 1 + max((int(name[-3:]) for name in taken if _is_numbered(name, prefix)), default=0)
        return [f"{prefix}-{number:03}" for number in range(first, first + amount)]

    def planned(self, model: Model, names: Sequence[str], **values: Any) -> list[VmRow]:
        """The VMs to make, spread over the hosts that have the model in turn. A refusal where a name is taken."""
        self.check_free(names)
        hosts = self._models.places(model)
        now = time.time()
        return [
            VmRow(
                **{
                    "id": str(uuid.uuid4()),
                    "name": name,
                    "host_id": (host := hosts[number % len(hosts)]).id,
                    "model": model.id,
                    "keyboard": model.keyboard,
                    "base": model.disks.get(host.id, ""),
                    "cpu": model.cpu,
                    "memory_mib": model.memory_mib,
                    "created": now,
                    **values,
                }
            )
            for number, name in enumerate(names)
        ]

    def check_free(self, names: Iterable[str]) -> None:
        """A refusal where a VM or a model has one of these names, or one that is told apart by Unicode's spelling only."""
        names = list(names)
        taken = {_spelled(name): name for name in self._store.vm_names()}
        taken |= {_spelled(model.name): model.name for model in self._models.all()}
        if clash := sorted({taken[_spelled(name)] for name in names if _spelled(name) in taken}):
            raise Refusal(f"虚机名称已存在: {', '.join(clash)} (VMs of these names exist)")
        if long := [name for name in names if len(name) > LONGEST_NAME + 4]:
            raise Refusal(f"虚机名称过长: {long[0]} (the VM's name is too long)")

    async def make(self, rows: Sequence[VmRow], report: Report, title: str, source: Path | None = None) -> None:
        """Make them all, then raise the first failure: whoever asked removes the others then."""
        made: list[VmRow] = []

        async def make(row: VmRow) -> None:
            self._store.begin(UNFINISHED, row.id)
            self._store.add_vm(row)
            await self._machines.create(row, source)
            made.append(row)
            report(f"{title}: {len(made)}/{len(rows)}")

        # All are let run to their end before anything is removed: a VM that is defined late would be left over.
        outcomes = await asyncio.gather(*(make(row) for row in rows), return_exceptions=True)
        for row in rows:
            self._store.end(UNFINISHED, row.id)
        failure = next((outcome for outcome in outcomes if outcome is not None), None)
        if failure is not None:
            raise failure


def _is_numbered(name: str, prefix: str) -> bool:
    start, _, number = name.rpartition("-")
    return start == prefix and len(number) == 3 and number.isdecimal() and number.isascii()


def _spelled(name: str) -> str:
    """One spelling for names that look the same: Unicode has several for many."""
    return unicodedata.normalize("NFC", name)
