"""The platform server's process: its socket, its start, and the wait until it answers. The server itself is `lab.platform`."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from ATPLibrary.errors import LabError
from ATPLibrary.lab import processes
from ATPLibrary.lab.processes import LISTEN_DESCRIPTOR, Process

ROLE = "platform"
ADDRESS = "127.0.0.1"
PREFERRED_PORT = 8088
READY_SECONDS = 60.0
BACKLOG = 128

_MODULE = "ATPLibrary.lab.platform"


def listener(ports: Sequence[int] = (PREFERRED_PORT, 0)) -> socket.socket:
    """A listening socket on the first of these ports that is free (0: any): 8088, unless somebody else has that one."""
    for port in ports:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((ADDRESS, port))
            server.listen(BACKLOG)
        except OSError as error:
            server.close()
            if port == ports[-1]:
                raise LabError.about(
                    "The lab's platform server", wanted=f"listen on {ADDRESS}", got=f"can not: {error.strerror}"
                ) from error
        else:
            return server
    raise AssertionError("the loop returns or raises")


def url(server: socket.socket) -> str:
    address, port = server.getsockname()
    return f"http://{address}:{port}"


def start(directory: Path, server: socket.socket) -> Process:
    """Start the platform server of the lab in `directory` on that socket. Returns at once."""
    command = [sys.executable, "-m", _MODULE, "--lab", str(directory), "--fd", str(LISTEN_DESCRIPTOR)]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return processes.spawn(ROLE, command, environ, log(directory), server)


def log(directory: Path) -> Path:
    return directory / "platform.log"


def wait_until_ready(
    process: Process, address: tuple[str, int], directory: Path, timeout: float = READY_SECONDS
) -> None:
    """Wait until the server answers a request, with whatever status. The kernel keeps ours until the server takes it: no polling.

    Our own copy of the listening socket must be closed by now, so that the connection breaks when the server dies.
    """
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        from ATPLibrary.lab.hosts import last_lines

        raise LabError.about(
            f"The lab's platform server (pid {process.pid})",
            wanted=f"answer at http://{address[0]}:{address[1]}",
            waited=timeout,
            got=f"{processes.how_it_is(process)} ({error})",
            last_seen=last_lines(log(directory)),
            next_step=f"Its whole log: {log(directory)}",
        ) from error
    finally:
        connection.close()


def find(directory: Path) -> list[Process]:
    """The running platform servers of this lab, known by their command line."""

    def role_of(command: list[str]) -> str | None:
        return ROLE if _MODULE in command and str(directory) in command else None

    return list(processes.find(role_of))
