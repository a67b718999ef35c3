"""Which way to the host is used now, and which is tried next."""

from __future__ import annotations

from atp_guest_agent import clock
from atp_guest_agent.links.backoff import FIRST_SECONDS, LONGEST_SECONDS, BackOff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from atp_guest_agent.links.address import Address
    from atp_guest_agent.links.dialled import DialledLink
    from atp_guest_agent.links.link import Link
    from atp_guest_agent.log import Log
    from atp_guest_agent.platform import Platform
    from atp_guest_agent.port import Port
    from atp_guest_agent.session import Session
    from atp_guest_agent.windows.pipe import Pipe

QUEUE_LIMIT = 1024 * 1024
READS = 8  # of a link before others have their turn
SETTLED_SECONDS = 60.0  # a connection that lasted so long was no failure to connect
FIRST_OPENINGS = 10  # of a port that isn't there, until the system's announcement is waited for


class Links:
    """The port, and the addresses that are dialled.

    The port goes first whenever a host has it open. While none has, the addresses are dialled, one after another from the first,
    and after the last one again after a while, each time a longer one. A connection stays until it ends, but for the port: when a
    host opens that, a connection without a session is given up for it, and one with a session afterwards.

    It stands for the link in use: what the session puts goes there, or nowhere while there is none.
    """

    def __init__(
        self,
        port: Port | Pipe | None,
        addresses: list[Address] | None = None,
        ca_file: str | None = None,
        first_seconds: float = FIRST_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._port = port
        self._addresses = addresses or []
        self._ca_file = ca_file
        self._back_off = BackOff(first_seconds, longest_seconds)
        self._port_back_off = BackOff(first_seconds, longest_seconds)
        self._open_at: float | None = 0.0  # when the port is tried; None: when it is announced
        self._openings = 0
        self._dialled: DialledLink | None = None
        self._next = 0
        self._dial_at = 0.0
        self._connected_at = 0.0
        self._current: Link | None = port
        self._watched: dict[Link, int] = {}  # how often each had been opened when the platform was told
        self._unread: set[Link] = set()
        self._told: dict[str, str] = {}
        self._before_dialling: Callable[[], bool] = lambda: False

    # for the session

    @property
    def present(self) -> bool:
        """Whether there is a host to put lines for."""
        return self._current is not None and self._current.present

    @property
    def queued(self) -> int:
        return self._current.queued if self._current is not None else 0

    def put(self, line: bytes) -> None:
        assert self._current is not None
        self._current.put(line)

    def clear(self) -> list[bytes]:
        return self._current.clear() if self._current is not None else []

    def cut(self) -> None:
        if self._current is not None:
            self._current.cut()

    def greeted(self) -> None:
        """The host has said hello."""
        if self._dialled is not None and self._dialled is self._current and not self._dialled.was_greeted:
            self._dialled.greeted()
            self._connected_at = clock.seconds()

    def refused(self, reason: str) -> None:
        """The host doesn't know us; it is going to close the connection."""
        if self._dialled is not None and self._dialled is self._current:
            self._dialled.refusal = f"refused: {reason}"

    # for the loop

    def begin(self, platform: Platform, session: Session, log: Log, before_dialling: Callable[[], bool]) -> None:
        """`before_dialling` is called before each dialling; it returns whether we shall be somebody else than the last time."""
        self._platform = platform
        self._session = session
        self._log = log
        self._before_dialling = before_dialling

    def due(self) -> float | None:
        """When `tend` has something to do though nothing came, in seconds of `clock`."""
        times = [link.deadline for link in self._links() if link.deadline is not None]
        if self._port is not None and self._port.fd < 0 and self._open_at is not None:
            times.append(self._open_at)
        if self._may_dial():
            times.append(self._dial_at)
        return min(times) if times else None

    def tend(self) -> None:
        """What is due."""
        now = clock.seconds()
        for link in self._links():
            if link.deadline is not None and now >= link.deadline:
                link.give_up()
        if self._port is not None and self._port.fd < 0 and self._open_at is not None and now >= self._open_at:
            self._open(self._port, now)
        self.follow()
        if self._may_dial() and now >= self._dial_at:
            self._dial(now)
            self.follow()

    def announced(self) -> None:
        """A port may have come."""
        self._openings = 0
        self._open_at = 0.0
        self._port_back_off.reset()

    def serve(self, link: Link) -> None:
        """It has something, or takes something."""
        if link is self._port and link is not self._current:
            self._port.look()
            return
        link.flush()
        for _ in range(READS):
            if link.queued > QUEUE_LIMIT:
                return  # a host that asks and doesn't listen: don't hear it until it does
            messages = link.receive()
            if messages is None:
                return
            if link is not self._current:
                self.follow()  # it has just got there
            if link is not self._current:
                return
            arrived_us = clock.now_us()
            for message in messages:
                self._session.receive(message, arrived_us)
        self._unread.add(link)

    def follow(self) -> None:
        """Follow the hosts' coming and going; choose; have the platform wait for what is waited for now."""
        if self._dialled is not None and self._dialled.state == self._dialled.CLOSED:
            self._ended(self._dialled)
        chosen = self._choice()
        if chosen is not self._current:
            self._switch(chosen)
        if chosen is self._dialled and self._dialled is not None and self._session.is_engaged:
            self._dialled.was_used = True
            self._tell(self._dialled.name, "in use")
        if not self.present:
            self._session.host_left()
        for link in self._links():
            self._arm(link)

    def farewell(self, seconds: float) -> None:
        """Send what is queued, for at most so long."""
        until = clock.seconds() + seconds
        link = self._current
        if link is None:
            return
        link.bid_farewell()
        while link.queued and link.state == link.CONNECTED and clock.seconds() < until:
            self._platform.wait_to_send(link, until - clock.seconds())
            link.flush()

    def close(self) -> None:
        for link in self._links():
            link.close()

    # choosing

    def _links(self) -> list[Link]:
        return [link for link in (self._port, self._dialled) if link is not None]

    def _choice(self) -> Link | None:
        port, dialled = self._port, self._dialled
        if port is not None and port.present:
            return dialled if dialled is self._current and dialled is not None and self._session.is_engaged else port
        return dialled if dialled is not None and dialled.present else port

    def _switch(self, chosen: Link | None) -> None:
        before, self._current = self._current, chosen
        if before is not None:
            before.clear()
        self._session.begin_anew()
        if chosen is self._port and self._dialled is not None:
            self._tell(self._dialled.name, "given up for the port")
            self._dialled.close("given up for the port")
            self._dialled = None
            self._next, self._dial_at = 0, 0.0
            self._back_off.reset()
        if chosen is not None:
            self._unread.add(chosen)

    def _arm(self, link: Link) -> None:
        if link.fd < 0:
            self._watched.pop(link, None)
        elif self._watched.get(link) != link.opened:
            try:
                self._platform.link_opened(link)
            except OSError as error:  # a file, say
                link.close(error.strerror or str(error))
                self._tell(link.name, f"can't be waited for: {link.why}")
            self._watched[link] = link.opened
        else:
            self._platform.arm(link, link in self._unread)
        self._unread.discard(link)

    # the port

    def _open(self, port: Port | Pipe, now: float) -> None:
        self._openings += 1
        by_itself = port.is_announced and "hotplug" in self._platform.capabilities
        self._open_at = None if by_itself and self._openings >= FIRST_OPENINGS else now + self._port_back_off.next()
        try:
            port.open()
        except OSError as error:
            self._tell(port.name, f"isn't there yet: {error}")
            return
        self._told.pop(port.name, None)
        self._openings = 0
        self._port_back_off.reset()

    # dialling

    def _may_dial(self) -> bool:
        return bool(self._addresses) and self._dialled is None and (self._port is None or not self._port.present)

    def _dial(self, now: float) -> None:
        from atp_guest_agent.links.dialled import DialledLink

        if self._before_dialling():
            self._back_off.reset()
        self._dialled = DialledLink(self._addresses[self._next], self._ca_file)
        self._dialled.open()

    def _ended(self, link: DialledLink) -> None:
        self._dialled = None
        self._watched.pop(link, None)
        self._unread.discard(link)
        self._tell(link.name, link.refusal or link.why)
        now = clock.seconds()
        if link.is_hopeless:
            del self._addresses[self._next]
        elif link.was_used or (link.was_greeted and not link.refusal and now - self._connected_at > SETTLED_SECONDS):
            self._next = len(self._addresses)  # from the first again, soon
            self._back_off.reset()
        else:
            self._next += 1
        if self._next >= len(self._addresses):
            self._next = 0
            self._dial_at = now + self._back_off.next()
        else:
            self._dial_at = now

    def _tell(self, name: str, what: str) -> None:
        """Once, until it is something else."""
        if self._told.get(name) != what:
            self._told[name] = what
            self._log.say(f"{name}: {what}")
