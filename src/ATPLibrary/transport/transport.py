"""The hosts that are known, where a VM is among them, and which of them takes new work."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, DeadlineError, HostError, VmNotFoundError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.credentials import Credentials
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host import HostConnection
from ATPLibrary.transport.lookup import not_found
from ATPLibrary.transport.remaining import remaining
from ATPLibrary.transport.search import Search
from ATPLibrary.transport.selection import Selection, Strategy
from ATPLibrary.transport.statistics import HostStatistics
from ATPLibrary.transport.uri import check_uri

if TYPE_CHECKING:
    from ATPLibrary.config import PoolSettings


class Transport:
    """Connections to hosts by name, each opened when it is first needed, and again when it was lost."""

    def __init__(self, bus: EventBus, settings: PoolSettings | None = None) -> None:
        self.bus = bus
        self.settings = settings
        self.hosts: dict[str, HostConnection] = {}
        self._search = Search(self)
        self._selections: dict[Strategy, Selection] = {}

    def add_host(
        self,
        name: str,
        uri: str,
        *,
        tags: Iterable[str] = (),
        credentials: Credentials | None = None,
        drained: bool = False,
    ) -> HostConnection:
        """Make a host known; nothing is connected yet. The same name with another URI is an error; a known one gets the tags."""
        check_uri(name, uri)
        known = self.hosts.get(name)
        if known is None:
            known = self.hosts[name] = HostConnection(
                name, uri, self.bus, settings=self.settings, credentials=credentials, tags=tuple(tags), drained=drained
            )
        elif known.uri != uri:
            raise HostError.about(
                f"Host '{name}'", wanted=f"be the one at {uri}", got=f"is known as the one at {known.uri}",
                next_step="Use another name",
            )  # fmt: skip
        else:
            known.tags = (*known.tags, *(tag for tag in tags if tag not in known.tags))
        return known

    def known(self, name: str) -> HostConnection:
        """The host of that name, connected or not. `HostError` names the ones there are."""
        connection = self.hosts.get(name)
        if connection is None:
            near = next(iter(get_close_matches(name, self.hosts, n=1)), "")
            raise HostError.about(
                f"Host '{name}'", wanted="be known", got=f"the hosts there are: {', '.join(sorted(self.hosts)) or 'none'}",
                next_step=f"Did you mean '{near}'?" if near else "'Add Host' makes one known, and 'hosts:' of the configuration",
            )  # fmt: skip
        return connection

    async def host(self, name: str, timeout: float) -> HostConnection:
        """The connected host of that name."""
        connection = self.known(name)
        await connection.connect(timeout)
        return connection

    async def find(self, name_or_uuid: str, host: str | None = None, *, timeout: float) -> Domain:
        """The VM of that name or UUID: on `host`, else on whichever known host has it.

        Hosts that are connected are asked first; one that doesn't answer delays only the search for what the others lack. A VM
        that two hosts know by the same UUID (one keeps the definition of a VM that has moved away) is the one that is on.
        """
        if host is not None:
            return await (await self.host(host, timeout)).lookup(name_or_uuid, timeout)
        left = remaining(timeout)
        return await self._the_one(name_or_uuid, await self.homes(name_or_uuid, timeout), left())

    async def homes(self, name_or_uuid: str, timeout: float) -> list[Domain]:
        """The VM of that name or UUID on each known host that has it and answers soon; at least one.

        `VmNotFoundError` when no host that answers has it: it names those that could not be asked.
        """
        left = remaining(timeout)
        async with deadline(timeout, f"VM '{name_or_uuid}'", wanted="be found", got="hosts did not answer"):
            found, problems = await self._search.everywhere(name_or_uuid, timeout)
            if not found:
                raise await self._nowhere(name_or_uuid, problems, left())
            return found

    async def relocate(self, domain: Domain, timeout: float) -> Domain:
        """The same VM where it is now: on its host, else on another one, where it may have been moved. `vm.moved` on the bus tells.

        The error of its own host when no other one has it.
        """
        left = remaining(timeout)
        others = [name for name in self.hosts if name != domain.host.name]
        try:
            at_home = left() / 2 if others else left()
            return await (await self.host(domain.host.name, at_home)).lookup(domain.uuid, at_home)
        except (HostError, DeadlineError, VmNotFoundError) as error:
            here = await self.elsewhere(domain.uuid, domain.host.name, left())
            if here is None:
                if not isinstance(error, VmNotFoundError):
                    raise
                got = f"is not, nor is it on {', '.join(others)}" if others else "is not any more"
                raise VmNotFoundError.about(
                    f"VM '{domain.name}' ({domain.uuid})", wanted=f"be on host '{domain.host.name}'", got=got
                ) from error
            data = {"from": domain.host.name, "to": here.host.name, "uuid": domain.uuid, "reason": str(error)}
            notice = f"VM '{domain.name}' is on host '{here.host.name}' now; it was on '{domain.host.name}'."
            self.bus.publish(Event(f"vm:{domain.name}", "vm.moved", data, notice=notice))
            return here

    async def elsewhere(self, uuid: str, host: str, timeout: float) -> Domain | None:
        """The VM of that UUID on another host than `host`: the one that is on, where several have it. None where none has it."""
        left = remaining(timeout)
        found, _ = await self._search.among([name for name in self.hosts if name != host], uuid, left())
        return await self._the_one(uuid, found, left()) if found else None

    async def place(
        self, *, tags: Collection[str] = (), strategy: Strategy | str | None = None, timeout: float
    ) -> HostConnection:
        """A connected host for new work: one that has all `tags`, isn't drained and can be reached, by `strategy`.

        By default the strategy is the settings' `selection_strategy`. `HostError` says of each host why it wasn't taken.
        """
        left = remaining(timeout)
        refused: list[str] = []
        candidates: list[HostConnection] = []
        for connection in self.hosts.values():
            missing = [tag for tag in tags if tag not in connection.tags]
            if missing:
                refused.append(f"'{connection.name}' lacks the tag {', '.join(missing)}")
            elif connection.drained:
                refused.append(f"'{connection.name}' is drained")
            else:
                candidates.append(connection)
        order = self._selection(strategy).order(candidates)
        for number, connection in enumerate(order):
            try:
                # One that doesn't answer leaves time for the others.
                await connection.reach(left() / (len(order) - number))
            except (HostError, DeadlineError) as error:
                refused.append(str(error).rstrip("."))
            else:
                return connection
        wanted = f"take new work (tags: {', '.join(tags)})" if tags else "take new work"
        got = f"none can: {'; '.join(refused)}" if refused else "no host is known"
        raise HostError.about("A host", wanted=wanted, got=got, next_step="Add a host, or bring one back")

    def statistics(self) -> list[HostStatistics]:
        """What each host's connections have done, by the hosts' names."""
        return [self.hosts[name].statistics() for name in sorted(self.hosts)]

    async def close(self, timeout: float) -> None:
        """Close every connection."""
        self._search.close()
        await asyncio.gather(*(connection.close(timeout) for connection in self.hosts.values()))

    def _selection(self, strategy: Strategy | str | None) -> Selection:
        if strategy is None:
            strategy = self.settings.selection_strategy if self.settings is not None else Strategy.ROUND_ROBIN
        strategy = Strategy(strategy)
        return self._selections.setdefault(strategy, Selection(strategy))

    async def _the_one(self, name_or_uuid: str, found: list[Domain], timeout: float) -> Domain:
        if len(found) == 1:
            return found[0]
        if len({domain.uuid for domain in found}) == 1:
            states = await asyncio.gather(*(domain.state(timeout) for domain in found))
            active = [domain for domain, state in zip(found, states, strict=True) if state.state.is_active]
            if len(active) == 1:
                return active[0]
        where = " and ".join(sorted(domain.host.name for domain in found))
        same = len({domain.uuid for domain in found}) == 1  # two names of one libvirt, or a definition that was copied
        raise VmNotFoundError.about(
            f"VM '{name_or_uuid}'", wanted="mean one VM", got=f"there is one on each of {where}",
            next_step="Say which with host=" if same else "Say which with host=, or use the UUID",
        )  # fmt: skip

    async def _nowhere(self, name_or_uuid: str, problems: dict[str, ATPError], timeout: float) -> ATPError:
        unreachable = [error for error in problems.values() if not isinstance(error, VmNotFoundError)]
        if unreachable and len(unreachable) == len(problems):
            if len(unreachable) == 1:
                return unreachable[0]
            return HostError(
                f"VM '{name_or_uuid}' was looked for on no host: " + " ".join(str(error) for error in unreachable)
            )
        names = await self._search.names(timeout)
        asked = sorted(host for host, error in problems.items() if isinstance(error, VmNotFoundError))
        error = not_found(name_or_uuid, f"host {', '.join(asked) or '(none is known)'}", names)
        if unreachable:
            error = VmNotFoundError(f"{error} Not asked: " + " ".join(str(each) for each in unreachable))
        return error
