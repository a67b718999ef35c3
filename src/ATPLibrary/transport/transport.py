"""The hosts that are known, and where a VM is among them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from difflib import get_close_matches

from ATPLibrary.errors import ATPError, HostError, VmNotFoundError
from ATPLibrary.events import EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host import HostConnection, HostState
from ATPLibrary.transport.lookup import not_found
from ATPLibrary.transport.uri import check_uri


class Transport:
    """Connections to hosts by name, each opened when it is first needed, and again when it was lost."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.hosts: dict[str, HostConnection] = {}

    def add_host(self, name: str, uri: str) -> HostConnection:
        """Make a host known; nothing is connected yet. The same name with another URI is an error."""
        check_uri(name, uri)
        known = self.hosts.get(name)
        if known is None:
            known = self.hosts[name] = HostConnection(name, uri, self.bus)
        elif known.uri != uri:
            raise HostError.about(
                f"Host '{name}'", wanted=f"be the one at {uri}", got=f"is known as the one at {known.uri}",
                next_step="Use another name",
            )  # fmt: skip
        return known

    async def host(self, name: str, timeout: float) -> HostConnection:
        """The connected host of that name."""
        connection = self.hosts.get(name)
        if connection is None:
            near = get_close_matches(name, self.hosts, n=3) or sorted(self.hosts)
            raise HostError.about(
                f"Host '{name}'", wanted="be known", got="is not",
                next_step=f"Known hosts: {', '.join(near) or 'none'}",
            )  # fmt: skip
        await connection.connect(timeout)
        return connection

    async def find(self, name_or_uuid: str, host: str | None = None, *, timeout: float) -> Domain:
        """The VM of that name or UUID: on `host`, else on whichever known host has it.

        Hosts that are connected are asked first, so that one that doesn't answer delays only the search for what the others lack.
        """
        if host is not None:
            return await (await self.host(host, timeout)).lookup(name_or_uuid, timeout)
        connected = [name for name, each in self.hosts.items() if each.state is HostState.CONNECTED]
        others = [name for name in self.hosts if name not in connected]
        problems: list[ATPError] = []
        async with deadline(timeout, f"VM '{name_or_uuid}'", wanted="be found", got="hosts did not answer"):
            for names in (connected, others):
                found, failed = await self._ask(names, name_or_uuid, timeout)
                if len(found) > 1:
                    where = " and ".join(sorted(domain.host.name for domain in found))
                    raise VmNotFoundError.about(
                        f"VM '{name_or_uuid}'", wanted="mean one VM", got=f"there is one on each of {where}",
                        next_step="Say which with host=, or use the UUID",
                    )  # fmt: skip
                if found:
                    return found[0]
                problems += failed
            raise await self._nowhere(name_or_uuid, problems, timeout)

    async def close(self, timeout: float) -> None:
        """Close every connection."""
        await asyncio.gather(*(connection.close(timeout) for connection in self.hosts.values()))

    async def _ask(
        self, names: Iterable[str], name_or_uuid: str, timeout: float
    ) -> tuple[list[Domain], list[ATPError]]:
        async def one(name: str) -> Domain | ATPError:
            try:
                return await (await self.host(name, timeout)).lookup(name_or_uuid, timeout)
            except ATPError as error:
                return error

        answers = await asyncio.gather(*(one(name) for name in names))
        return (
            [answer for answer in answers if isinstance(answer, Domain)],
            [answer for answer in answers if isinstance(answer, ATPError)],
        )

    async def _nowhere(self, name_or_uuid: str, problems: list[ATPError], timeout: float) -> ATPError:
        unreachable = [error for error in problems if not isinstance(error, VmNotFoundError)]
        if unreachable and len(unreachable) == len(problems):
            if len(unreachable) == 1:
                return unreachable[0]
            return HostError(
                f"VM '{name_or_uuid}' was looked for on no host: " + " ".join(str(error) for error in unreachable)
            )
        names: list[str] = []
        for connection in self.hosts.values():
            if connection.state is HostState.CONNECTED:
                names += [domain.name for domain in await connection.list_domains(timeout)]
        error = not_found(name_or_uuid, f"host {', '.join(sorted(self.hosts)) or '(none is known)'}", names)
        if unreachable:
            error = VmNotFoundError(f"{error} Not asked: " + " ".join(str(each) for each in unreachable))
        return error
