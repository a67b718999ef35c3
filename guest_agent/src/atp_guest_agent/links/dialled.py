"""A connection that the agent makes: TCP or a UNIX socket, with TLS around it where that was asked for, and a framing inside."""

from __future__ import annotations

import _socket  # see uevents.py
import errno
import os

from atp_guest_agent import clock
from atp_guest_agent.links.framing import Framing, Lengths, Lines
from atp_guest_agent.links.link import Link, LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.links.address import Address
    from atp_guest_agent.links.link import Messages
    from atp_guest_agent.links.lookup import Lookup, Place
    from atp_guest_agent.links.tls import Tls

READ_SIZE = 64 * 1024
OPEN_SECONDS = 20.0  # for name, connection, TLS and upgrade together; and then for the first hello
# A host that is gone without a word (it lost its power; this guest is back in a snapshot, from before the connection was lost)
# is noticed by the kernel in 3 + 3 * 2 s at most. It wakes nobody before.
KEEPALIVE = (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 9000))


class DialledLink(Link):
    """A link to `address`. While OPENING it goes through: the name's lookup, connecting, TLS, the framing's own beginning.

    Nothing is sent before the other side has said hello (that is the session's affair), and none of it again: a link that has
    ended stays CLOSED.
    """

    is_dialled = True

    def __init__(self, address: Address, ca_file: str | None = None) -> None:
        super().__init__()
        self.name = str(address)
        self.was_greeted = False
        self.was_used = False  # by a session
        self.refusal = ""
        self.is_hopeless = False  # another try can't do better
        self._address = address
        self._ca_file = ca_file
        self._socket: _socket.socket | None = None
        self._lookup: Lookup | None = None
        self._places: list[Place] = []
        self._connecting = False
        self._tls: Tls | None = None
        self._framing: Framing = Lines()
        self._out = b""  # bytes that must go whole

    @property
    def wants_write(self) -> bool:
        return self._connecting or bool(self._out or (self._queue and self.present))

    def open(self) -> None:
        """Begin. Never raises: a link that can't be made is CLOSED, and `why` says why."""
        self.deadline = clock.seconds() + OPEN_SECONDS
        self.state = self.OPENING
        try:
            if self._address.is_tls:  # first: without `ssl` nothing else is worth trying
                self._tls = self._new_tls()
            self._framing = self._framing_of(self._address)
            self._find()
        except OSError as error:
            self.close(_reason(error))

    def close(self, why: str = "closed") -> None:
        if self.state != self.CLOSED:
            self.why = why
        if self._lookup is not None:
            self._lookup.close()
            self._lookup = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self.fd = -1
        self.state = self.CLOSED
        self.deadline = None
        self._connecting = False
        self.queued -= len(self._out)
        self._out = b""

    def give_up(self) -> None:
        said = "no hello came" if self.state == self.CONNECTED else "no answer came"
        self.close(f"{said} in {OPEN_SECONDS:.0f} s")

    def greeted(self) -> None:
        """The other side has said hello: it is what it should be."""
        self.was_greeted = True
        self.deadline = None

    def receive(self) -> Messages | None:
        try:
            if self.state == self.OPENING and not self._is_connected():
                return None
            if self._socket is None:
                return None  # what was read last closed it
            data = self._socket.recv(READ_SIZE)
            if not data:
                raise LinkError("the other side closed it")
            return self._take(data)
        except BlockingIOError:
            return None
        except OSError as error:
            self._failed(error)
        return None

    def flush(self) -> None:
        if self._socket is None or self._connecting:
            return
        try:
            self._send()
            while not self._out and self._queue and self.state == self.CONNECTED:
                line = self._queue.pop(0)
                self.queued -= len(line)
                self._say(self._framing.frame(line))
                self._send()
        except OSError as error:
            self._failed(error)

    def clear(self) -> list[bytes]:
        # What is half sent goes on: its end is where the next message begins.
        lines, self._queue = self._queue, []
        self.queued = len(self._out)
        return lines

    def bid_farewell(self) -> None:
        if self.state == self.CONNECTED:
            self.flush()
            self._say(self._framing.farewell())

    # the way there

    def _find(self) -> None:
        address = self._address
        if address.scheme == "unix":
            self._places = [(getattr(_socket, "AF_UNIX", -1), address.path)]
        else:
            from atp_guest_agent.links import lookup

            self._places = lookup.numeric(address.host)
            if not self._places:
                self._lookup = lookup.Lookup(address.host)
                if self._lookup.fd >= 0:
                    self._watch(self._lookup.fd)
                    return
                self._places = self._lookup.places()
        self._connect()

    def _connect(self) -> None:
        """To the next place."""
        family, place = self._places.pop(0)
        where = place if self._address.scheme == "unix" else (place, self._address.port)
        # The one before goes last: its number must not be the next one's, for who waits for it.
        before, self._socket = self._socket, _socket.socket(family, _socket.SOCK_STREAM, 0)
        if before is not None:
            before.close()
        self._socket.setblocking(False)
        if self._address.scheme != "unix":
            _watch_over(self._socket)
        self._watch(self._socket.fileno())
        number = self._socket.connect_ex(where)
        if number == 0:
            self._connected()
        elif number in (errno.EINPROGRESS, errno.EWOULDBLOCK) and self._address.scheme != "unix":
            self._connecting = True
        else:
            self._failed(OSError(number, os.strerror(number)))

    def _is_connected(self) -> bool:
        """Go as far as it goes now; whether there is a connection to read from."""
        if self._lookup is not None:
            self._places = self._lookup.places()
            self._lookup = None
            self._connect()
        if self._connecting:
            assert self._socket is not None
            number = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))
            try:
                self._socket.getpeername()
            except OSError:
                return False  # woken for something else
            self._connecting = False
            self._connected()
        return self._socket is not None

    def _connected(self) -> None:
        self._places = []
        if self._tls is not None:
            self._progress(b"")
        else:
            self._begin()
        self.flush()

    def _begin(self) -> None:
        """There is a stream of bytes to the other side."""
        self._say(self._framing.start())
        if self._framing.is_ready:
            self._ready()

    def _ready(self) -> None:
        self.state = self.CONNECTED
        self.deadline = clock.seconds() + OPEN_SECONDS

    def _failed(self, error: OSError) -> None:
        """Try the next place, if there is one."""
        while self._places and self.state == self.OPENING:
            self._connecting = False
            try:
                self._connect()
                return
            except OSError as another:
                error = another
        self.close(_reason(error))

    # bytes

    def _take(self, data: bytes) -> Messages:
        plain = data if self._tls is None else self._progress(data)
        messages = self._framing.feed(plain) if plain else []
        if self._framing.answers:
            answers, self._framing.answers = self._framing.answers, b""
            self._say(answers)
        if self.state == self.OPENING and self._framing.is_ready and (self._tls is None or self._tls.is_ready):
            self._ready()
        self.flush()
        end = self._framing.end or (self._tls.end if self._tls is not None else "")
        if end:
            self.close(end)
        return messages

    def _progress(self, data: bytes) -> bytes:
        """Through TLS: what those bytes say."""
        assert self._tls is not None
        was_ready = self._tls.is_ready
        plain = self._tls.feed(data)
        self._put_out(self._tls.take())
        if self._tls.is_ready and not was_ready:
            self._begin()
        return plain

    def _new_tls(self) -> Tls:
        from atp_guest_agent.links.tls import NoTlsError, Tls

        try:
            return Tls(self._address.host, self._ca_file)
        except NoTlsError:
            self.is_hopeless = True
            raise

    def _say(self, plain: bytes) -> None:
        if not plain:
            return
        if self._tls is not None:
            self._tls.wrap(plain)
            plain = self._tls.take()
        self._put_out(plain)

    def _put_out(self, data: bytes) -> None:
        self._out += data
        self.queued += len(data)

    def _send(self) -> None:
        """What must go whole."""
        if self._socket is None:
            return
        try:
            while self._out:
                taken = self._socket.send(self._out)
                self._out = self._out[taken:]
                self.queued -= taken
        except BlockingIOError:
            pass

    def _watch(self, fd: int) -> None:
        self.fd = fd
        self.opened += 1

    @staticmethod
    def _framing_of(address: Address) -> Framing:
        if address.scheme.startswith("ws"):
            from atp_guest_agent.links.websocket import WebSocket

            return WebSocket(address)
        return Lines() if address.scheme == "unix" else Lengths()


def _watch_over(connection: _socket.socket) -> None:
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    for name, value in KEEPALIVE:
        option = getattr(_socket, name, None)
        if option is not None:  # Windows has no TCP_USER_TIMEOUT
            connection.setsockopt(_socket.IPPROTO_TCP, option, value)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
