"""Which VMs a test would take a lease on: by name, host, host's tag, desk pool and state.

A lease is new work: hosts that are drained get none unless one is named, and one that doesn't answer is passed over.
"""

from __future__ import annotations

import asyncio
import fnmatch
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from ATPLibrary.errors import DeadlineError, HostError, InputError, PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import adapter
from ATPLibrary.orchestrator.listing import in_state, tagged

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain, VmState

# As soon as one host has VMs that will do, the others get so long to say that they have some too.
SECOND_OPINION_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Wish:
    """All that is given must hold. `name` is a pattern with * and ?."""

    name: str = "*"
    host: str | None = None
    tag: str | None = None
    pool: str | None = None
    state: VmState | None = None

    def __str__(self) -> str:
        parts = (("on host", self.host), ("on a host tagged", self.tag), ("of desk pool", self.pool))
        return f"A VM called '{self.name}'" + "".join(
            f" {word} '{value}'" for word, value in parts if value is not None
        )

    async def candidates(self, workspace: Workspace, timeout: float) -> list[Domain]:
        """The VMs that will do. `VmNotFoundError` when there is none, `PlatformError` for a pool without a platform."""
        problems: list[str] = []
        if self.pool is None:
            there = await self._at_hand(workspace, timeout, problems)
        else:
            there = await self._members(workspace, self.pool, timeout)
        wanted = [domain for domain in there if self._names(domain)]
        if self.host is None:
            drained = sorted({domain.host.name for domain in wanted if domain.host.drained})
            wanted = [domain for domain in wanted if not domain.host.drained]
            if drained and not wanted:
                raise self._only_on(drained, problems)
            problems += [f"Host '{name}' is drained." for name in drained]
        wanted = await in_state(wanted, self.state, timeout)
        if not wanted:
            raise VmNotFoundError.about(
                str(self),
                wanted="exist" if self.state is None else f"exist and be {self.state.value}",
                got=f"the VMs there are: {', '.join(sorted(domain.name for domain in there)) or 'none'}",
                next_step=" ".join(problems),
            )
        return wanted

    def _only_on(self, drained: list[str], problems: list[str]) -> VmNotFoundError:
        names = ", ".join(f"'{name}'" for name in drained)
        one = len(drained) == 1
        step = f"Name it with host=, or bring it back with 'Return Host To Service    {drained[0]}'."
        return VmNotFoundError.about(
            str(self),
            wanted="be on a host that takes new work",
            got=f"its only host, {names}, is drained" if one else f"its hosts, {names}, are all drained",
            next_step=" ".join([step, *problems]),
        )

    def _names(self, domain: Domain) -> bool:
        return (
            fnmatch.fnmatchcase(domain.name, self.name)
            and self.host in (None, domain.host.name)
            and (self.tag is None or self.tag in domain.host.tags)
        )

    async def _at_hand(self, workspace: Workspace, timeout: float, problems: list[str]) -> list[Domain]:
        """The VMs of the hosts that answer; `problems` gets a sentence for each one that doesn't."""

        async def listed(name: str) -> list[Domain]:
            return await (await workspace.host(name, timeout)).list_domains(timeout)

        if self.host is not None:
            return await listed(self.host)
        asked: list[str] = []
        try:
            asked = tagged(workspace, self.tag, workspace.known_hosts())
        except InputError as error:
            problems.append(str(error))
        tasks = {asyncio.create_task(listed(name)): name for name in asked}
        answers: dict[str, list[Domain]] = {}
        pending = set(tasks)
        try:
            while pending:
                patience = SECOND_OPINION_SECONDS if any(map(self._names, chain(*answers.values()))) else None
                done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                for task in done:
                    try:
                        answers[tasks[task]] = task.result()
                    except (HostError, DeadlineError) as error:
                        problems.append(str(error))
        finally:
            for task in pending:
                task.cancel()
        if asked and not answers:
            raise HostError(f"{self} was looked for on no host: " + " ".join(problems))
        return [domain for name in asked for domain in answers.get(name, [])]

    async def _members(self, workspace: Workspace, pool: str, timeout: float) -> list[Domain]:
        """The pool's VMs; only their hosts are asked."""
        client = workspace.platforms.current
        if client is None:
            raise PlatformError("No platform is logged in to. Use 'Log In To Platform' first.")
        return await adapter.desk_pool_domains(workspace, client, pool, timeout)
