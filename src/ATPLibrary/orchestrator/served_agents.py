"""The run's verification service, and the tokens of its VMs, which outlive the service."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ATPLibrary.errors import AgentError
from ATPLibrary.runtime import deadline

if TYPE_CHECKING:
    from ATPLibrary.config import ServiceSettings
    from ATPLibrary.events import EventBus
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.verifier.service.service import VerificationService
    from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity

NEEDS_SERVICE = "Use 'Start Verification Service' first, and give the agent its address and token"


class ServedAgents:
    """`service` is the running one, or None."""

    def __init__(self, bus: EventBus) -> None:
        self.service: VerificationService | None = None
        self._bus = bus
        self._was_stopped = False

    @cached_property
    def tokens(self) -> TokenBook:
        from ATPLibrary.verifier.service.tokens import TokenBook

        return TokenBook()

    async def start(self, settings: ServiceSettings, timeout: float) -> VerificationService:
        """The running service; `AgentError` where one runs already with other settings, `ConfigError` where it can't listen."""
        if self.service is not None:
            if self.service.settings == settings:
                return self.service
            raise AgentError.about(
                "The verification service",
                wanted="be started with other settings",
                got=f"runs already, on {', '.join(self.service.addresses.values())}",
                next_step="Use 'Stop Verification Service' first",
            )
        from ATPLibrary.verifier.service.service import VerificationService

        service = VerificationService(settings, self.tokens, self._bus)
        async with deadline(timeout, "The verification service", wanted="listen", got="doesn't"):
            await service.start()
        self.service = service
        return service

    async def stop(self) -> None:
        """End it, and every agent's connection. Does nothing when none runs."""
        service, self.service = self.service, None
        if service is not None:
            self._was_stopped = True
            await service.close()

    def running(self) -> VerificationService:
        """`AgentError` when none runs."""
        if self.service is None:
            raise AgentError.about(
                "The verification service",
                wanted="run",
                got="was stopped" if self._was_stopped else "was not started",
                next_step=NEEDS_SERVICE,
            )
        return self.service


async def identity(machine: Machine, timeout: float, more: Iterable[str] = ()) -> VmIdentity:
    """What the VM's agent may call it: its UUID, its name, the serial number that its SMBIOS tells."""
    from ATPLibrary.verifier.service.tokens import VmIdentity

    description = await machine.description(timeout)
    return VmIdentity.of(machine.uuid, machine.name, (description.serial, *more))
