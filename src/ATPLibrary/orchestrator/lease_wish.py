"""Which VMs a test would take a lease on: by name, host, host's tag, desk pool and state."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import PlatformError, VmNotFoundError
from ATPLibrary.orchestrator import adapter
from ATPLibrary.orchestrator.workspace import in_state

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.transport import Domain, VmState


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
        if self.pool is None:
            wanted = await workspace.vms(timeout, host=self.host, pattern=self.name, state=self.state, tag=self.tag)
        else:
            wanted = await in_state(await self._members(workspace, self.pool, timeout), self.state, timeout)
        if not wanted:
            names = sorted(domain.name for domain in await workspace.vms(timeout, host=self.host))
            raise VmNotFoundError.about(
                str(self),
                wanted="exist" if self.state is None else f"exist and be {self.state.value}",
                got=f"the VMs there are: {', '.join(names) or 'none'}",
            )
        return wanted

    async def _members(self, workspace: Workspace, pool: str, timeout: float) -> list[Domain]:
        """The pool's VMs; only their hosts are asked."""
        client = workspace.platforms.current
        if client is None:
            raise PlatformError("No platform is logged in to. Use 'Log In To Platform' first.")
        return [
            domain
            for domain in await adapter.desk_pool_domains(workspace, client, pool, timeout)
            if fnmatch.fnmatchcase(domain.name, self.name)
            and self.host in (None, domain.host.name)
            and (self.tag is None or self.tag in domain.host.tags)
        ]
