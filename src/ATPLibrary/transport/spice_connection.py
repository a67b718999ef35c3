"""The SPICE sessions of VMs: which channels are open and in which state. Each channel is a TCP connection of its own.

The bytes of the protocol are not spoken here. `Link` is the seam: it is given a channel whose socket is connected and does what
makes it a SPICE channel (the link message, the ticket). Without one a channel stays CONNECTED, and never claims to be more.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import ChannelError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.secrets import Secret
from ATPLibrary.transport.spice import (
    PortSource,
    SpiceChannelType,
    SpiceEndpoint,
    TicketSource,
    find_endpoint,
    find_ticket,
)
from ATPLibrary.transport.spice_tls import SpiceTls

if TYPE_CHECKING:
    from ATPLibrary.transport.domain import Domain

_CLOSE_SECONDS = 1.0
# What may have come and not been read: a frame comes in pieces of this size.
_READ_LIMIT = 512 * 1024
# A peer that has gone without a word (a host without power, a cable) is noticed: an idle connection is asked after 5 s, and every
# 5 s from then on. It ends once three have gone unanswered; where `_UNTAKEN_MS` is set, Linux lets that time decide instead.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
# Sent and not taken by the peer for so long. Not where a guest's program or driver may leave unread what is sent: Linux counts the
# time of a full window too.
_UNTAKEN_MS = 15_000
_MAY_BE_UNREAD = (SpiceChannelType.USBREDIR, SpiceChannelType.PORT, SpiceChannelType.WEBDAV, SpiceChannelType.SMARTCARD)
# A connection that lives so long was taken by somebody who goes on.
_KEPT_SECONDS = 0.2


class SpiceChannelState(enum.Enum):
    """CLOSED -open-> CONNECTING -TCP-> CONNECTED -link-> LINKED; each -close-> CLOSED, each -error or the server's end-> FAILED.

    FAILED and CLOSED may be opened again.
    """

    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    LINKED = "linked"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in (SpiceChannelState.CONNECTED, SpiceChannelState.LINKED)


class SpiceSpeaker(ABC):
    """Who speaks the protocol on a channel once it is linked. It reads to the end, and tells the end by `channel.fail`."""

    @abstractmethod
    def ended(self, reason: str) -> None:
        """The channel was closed, or has failed: `reason`. Called once for each end, and must not wait."""

    @abstractmethod
    async def taken_up(self) -> None:
        """Return when the server has taken the channel up, or soon: before that it must not lose it."""


class SpiceChannel:
    """One channel. `reader` and `writer` belong to whoever speaks the protocol on it; `failure` says why it is FAILED.

    `stage` tells how far opening it has come, for the error of a deadline.
    """

    def __init__(self, connection: SpiceVmConnection, type: SpiceChannelType, id: int) -> None:
        self.connection = connection
        self.type = type
        self.id = id
        self.failure = ""
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.speaker: SpiceSpeaker | None = None
        self.last_speaker: SpiceSpeaker | None = None  # who spoke on it last, for a look back at what has failed
        self.stage: Callable[[], str] = str
        self._state = SpiceChannelState.CLOSED

    def __repr__(self) -> str:
        return f"<SpiceChannel {self.name} of {self.connection.vm} {self.state.value}>"

    @property
    def name(self) -> str:
        return f"{self.type.name.lower()}:{self.id}"

    @property
    def subject(self) -> str:
        """What starts a sentence about this channel."""
        return f"SPICE channel {self.name} of VM '{self.connection.vm}'"

    @property
    def state(self) -> SpiceChannelState:
        if self._state.is_open and self.speaker is None and self.reader is not None and self.reader.at_eof():
            self.fail("the server closed it")
        return self._state

    def fail(self, reason: str) -> None:
        """The channel is of no use any more: who speaks the protocol on it says why."""
        if self._state is not SpiceChannelState.CLOSED:
            self.failure = reason
            self._drop(SpiceChannelState.FAILED)

    async def open(self, timeout: float, link: Link | None) -> None:
        """Connect to the server and let `link` do the rest; `timeout` is for both together."""
        endpoint = self.connection.endpoint

        def stage() -> str:
            return ", ".join(filter(None, (self._state.value, self.stage())))

        self.stage = str
        self._move(SpiceChannelState.CONNECTING)
        try:
            async with deadline(timeout, self.subject, wanted="open", got="did not", last_seen=stage):
                await self._connect(endpoint)
                self._move(SpiceChannelState.CONNECTED)
                if link is not None:
                    await link(self, timeout)
                    self._check_is(SpiceChannelState.CONNECTED)
                    self._move(SpiceChannelState.LINKED)
        except BaseException as error:
            self.fail(str(error) or type(error).__name__)
            raise

    async def taken_up(self) -> None:
        """Return when the server has taken the channel up, where it is linked and has a speaker to tell; or soon."""
        if self._state is SpiceChannelState.LINKED and self.speaker is not None:
            await self.speaker.taken_up()

    async def close(self) -> None:
        """Close it; a second time does nothing. Ends within a moment whatever the server does."""
        try:
            await self.taken_up()
        finally:
            await self.end()

    async def end(self) -> None:
        """As `close`, of a channel that the server has taken up, or had its time to."""
        writer = self.writer
        self._drop(SpiceChannelState.CLOSED)
        if writer is not None:
            try:
                with contextlib.suppress(OSError):  # a TimeoutError is one
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await writer.wait_closed()
            finally:
                writer.transport.abort()

    async def _connect(self, endpoint: SpiceEndpoint) -> None:
        tls = self.connection.tls
        port = endpoint.port if tls is None else endpoint.tls_port
        if port is None:
            raise ChannelError.about(
                self.subject, wanted=f"have a {'plain' if tls is None else 'TLS'} port", got=f"its server is at {endpoint}",
                next_step="Give the connection the server's CA" if tls is None else "Leave TLS away",
            )  # fmt: skip
        try:
            context = tls.context() if tls is not None else None
            reader, writer = await asyncio.open_connection(endpoint.host, port, ssl=context, limit=_READ_LIMIT)
        except ssl.SSLError as error:
            raise self._not_trusted(error) from error
        except OSError as error:
            raise ChannelError.about(
                self.subject, wanted=f"reach its server at {endpoint.host} port {port}", got=f"did not: {error.strerror or error}",
                next_step="Check that the VM runs, and that no firewall is between",
            ) from error  # fmt: skip
        try:
            self._check_is(SpiceChannelState.CONNECTING)
        except ChannelError:
            writer.transport.abort()
            raise
        self.reader, self.writer = reader, writer
        _watch(writer.get_extra_info("socket"), self.type)
        if tls is not None and (wrong := tls.wrong_subject(writer.get_extra_info("peercert") or {})):
            raise ChannelError.about(
                self.subject, wanted="reach the server that it is meant for", got=wrong,
                next_step="Check 'spice: subject:' in the configuration",
            )  # fmt: skip

    def _not_trusted(self, error: ssl.SSLError) -> ChannelError:
        got = f"TLS failed: {error.reason or error}"
        next_step = "Check that the port is the one for TLS"
        if isinstance(error, ssl.SSLCertVerificationError):
            got = f"its certificate can't be trusted: {str(error.verify_message).rstrip('.')}"
            next_step = (
                "Check 'spice: ca_file:' and, for a name that doesn't fit, 'spice: subject:' in the configuration"
            )
        return ChannelError.about(self.subject, wanted="be encrypted", got=got, next_step=next_step)

    def _check_is(self, state: SpiceChannelState) -> None:
        """Somebody may have closed it, or ended it with a reason, while it was being opened."""
        if self._state is not state:
            reason = f" ({self.failure})" if self.failure else ""
            raise ChannelError.about(
                self.subject, wanted="open", got=f"was {self._state.value} while it was being opened{reason}",
                next_step="Open it again",
            )  # fmt: skip

    def _drop(self, state: SpiceChannelState) -> None:
        writer, self.reader, self.writer = self.writer, None, None
        speaker, self.speaker = self.speaker, None
        self.last_speaker = speaker or self.last_speaker
        if writer is not None:
            writer.close()
        self._move(state)
        if speaker is not None:
            speaker.ended(self.failure or "it was closed here")

    def _move(self, state: SpiceChannelState) -> None:
        if state is not self._state:
            self._state = state
            self.failure = self.failure if state is SpiceChannelState.FAILED else ""
            data = {"uuid": self.connection.uuid, "channel": self.name}
            data |= {"reason": self.failure} if self.failure else {}
            self.connection.bus.publish(Event(f"vm:{self.connection.vm}", f"spice.channel.{state.value}", data))


def _watch(connected: socket.socket, type: SpiceChannelType) -> None:
    """Have the kernel end a connection whose peer answers nothing any more."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError):  # it has broken already, which its reader tells
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
        if type not in _MAY_BE_UNREAD:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNTAKEN_MS)


