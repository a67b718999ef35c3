"""The agent's process in a guest, seen and stopped from outside: by the QEMU guest agent, which has a port of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from ATPLibrary.protocol.qga import Qga, open_qga
from ATPLibrary.transport import Domain

SECONDS = 60.0
PID_FILE = "/run/atp-agent.pid"  # the lab's guests keep the agent's pid there
RUN_TIME = f"cat /proc/$(cat {PID_FILE})/schedstat"
RESIDENT = f"grep VmRSS /proc/$(cat {PID_FILE})/status"


class AgentProcess:
    def __init__(self, qga: Qga) -> None:
        self._qga = qga

    @classmethod
    async def of(cls, domain: Domain) -> AgentProcess:
        return cls(await open_qga(domain, SECONDS))

    async def resident_kib(self) -> int:
        return int((await self._run(RESIDENT)).split()[1])

    async def cpu_seconds(self) -> float:
        """Since its start, to the nanosecond (the kernel's schedstats)."""
        return int((await self._run(RUN_TIME)).split()[0]) / 1e9

    @contextlib.asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """It does nothing meanwhile, not even read: what the kernel has for it waits, as far as there is room."""
        await self._signal("STOP")
        try:
            yield
        finally:
            await self._signal("CONT")

    @contextlib.asynccontextmanager
    async def left_alone(self) -> AsyncIterator[None]:
        """The same commands at the same moments as with `stopped()`, to no effect."""
        await self._signal("CONT")
        try:
            yield
        finally:
            await self._signal("CONT")

    async def _signal(self, name: str) -> None:
        await self._run(f"kill -{name} $(cat {PID_FILE})")

    async def _run(self, command: str) -> str:
        done = await self._qga.exec(command, timeout=SECONDS)
        if done.exit_code:
            raise RuntimeError(f"'{command}' ended with {done.exit_code} in the guest: {done.stderr.strip()}")
        return done.stdout
