"""The faults that are made, each by the name of its row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from ..fault_bench import Outcome

Fault = Callable[[Path], Awaitable[Outcome]]
FAULTS: dict[str, list[Fault]] = {}


def fault(name: str, *ways: str) -> Callable[[Callable[[Path, str], Awaitable[Outcome]]], None]:
    """The function below makes that row's fault, on each of `ways` (on virtio-serial's alone without)."""

    def note(make: Callable[[Path, str], Awaitable[Outcome]]) -> None:
        FAULTS[name] = [lambda directory, way=way: make(directory, way) for way in ways or ("line",)]  # type: ignore[misc]

    return note