# Makes a connected channel a SPICE channel, within the seconds given, and sets `channel.speaker` to who speaks on it from then on;
# for MAIN it sets `channel.connection.session_id`.
Link = Callable[[SpiceChannel, float], Awaitable[None]]


class SpiceVmConnection:
    """The SPICE session with one VM: MAIN first, then any channel by type, and by `id` where a VM has several (two displays).

    `session_id` comes from MAIN's first message and stands in the link of the others. `ticket` is None where there is none.
    """

    def __init__(
        self,
        vm: str,
        uuid: str,
        endpoint: SpiceEndpoint,
        bus: EventBus,
        *,
        ticket: Secret | None = None,
        tls: SpiceTls | None = None,
        link: Link | None = None,
    ) -> None:
        self.vm = vm
        self.uuid = uuid
        self.endpoint = endpoint
        self.bus = bus
        self.ticket = ticket
        self.tls = tls
        self.session_id = 0
        # The type and id of each channel that the server says it has; none before the main channel is linked.
        self.offered: Callable[[], Sequence[tuple[int, int]]] = tuple
        # Called with each channel that is linked, before anything is said on it.
        self.when_linked: list[Callable[[SpiceChannel], None]] = []
        self._link = link
        self._channels: dict[tuple[SpiceChannelType, int], SpiceChannel] = {}

    @property
    def channels(self) -> Mapping[tuple[SpiceChannelType, int], SpiceChannel]:
        """Every channel that was opened and not closed, FAILED ones too."""
        return dict(self._channels)

    def channel(self, type: SpiceChannelType, id: int = 0) -> SpiceChannel | None:
        return self._channels.get((type, id))

    async def is_listening(self, timeout: float) -> bool:
        """Whether anybody takes connections where the server was, and keeps them: a process that is ending still takes one.

        Nothing is said there, and a server waits for us to speak first.
        """
        port = self.endpoint.port if self.tls is None else self.endpoint.tls_port
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(self.endpoint.host, port)
        except OSError:  # a TimeoutError is one
            return False
        try:
            async with asyncio.timeout(_KEPT_SECONDS):
                return bool(await reader.read(1))
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            writer.transport.abort()

    async def connect_main_channel(self, timeout: float) -> SpiceChannel:
        """Begin the session."""
        return await self.open_channel(SpiceChannelType.MAIN, timeout=timeout)

    async def open_channel(self, type: SpiceChannelType, id: int = 0, *, timeout: float) -> SpiceChannel:
        """Open a channel, or open anew one that has failed; the others go on. `ChannelError` when it is open, or MAIN isn't.

        One that the server doesn't have is tried all the same, for only that is a proof, but not kept among the channels.
        """
        channel = self._channels.get((type, id)) or SpiceChannel(self, type, id)
        if channel.state not in (SpiceChannelState.CLOSED, SpiceChannelState.FAILED):
            raise ChannelError.about(
                channel.subject, wanted="be closed, to be opened", got=f"is {channel.state.value}",
                next_step="It is open already and needs no opening; for a new one close it first, with 'Close SPICE Channel'"
                if channel.state.is_open
                else "Wait until it is open",
            )  # fmt: skip
        main = self.channel(SpiceChannelType.MAIN)
        if type is not SpiceChannelType.MAIN and (main is None or not main.state.is_open):
            got = (
                "was not opened"
                if main is None
                else f"is {main.state.value}" + (f" ({main.failure})" if main.failure else "")
            )
            raise ChannelError.about(
                channel.subject, wanted="have its session's main channel open before it", got=f"that one {got}",
                next_step="Connect the main channel first",
            )  # fmt: skip
        self._channels[type, id] = channel
        try:
            await channel.open(timeout, self._link)
        except BaseException:
            if self._channels.get((type, id)) is channel and not self.offers(type, id):
                del self._channels[type, id]
            raise
        return channel

    def offers(self, type: SpiceChannelType, id: int) -> bool:
        """Whether the server has that channel; True as well while nobody knows."""
        offered = self.offered()
        return not offered or (type, id) in offered

    async def reconnect_channel(self, type: SpiceChannelType, id: int = 0, *, timeout: float) -> SpiceChannel:
        """Close a channel that was opened, in whatever state it is, and open it anew; the others go on.

        `ChannelError` for MAIN, with which the session ends.
        """
        if type is SpiceChannelType.MAIN:
            raise ChannelError.about(
                SpiceChannel(self, type, id).subject, wanted="be reconnected without the others",
                got="is the session itself", next_step="End the session and begin another",
            )  # fmt: skip
        await self.close_channel(type, id)
        return await self.open_channel(type, id, timeout=timeout)

    def stranger(self, ticket: Secret, bus: EventBus) -> SpiceVmConnection:
        """A client of the same server that has no session there, and another ticket."""
        return SpiceVmConnection(self.vm, self.uuid, self.endpoint, bus, ticket=ticket, tls=self.tls, link=self._link)

    async def link_alone(self, type: SpiceChannelType, timeout: float) -> None:
        """Link a channel without its session's main channel, and close it: to see what the server says of that."""
        channel = SpiceChannel(self, type, 0)
        try:
            await channel.open(timeout, self._link)
        finally:
            await channel.close()

    async def close_channel(self, type: SpiceChannelType, id: int = 0) -> None:
        """Close one channel; with MAIN the session ends, so all are closed. `ChannelError` when it wasn't opened."""
        if (type, id) not in self._channels:
            there = ", ".join(each.name for each in self._channels.values())
            raise ChannelError.about(
                SpiceChannel(self, type, id).subject, wanted="be open", got=f"open are: {there or 'none'}"
            )
        if type is SpiceChannelType.MAIN:
            await self.close()
        else:
            await self._channels.pop((type, id)).close()

    async def close(self) -> None:
        """End the session; a second time does nothing."""
        # Before the main channel goes, and with it all others.
        try:
            await asyncio.gather(*(channel.taken_up() for channel in self._channels.values()))
        finally:
            channels, self._channels = self._channels, {}
            self.session_id, self.offered = 0, tuple
            await asyncio.gather(*(channel.end() for channel in channels.values()))


