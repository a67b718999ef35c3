"""A Robot library with VMs that are typed into for real: the library's own engine, and a guest that goes wrong on demand."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.integration.verifier.faulty_guest import FaultyGuest

from ATPLibrary import runtime
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.verifier import TypingEngine


class FaultyVm:
    """What the input keywords need of a machine."""

    def __init__(self, name: str, engine: TypingEngine) -> None:
        self.name = name
        self.source = f"vm:{name}"
        self.host_is_connected = True
        self.reports: list[Any] = []
        self._engine = engine

    async def typing(self, timeout: float, verified: bool = True, via: str = "qmp") -> TypingEngine:
        return self._engine

    def layout(self) -> Any:
        return self._engine.layout

    def remember(self, sent: Any) -> None:
        self.reports.append(sent.report)


class JournalBench:
    ROBOT_LIBRARY_SCOPE = "GLOBAL"

    def connect_faulty_vm(self, name: str, freezes_at: int | None = None) -> None:
        async def connect() -> tuple[FaultyGuest, TypingEngine]:
            guest = FaultyGuest(Path(tempfile.mkdtemp()))
            await guest.__aenter__()
            session = guest.session()
            await session.start(5)
            guest.frozen_at = freezes_at
            self._session = session
            return guest, TypingEngine(guest.qmp, session, ["ps2"])

        self._guest, engine = runtime.wait(connect(), 10, "Connecting")
        machine: Any = FaultyVm(name, engine)
        workspace = Workspace.current()
        workspace.machines["bench", name] = machine
        workspace.current_machine = machine

    def disconnect_faulty_vm(self) -> None:
        async def close() -> None:
            await self._session.close()
            await self._guest.__aexit__()

        workspace = Workspace.current()
        workspace.machines.clear()
        workspace.current_machine = None
        runtime.wait(close(), 10, "Closing")
