"""The verification service: listeners, strangers at the door, and the agents that were let in."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable

from ATPLibrary.config import ServiceSettings
from ATPLibrary.errors import AgentError, ATPError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.transport import ByteChannel
from ATPLibrary.verifier.fields import shown
from ATPLibrary.verifier.service.admission import admit, refuse
from ATPLibrary.verifier.service.listeners import Listeners
from ATPLibrary.verifier.service.peer import Peer
from ATPLibrary.verifier.service.registry import AgentRegistry, ServedAgent
from ATPLibrary.verifier.service.served_channel import ServedChannel
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity
from ATPLibrary.verifier.session_state import ReplacedError
from ATPLibrary.verifier.wire import LINE_LIMIT

SOURCE = "service:verification"
# So many refusals are told in a minute; all are counted.
REFUSALS_TOLD = 10


class VerificationService:
    """Belongs to the loop that `start()` ran on. What happens is on the bus: `agent.connected` and `agent.disconnected` of the VM,
    `service.started`, `.closed` and `.refused` of the service itself.
    """

    def __init__(self, settings: ServiceSettings, tokens: TokenBook, bus: EventBus) -> None:
        self.settings = settings
        self.refusals = 0
        self._tokens = tokens
        self._bus = bus
        self._registry = AgentRegistry()
        self._listeners = Listeners(settings, self._serve, self._turned_away)
        self._strangers: dict[Peer, None] = {}  # in the order in which they came
        self._last_refusal = ""
        self._told: list[float] = []  # when refusals were told
        self._is_open = False

    @property
    def addresses(self) -> dict[str, str]:
        """Where it listens: "tcp", "websocket", "unix" -> "127.0.0.1:8766", "ws://127.0.0.1:8765", "/run/atp.sock"."""
        return dict(self._listeners.addresses)

    @property
    def agents(self) -> list[ServedAgent]:
        return self._registry.all()

    @property
    def strangers(self) -> int:
        """How many connections haven't said who they are."""
        return len(self._strangers)

    @property
    def handshakes(self) -> int:
        """How many connections haven't ended their TLS or WebSocket handshake."""
        return self._listeners.handshakes

    async def start(self) -> None:
        """Listen. `ConfigError` when a port is taken or the certificate can't be used."""
        self._is_open = True
        await self._listeners.open()
        self._bus.publish(Event(SOURCE, "service.started", self.addresses))

    async def close(self) -> None:
        """End every connection and listen no more, within a few seconds whatever the other sides do."""
        self._is_open = False
        for peer in list(self._strangers):
            peer.abort()
        for agent in self._registry.all():
            agent.channel.end(agent.channel.peer.ended("the service was closed"))
        self._registry.close()
        await self._listeners.close()
        self._bus.publish(Event(SOURCE, "service.closed", {"refusals": self.refusals}))

    async def channel(self, vm: VmIdentity, timeout: float) -> ByteChannel:
        """The byte channel of that VM's agent, for an `AgentSession`; waits until it has dialled in. `DeadlineError`."""
        before = self.refusals

        def refused() -> str:
            count = self.refusals - before
            return f"meanwhile {count} were refused, the last because: {self._last_refusal}" if count else ""

        where = " or ".join(self.addresses.values()) or "which is closed"
        return await self._registry.take(vm, timeout, where, refused)

    def drop(self, vm: VmIdentity, why: str) -> None:
        """End the connection of that VM's agent, if there is one: its token is no longer valid."""
        if (agent := self._registry.of(vm)) is not None:
            agent.channel.end(agent.channel.peer.ended(why))

    async def _serve(self, peer: Peer) -> None:
        """One connection, from its first byte to its last."""
        if not self._is_open:
            peer.abort()
            return
        try:
            agent = await self._admit(peer)
            if agent is not None:
                await self._keep(agent)
        finally:
            peer.abort()

    async def _admit(self, peer: Peer) -> ServedAgent | None:
        if len(self._strangers) >= self.settings.strangers:
            # The one that has waited longest goes: an agent says hello at once, so that strangers can't keep it out.
            next(iter(self._strangers)).abort()
            self._strangers.pop(next(iter(self._strangers)))
        self._strangers[peer] = None
        try:
            try:
                vm, hello = await admit(peer, self._tokens, self.settings.hello_timeout)
                if self._registry.of(vm) is None and len(self._registry) >= self.settings.agents:
                    raise AgentError.about(
                        f"The agent of VM '{vm.name}'",
                        wanted=f"be one of at most {self.settings.agents} agents",
                        got="is one too many",
                        next_step="Raise 'service: agents'",
                    )
            except ATPError as error:
                self._refused(peer.way, peer.address, str(error))
                await refuse(peer)
                return None
        finally:
            self._strangers.pop(peer, None)
        peer.allow(LINE_LIMIT)
        return ServedAgent(vm, hello.version, ServedChannel(peer))

    async def _keep(self, agent: ServedAgent) -> None:
        peer, source = agent.channel.peer, f"vm:{agent.vm.name}"
        predecessor = self._registry.enter(agent)
        if predecessor is not None:
            ended = predecessor.channel.peer.ended("its agent has dialled in anew", ReplacedError)
            predecessor.channel.end(ended)
        facts = {"way": peer.way, "address": peer.address, "generation": agent.generation}
        self._bus.publish(Event(source, "agent.connected", {**facts, "version": agent.version}))
        why = "the service was closed"
        try:
            why = str(await agent.channel.pump())
        finally:
            was_last = self._registry.leave(agent)
            agent.channel.end(peer.ended(why))
            self._bus.publish(Event(source, "agent.disconnected", {**facts, "why": why, "replaced": not was_last}))

    def _turned_away(self, address: str, origin: str) -> None:
        self._refused(
            "websocket", address, f"A page of another server ({shown(origin)}) wanted to speak to the service."
        )

    def _refused(self, way: str, address: str, why: str) -> None:
        self.refusals += 1
        self._last_refusal = why.rstrip(".")
        now = time.monotonic()
        self._told = [when for when in self._told if now - when < 60.0]
        if len(self._told) < REFUSALS_TOLD:
            self._told.append(now)
            data = {"way": way, "address": address, "why": why, "refusals": self.refusals}
            self._bus.publish(Event(SOURCE, "service.refused", data))


def is_exposed(settings: ServiceSettings, addresses: Iterable[str]) -> bool:
    """Whether other machines may reach a port of it, unencrypted."""
    if settings.certificate is not None or not {"tcp", "websocket"} & set(addresses):
        return False
    try:
        return not ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return settings.host != "localhost"