class SpiceConnectionManager:
    """The SPICE sessions of this process by VM. `link` is given to each; `ports` and `tickets` ask the platform.

    A ticket is looked for in this order: `ticket` (the configuration's), `tickets`, the VM's XML.
    """

    def __init__(
        self,
        bus: EventBus,
        *,
        link: Link | None = None,
        ticket: Secret | None = None,
        tickets: TicketSource | None = None,
        ports: PortSource | None = None,
        tls: SpiceTls | None = None,
    ) -> None:
        self._bus = bus
        self._link = link
        self._ticket = ticket
        self._tickets = tickets
        self._ports = ports
        self._tls = tls
        self.vm_connections: dict[str, SpiceVmConnection] = {}  # by UUID

    async def connection(self, domain: Domain, timeout: float, host_ip: str | None = None) -> SpiceVmConnection:
        """The session with that VM; a new one, without channels, where there is none, or the server is elsewhere by now."""
        known = self.vm_connections.get(domain.uuid)
        if known is not None and any(channel.state.is_open for channel in known.channels.values()):
            return known
        endpoint = await find_endpoint(domain, timeout, host_ip=host_ip, ports=self._ports)
        connection = SpiceVmConnection(
            domain.name, domain.uuid, endpoint, self._bus,
            ticket=await self._ticket_of(domain, timeout), tls=self._tls, link=self._link,
        )  # fmt: skip
        if known is not None:
            await known.close()
        self.vm_connections[domain.uuid] = connection
        return connection

    async def close(self, uuid: str | None = None) -> None:
        """End the session with the VM of that UUID, or every session; one that isn't there needs no ending."""
        ending = [uuid] if uuid is not None else list(self.vm_connections)
        connections = [self.vm_connections.pop(each) for each in ending if each in self.vm_connections]
        await asyncio.gather(*(connection.close() for connection in connections))

    async def _ticket_of(self, domain: Domain, timeout: float) -> Secret | None:
        if self._ticket is not None:
            return self._ticket
        told = await self._tickets(domain, timeout) if self._tickets is not None else None
        return told if told is not None else await find_ticket(domain, timeout)
