"""Each fault of docs/input-faults.md, made: a function a row, by the row's name. Messages' are made on each way to the agent."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from ..fault_bench import Outcome
from . import agent, edges, messages  # noqa: F401 - which put their faults into the table
from .table import FAULTS

__all__ = ["FAULTS", "make_all"]


async def make_all() -> dict[str, list[Outcome | Exception]]:
    """Every fault, each on a bench of its own, all at once; those of 100 MB one by one: the others would wait for them."""
    with tempfile.TemporaryDirectory(prefix="atp") as place:

        async def make(names: list[str]) -> dict[str, list[Any]]:
            each = [(name, one(Path(place))) for name in names for one in FAULTS[name]]
            done = await asyncio.gather(*(outcome for _, outcome in each), return_exceptions=True)
            found: dict[str, list[Any]] = {}
            for (name, _), outcome in zip(each, done, strict=True):
                found.setdefault(name, []).append(outcome)
            return found

        large = [name for name in FAULTS if "100 MB" in name]
        found = await make([name for name in FAULTS if name not in large])
        for name in large:
            found |= await make([name])
        return found
