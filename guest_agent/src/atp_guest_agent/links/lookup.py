"""Host names: what they mean, asked in a process of its own. The answer may take half a minute, and nothing may wait for it."""

from __future__ import annotations

import _socket
import os

from atp_guest_agent.links.link import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Tuple

    Place = Tuple[int, str]  # address family, numeric address

_SIGKILL = 9


def numeric(host: str) -> list[Place]:
    """The place, if `host` is an address and no name."""
    try:
        return _ask(host, _socket.AI_NUMERICHOST)
    except OSError:
        return []


class Lookup:
    """`fd` can be read once the answer is there; then `places`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._pid = 0
        if not hasattr(os, "fork"):  # Windows: there it has to be waited for
            self.fd = -1
            return
        self.fd, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self.fd)
            os.close(writer)
            raise
        if self._pid == 0:
            self._answer(writer)
        os.close(writer)

    def places(self) -> list[Place]:
        """The answer. Raises LinkError, and BlockingIOError before it is there."""
        if self.fd < 0:
            try:
                return _ask(self._host, 0)
            except OSError as error:
                raise LinkError(f"the name {self._host} isn't known: {error.strerror}") from error
        text = os.read(self.fd, 65536).decode("utf-8", "replace")
        self.close()
        status, _, rest = text.partition("\n")
        if status != "found":
            raise LinkError(f"the name {self._host} isn't known: {rest or 'its lookup was ended'}")
        return [(int(family), address) for family, _, address in (line.partition(" ") for line in rest.split("\n"))]

    def close(self) -> None:
        """End it, whether there is an answer or not."""
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        try:
            os.kill(self._pid, _SIGKILL)  # it has said what it had to say, or never will
            os.waitpid(self._pid, 0)
        except OSError:
            pass

    def _answer(self, writer: int) -> None:
        """In the other process, which must keep nothing else open."""
        try:
            os.closerange(3, writer)
            os.closerange(writer + 1, 1024)
            try:
                found = "found\n" + "\n".join(f"{family} {address}" for family, address in _ask(self._host, 0))
            except OSError as error:
                found = f"failed\n{error.strerror}"
            os.write(writer, found.encode())
        finally:
            os._exit(0)


def _ask(host: str, flags: int) -> list[Place]:
    # As bytes: for text Python loads its tables of international names, which nothing here needs.
    name = host.encode("ascii")
    found = _socket.getaddrinfo(name, None, _socket.AF_UNSPEC, _socket.SOCK_STREAM, 0, flags)
    return [(int(family), str(address[0])) for family, _, _, _, address in found]
