"""The real verification service in a world of its own: free ports, its own bus and tokens, one VM that has a token."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ATPLibrary.config import ServiceSettings
from ATPLibrary.events import EventBus
from ATPLibrary.verifier import AgentSession
from ATPLibrary.verifier.service.service import VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

from .dialling_agent import Dialled, DiallingAgent

PATIENCE = 10.0
WAYS = ("tcp", "websocket", "unix")
VM = VmIdentity.of("uuid-1", "win11")
MIB = 1024 * 1024
REFUSED = {"type": "refused", "reason": "not admitted"}


class World:
    def __init__(self, directory: Path, **more: Any) -> None:
        self.bus = EventBus()
        self.tokens = TokenBook()
        self.token = self.tokens.issue(VM).reveal()
        listening = {"websocket_port": 0, "tcp_port": 0, "unix_socket": directory / "agents"}
        self.service = VerificationService(ServiceSettings.model_validate({**listening, **more}), self.tokens, self.bus)

    def dial(self, way: str) -> Dialled:
        return Dialled(way, self.service.addresses[way])

    def agent(
        self, way: str, vm_id: str = "win11", token: str | None = None, tls: ssl.SSLContext | None = None
    ) -> DiallingAgent:
        shown = self.token if token is None else token
        return DiallingAgent(way, self.service.addresses[way], vm_id, shown, tls)

    def session(self, vm: VmIdentity = VM) -> AgentSession:
        return AgentSession(lambda: self.service.channel(vm, PATIENCE), vm.name, self.bus)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looks again at each event."""
        with self.bus.subscribe(lambda event: True) as news:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    await anext(news)

    def told(self, kind: str) -> list[Any]:
        return [event for event in self.bus.recent(limit=200) if event.kind == kind]
