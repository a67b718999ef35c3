"""Keywords on the loop of a test, whose SPICE server is in this process: what they wait for is awaited. QMP is a `Monitor`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from ATPLibrary.keywords.component import Component
from ATPLibrary.orchestrator import Machine, Workspace

Say = Callable[..., Coroutine[Any, Any, Any]]


@dataclass
class Monitor:
    """QEMU's answer to `query-status`; frozen it gives none."""

    status: str = "running"
    is_frozen: bool = False

    async def query_status(self, timeout: float) -> str:
        if self.is_frozen:
            await asyncio.Event().wait()
        return self.status


def monitor_of(monkeypatch: pytest.MonkeyPatch) -> Monitor:
    """What every VM's QMP leads to from now on."""
    made = Monitor()

    async def qmp(self: Machine, timeout: float) -> Monitor:
        return made

    monkeypatch.setattr(Machine, "qmp", qmp)
    return made


class _AskedError(Exception):
    """The keyword has begun to wait."""


def sayer(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Say:
    """`say(keyword, arguments...)`: what the keyword waits for, of VM 'win11'."""
    waiting: list[Coroutine[Any, Any, Any]] = []

    def wait(self: Component, coro: Coroutine[Any, Any, Any], timeout: float, what: str) -> NoReturn:
        waiting.append(coro)
        raise _AskedError

    monkeypatch.setattr(Component, "wait", wait)
    monkeypatch.setattr(Component, "workspace", workspace)

    def say(keyword: Callable[..., object], *arguments: object, **named: object) -> Coroutine[Any, Any, Any]:
        with pytest.raises(_AskedError):
            keyword(*arguments, vm="win11", **named)
        return waiting.pop()

    return say
