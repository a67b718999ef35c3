"""The link that a host opens: a virtio-serial port, a serial line (or pty), or a UNIX socket."""

from __future__ import annotations

import _socket  # see uevents.py
import errno
import os
import select
import stat
import struct

from atp_guest_agent import clock
from atp_guest_agent.lines import LineReader
from atp_guest_agent.links.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from atp_guest_agent.links.link import Messages

DEFAULT_NAME = "com.vmagent.sock"
READ_SIZE = 64 * 1024
MISSING_SECONDS = 1.0  # how long a host may be missing before what is queued for it is thrown away

_VIRTIO_PORTS = "/sys/class/virtio-ports"
_TCGETS, _TCSETS = 0x5401, 0x5402


class Port(Link):
    """A line to the host, which the host opens.

    States as `Link` says. Only a virtio-serial port can be MISSING or AWAY: it stays open without a host side. The kernel
    tells that a host came later than it hands out what that host wrote, so MISSING (the port read as ended) isn't
    believed, and what is queued is kept, until `deadline` has passed. A socket or serial line whose other end
    closes is CLOSED, and opened again.

    Lines go out whole: if one was cut (the host went, a new session began), a newline comes before the next.
    """

    def __init__(self, name: str = DEFAULT_NAME) -> None:
        super().__init__()
        self.name = name
        self._virtio = False
        self._lines = LineReader()
        self._sent = 0  # bytes of the queue's first line that are out
        self._cut = True

    @property
    def wants_write(self) -> bool:
        # Without a host nothing can be written: becoming writable is how its return shows.
        return bool(self._queue) or self.state != self.CONNECTED

    @property
    def is_announced(self) -> bool:
        """Whether the kernel announces it when it comes."""
        return "/" not in self.name

    def open(self) -> None:
        """Open the port. Raises OSError: it isn't there (yet)."""
        path = find(self.name)
        if stat.S_ISSOCK(os.stat(path).st_mode):
            self.fd = _connect(path)
            self._virtio = False
        else:
            self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            self._virtio = not os.isatty(self.fd)
            if not self._virtio:
                _make_raw(self.fd)
        self.opened += 1
        self.state = self.CONNECTED
        self._lines.reset()
        self._cut = True
        self.flush()

    def close(self, why: str = "closed") -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
        self.why = why
        self._move(self.CLOSED)

    def receive(self) -> Messages | None:
        data = self.read()
        return self._lines.feed(data) if data else None

    def read(self) -> bytes:
        """What has come; b"" when there is no more for now, or the host side went away."""
        if self.fd < 0:
            return b""
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            self._move(self.CONNECTED)  # a host that isn't there reads as the end of the file
            return b""
        except OSError:
            data = None
        if data:
            self._move(self.CONNECTED)
            return data
        if data == b"" and self._virtio:
            self._miss()
        else:
            self.close("the other side closed it")
        return b""

    def look(self) -> None:
        """See whether a host is there, and leave what it says unread."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        is_gone = any(what & (select.POLLHUP | select.POLLERR) for _, what in poll.poll(0))
        if not is_gone:
            self._move(self.CONNECTED)
        elif self._virtio:
            self._miss()
        else:
            self.close("the other side closed it")

    def give_up(self) -> None:
        """Believe that the host is away."""
        if self.state == self.MISSING:
            self._move(self.AWAY)
            self._lines.reset()

    def clear(self) -> list[bytes]:
        """Throw away what is queued, the unsent half of a line included. Returns those lines."""
        lines, self._queue = self._queue, []
        if self._sent:
            self._cut = True
        self._sent = 0
        self.queued = 0
        return lines

    def cut(self) -> None:
        """Put a newline before the next line."""
        self._cut = True

    def flush(self) -> None:
        """Send as much as the other side takes now."""
        if self.fd < 0:
            return
        try:
            if self._cut:
                os.write(self.fd, b"\n")
                self._cut = False
            while self._queue:
                line = self._queue[0]
                taken = os.write(self.fd, line[self._sent :] if self._sent else line)
                self._move(self.CONNECTED)
                self.queued -= taken
                self._sent += taken
                if self._sent == len(line):
                    del self._queue[0]
                    self._sent = 0
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(error.strerror or str(error))

    def _miss(self) -> None:
        if self.state == self.CONNECTED:
            self._move(self.MISSING)
            self.deadline = clock.seconds() + MISSING_SECONDS

    def _move(self, state: int) -> None:
        self.state = state
        self.deadline = None


def find(name: str) -> str:
    """The path of a port: a path as it is; a virtio-serial port by its name, also where no udev makes links.

    Raises FileNotFoundError.
    """
    if "/" in name:
        return name
    link = "/dev/virtio-ports/" + name
    if os.path.exists(link):
        return link
    try:
        nodes = os.listdir(_VIRTIO_PORTS)
    except OSError:
        nodes = []
    for node in nodes:
        try:
            with open(f"{_VIRTIO_PORTS}/{node}/name", encoding="utf-8", errors="replace") as file:
                if file.read(256).strip() == name:
                    return "/dev/" + node
        except OSError:
            continue
    raise FileNotFoundError(errno.ENOENT, "no virtio-serial port of that name", name)


def _connect(path: str) -> int:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, 0)
    try:
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection.detach()


def _make_raw(fd: int) -> None:
    """A serial line without echo, line editing or translation (the `termios` module isn't in python3.11-minimal)."""
    import fcntl  # Windows has none

    layout = struct.Struct("@4IB19s")
    _i, _o, control, _l, discipline, characters = layout.unpack(fcntl.ioctl(fd, _TCGETS, bytes(layout.size)))
    characters = characters[:5] + b"\0\1" + characters[7:]  # VTIME 0, VMIN 1
    fcntl.ioctl(fd, _TCSETS, layout.pack(0, 0, control, 0, discipline, characters))
