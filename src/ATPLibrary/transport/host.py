"""One host's libvirt: asked with a deadline on everything, watched by a heartbeat, and connected again when it was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ATPLibrary.events import Event, EventBus
from ATPLibrary.transport import lookup
from ATPLibrary.transport.breaker import Breaker
from ATPLibrary.transport.connection import CALLS_AT_A_TIME, Connection
from ATPLibrary.transport.credentials import Credentials
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.host_calls import HostCalls
from ATPLibrary.transport.host_link import HostLink
from ATPLibrary.transport.host_state import HostState
from ATPLibrary.transport.opening import Opening
from ATPLibrary.transport.pool import Pool
from ATPLibrary.transport.registration import Registration
from ATPLibrary.transport.standing import Standing
from ATPLibrary.transport.statistics import HostStatistics, Recorder
from ATPLibrary.transport.stream_connections import Hold
from ATPLibrary.transport.vm_sockets import VmSockets

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.config import PoolSettings

T = TypeVar("T")


class HostConnection:
    """Ask a host's libvirt, over a pool of connections. Belongs to the asyncio loop that `connect` ran on.

    What libvirt reports by itself goes to `bus` (see `callbacks.py`). `workers` is how many calls each connection serves at a
    time. A `drained` host serves the VMs that it has, and `Transport.place` gives it no new work.
    """

    def __init__(
        self,
        name: str,
        uri: str,
        bus: EventBus,
        workers: int = CALLS_AT_A_TIME,
        *,
        settings: PoolSettings | None = None,
        credentials: Credentials | None = None,
        tags: tuple[str, ...] = (),
        drained: bool = False,
    ) -> None:
        if settings is None:
            from ATPLibrary.config import PoolSettings

            settings = PoolSettings()
        self.name = name
        self.uri = uri
        self.bus = bus
        self.settings = settings
        self.tags = tags
        self.sockets = VmSockets(name, uri, bus)
        self._drained = drained
        breaker, self._recorder = Breaker(settings.reconnect), Recorder()
        opening = Opening(name, uri, bus, credentials or Credentials(), workers)
        self._standing = Standing(name, uri, bus, lambda: breaker.retry_in)
        self._link = HostLink(
            self._standing,
            opening,
            bus=bus,
            breaker=breaker,
            sockets=self.sockets,
            recorder=self._recorder,
            settings=settings,
        )
        self._calls = HostCalls(self._standing, self._link, self._recorder)

    def __repr__(self) -> str:
        return f"<HostConnection {self.name} {self.uri} {self._standing.state.value}>"

    @property
    def state(self) -> HostState:
        return self._standing.state

    @property
    def failure(self) -> str:
        """Why it is FAILED or BROKEN; else empty."""
        return self._standing.failure

    @property
    def is_local(self) -> bool:
        """Its VMs run on this machine."""
        return self.sockets.are_here

    @property
    def is_simulated(self) -> bool:
        """libvirt's test driver: its VMs are words in memory."""
        return self.uri.startswith("test")

    @property
    def in_flight(self) -> int:
        """How many calls it serves now."""
        return self._link.pool.in_flight if self._link.pool is not None else 0

    @property
    def drained(self) -> bool:
        return self._drained

    @drained.setter
    def drained(self, drained: bool) -> None:
        if drained is not self._drained:
            self._drained = drained
            self.bus.publish(Event(f"host:{self.name}", "host.drained" if drained else "host.in-service"))

    @property
    def is_coming_back(self) -> bool:
        """It isn't connected but is being tried, and hasn't been given up."""
        return self._link.is_coming_back

    def statistics(self) -> HostStatistics:
        connections = len(self._link.pool.all_connections) if self._link.pool is not None else 0
        return self._recorder.snapshot(
            self.name, self._standing.state.value, self._drained, connections, self.in_flight
        )

    async def connect(self, timeout: float) -> None:
        """Open the connection; returns at once when it is open. `ConfigError` for a bad URI, `HostError` for a refusal.

        One attempt is made at a time: a second caller waits for the first one's. `HostError` at once while the circuit breaker
        is open.
        """
        await self._link.connect(timeout)

    async def reach(self, timeout: float) -> None:
        """As `connect`, but a connection that is open is asked for an answer, as the heartbeat does: proof that the host is there.

        `DeadlineError` where none comes within `timeout`; after `heartbeat_timeout` it is lost, and
        connected anew in the time left.
        """
        await self._link.reach(timeout)

    def forgive(self) -> None:
        """Forget earlier failures, so that the next `connect` tries at once."""
        self._link.forgive()

    async def close(self, timeout: float) -> None:
        """Close the connections, if there are any. Never fails: a host that doesn't answer is left to its worker threads."""
        await self._link.close(timeout)

    async def wait_for_state(self, wanted: Callable[[HostState], bool], timeout: float, words: str) -> HostState:
        """Wait until `wanted` holds for the state and return it. `DeadlineError` says "should WORDS" and what the state was."""
        return await self._standing.wait_for(wanted, timeout, words)

    async def call(self, what: str, func: Callable[..., T], *args: Any, timeout: float, idempotent: bool = False) -> T:
        """Return `func(virConnect, *args)`, run on a worker. `what` says it in an error: "list the VMs".

        When the connection is lost meanwhile: `HostError`; an `idempotent` call waits until the host is connected again and
        is asked again, within `timeout`.
        """
        return (await self._calls.ask(what, lambda _, handle: func(handle, *args), timeout, "", idempotent))[0]

    async def list_domains(self, timeout: float) -> list[Domain]:
        """Every VM that the host knows, running or not, by name."""
        found = await self.call("list the VMs", lookup.names_and_uuids, timeout=timeout, idempotent=True)
        return [Domain(self, name, uuid) for name, uuid in sorted(found)]

    async def lookup(self, name_or_uuid: str, timeout: float) -> Domain:
        """The VM of that name or UUID. `VmNotFoundError` tells the names that are near."""
        found = await self.call(
            f"find VM '{name_or_uuid}'", lookup.find, name_or_uuid, timeout=timeout, idempotent=True
        )
        if isinstance(found, tuple):
            return Domain(self, *found)
        raise lookup.not_found(name_or_uuid, f"host '{self.name}'", found)

    async def call_domain(
        self, domain: Domain, what: str, func: Callable[..., T], *args: Any, timeout: float, idempotent: bool = False
    ) -> T:
        """Return `func(virDomain, *args)`, run on a worker; else as `call`."""

        def ask(connection: Connection, handle: libvirt.virConnect) -> T:
            return func(connection.domain(handle, domain.uuid), *args)

        return (await self._calls.ask(what, ask, timeout, domain.name, idempotent))[0]

    async def call_domain_and_pin(
        self, domain: Domain, what: str, func: Callable[[libvirt.virDomain], T], *, timeout: float
    ) -> tuple[T, Hold]:
        """As `call_domain`, for a stream, which lives on its connection afterwards: one beside the pool's.

        Call the second result when the stream ends, and say whether it was stuck.
        """

        def ask(connection: Connection, handle: libvirt.virConnect) -> T:
            return func(connection.domain(handle, domain.uuid))

        answer, pool, connection = await self._calls.ask(
            what, ask, timeout, domain.name, False, lease=Pool.lease_for_stream
        )
        return answer, pool.streams.pin(connection)

    async def register(
        self,
        domain: Domain,
        what: str,
        func: Callable[[libvirt.virDomain], int],
        take_back: Callable[[libvirt.virConnect, int], None],
        *,
        timeout: float,
    ) -> Registration:
        """Have `func` register a callback, on the connection that events come by, and return what tells whether it still lives.

        `take_back(virConnect, number)` undoes it: at `Registration.end`, or before that connection is closed.
        """

        def ask(connection: Connection, handle: libvirt.virConnect) -> int:
            return func(connection.domain(handle, domain.uuid))

        number, _, connection = await self._calls.ask(what, ask, timeout, domain.name, False, lease=Pool.lease_first)
        return Registration(connection, lambda handle: take_back(handle, number))
