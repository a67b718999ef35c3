"""Asking many hosts for one VM, so that a dead or silent host costs the others nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host_state import HostState

if TYPE_CHECKING:
    from ATPLibrary.transport.transport import Transport

# A connected host that is this late doesn't hold back asking those that have to be connected first.
HEAD_START_SECONDS = 2.0
# When one host has the VM, how long the others may take to say that they have one of that name too.
SECOND_OPINION_SECONDS = 1.0
# The last part of the time is for the sentence: hosts that haven't answered by then are named in it.
_ASKING_SHARE = 0.9


class Search:
    """Belongs to one `Transport`. A host that is slow to answer goes on in the background until its own deadline."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._tasks: set[asyncio.Task[tuple[str, Domain | ATPError]]] = set()

    async def everywhere(self, name_or_uuid: str, timeout: float) -> tuple[list[Domain], dict[str, ATPError]]:
        """Where the VM is, and by host why not where it isn't. Connected hosts are asked first."""
        hosts = self._transport.hosts
        connected = [name for name, each in hosts.items() if each.state is HostState.CONNECTED]
        return await self._ask([connected, [name for name in hosts if name not in connected]], name_or_uuid, timeout)

    async def among(
        self, names: Iterable[str], name_or_uuid: str, timeout: float
    ) -> tuple[list[Domain], dict[str, ATPError]]:
        """As `everywhere`, of these hosts."""
        return await self._ask([list(names)], name_or_uuid, timeout)

    async def names(self, timeout: float) -> list[str]:
        """The names of the VMs on the hosts that are connected and answer; for a sentence."""

        async def one(name: str) -> list[str]:
            try:
                return [domain.name for domain in await self._transport.hosts[name].list_domains(timeout / 2)]
            except ATPError:
                return []

        connected = [name for name, each in self._transport.hosts.items() if each.state is HostState.CONNECTED]
        return sorted({name for names in await asyncio.gather(*map(one, connected)) for name in names})

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _ask(
        self, groups: list[list[str]], name_or_uuid: str, timeout: float
    ) -> tuple[list[Domain], dict[str, ATPError]]:
        found: list[Domain] = []
        problems: dict[str, ATPError] = {}
        pending: set[asyncio.Task[tuple[str, Domain | ATPError]]] = set()
        end = time.monotonic() + timeout
        late: float | None = None  # when the others are asked too, or waiting for them ends
        try:
            while groups or pending:
                if groups and (not pending or (late is not None and time.monotonic() >= late)):
                    left = max(0.001, (end - time.monotonic()) * _ASKING_SHARE)
                    pending |= {self._start(name, name_or_uuid, left) for name in groups.pop(0)}
                    late = time.monotonic() + HEAD_START_SECONDS if groups else None
                    continue
                patience = None if late is None else max(0.0, late - time.monotonic())
                done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    host, answer = task.result()
                    if isinstance(answer, Domain):
                        found.append(answer)
                    else:
                        problems[host] = answer
                if found and (groups or late is None):
                    groups = []
                    late = time.monotonic() + SECOND_OPINION_SECONDS
                elif found and not done:
                    break
        except asyncio.CancelledError:
            for task in pending:
                task.cancel()
            raise
        return found, problems

    def _start(self, name: str, name_or_uuid: str, timeout: float) -> asyncio.Task[tuple[str, Domain | ATPError]]:
        async def one() -> tuple[str, Domain | ATPError]:
            try:
                return name, await (await self._transport.host(name, timeout)).lookup(name_or_uuid, timeout)
            except ATPError as error:
                return name, error

        task = asyncio.get_running_loop().create_task(one(), name=f"look for '{name_or_uuid}' on {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
