"""One way to the host, behind one interface: whole messages in, whole lines out, never waiting."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional

    Messages = List[Optional[bytes]]  # None stands for a message that was too large and was skipped


class LinkError(OSError):
    """The link can't be made, or has ended; the text says why."""


class Link:
    """Receives messages and queues lines; never blocks.

    States: CLOSED -> (open) -> OPENING -> CONNECTED -> MISSING -> AWAY; any -> CLOSED. A port goes to CONNECTED at once, and
    only a virtio-serial port can be MISSING or AWAY (see `port.Port`); only what is dialled is OPENING, while the other side
    hasn't answered yet.

    Whoever drives it waits for `fd` (which is another one each time that `opened` has grown), edge-triggered and for writing
    too where `wants_write`; then calls `flush`, and `receive` until it returns None, and looks at `state`.
    """

    CLOSED, OPENING, AWAY, MISSING, CONNECTED = range(5)

    name = ""  # for the log
    is_dialled = False
    deadline: float | None = None  # in CLOCK_MONOTONIC: `give_up` is due

    def __init__(self) -> None:
        self.state = self.CLOSED
        self.fd = -1
        self.opened = 0
        self.why = ""  # how it ended
        self.queued = 0  # bytes
        self._queue: list[bytes] = []

    @property
    def present(self) -> bool:
        """Whether there is a host to queue lines for."""
        return self.state >= self.MISSING

    @property
    def wants_write(self) -> bool:
        raise NotImplementedError

    def open(self) -> None:
        """Begin. Raises OSError."""
        raise NotImplementedError

    def close(self, why: str = "closed") -> None:
        raise NotImplementedError

    def receive(self) -> Messages | None:
        """The messages that the next piece of what has come completes; None when there is no more for now, or it ended."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send as much as the other side takes now."""
        raise NotImplementedError

    def give_up(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def put(self, line: bytes) -> None:
        """Queue a line, which ends with a newline, and send what can be sent."""
        self._queue.append(line)
        self.queued += len(line)
        if len(self._queue) == 1:
            self.flush()

    def clear(self) -> list[bytes]:
        """Throw away the lines that are queued. Returns them."""
        raise NotImplementedError

    def cut(self) -> None:
        """A new session's first line comes next: what was half sent must not spoil it."""

    def bid_farewell(self) -> None:
        """Nothing more will be put: say so where the other side wants to hear it."""
