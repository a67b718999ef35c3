"""The UNIX sockets of a host's VMs, wherever the host is: on this machine, or beyond the SSH that its libvirt is reached by.

A dedicated QMP or virtio-serial socket saves libvirt's part of each round trip: docs/decisions/0018-remote-hosts.md.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ATPLibrary.errors import ChannelBusyError, ChannelError, HostError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.ssh_target import ssh_target

if TYPE_CHECKING:
    from ATPLibrary.transport.ssh_link import SshLink

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# The reader is paused while twice this much is unread; the sender in the guest then waits.
READ_BUFFER_BYTES = 256 * 1024

_HERE = (None, "localhost", "127.0.0.1", "::1")


class VmSockets:
    """Belongs to the asyncio loop of its host."""

    def __init__(self, host_name: str, uri: str, bus: EventBus) -> None:
        self._host_name = host_name
        self._uri = uri
        self._bus = bus
        self._target = ssh_target(uri)
        self._link: SshLink | None = None
        self._told = False

    @property
    def are_here(self) -> bool:
        """On this machine. SSH to this machine is still SSH: a forwarded port looks the same."""
        return self._target is None and urlsplit(self._uri).hostname in _HERE

    @property
    def can_be_reached(self) -> bool:
        return self.are_here or self._target is not None

    async def connect(self, timeout: float) -> None:
        """Make the way ready, where one has to be: `HostError` or `DeadlineError` says why it can't be."""
        if self._target is not None:
            await self._ssh().connect(timeout)

    async def open(self, path: Path, timeout: float, subject: str = "", limit: int = READ_BUFFER_BYTES) -> Streams:
        """Connect to the socket at `path` on the host's machine. `subject` starts the sentence of an error.

        QEMU serves one client of a socket at a time and leaves a second one waiting.
        """
        subject = subject or f"The socket {path}"
        if self.are_here:
            return await open_here(path, timeout, subject, limit)
        if self._target is None:
            raise ChannelError.about(
                subject, wanted="be on this machine, or on a host reached by qemu+ssh", got=f"its host is {self._uri}",
                next_step="Go through libvirt",
            )  # fmt: skip
        return await self._ssh().open(path, subject, timeout, limit)

    def given_up(self, reason: str) -> None:
        """Somebody goes through libvirt instead. Said once for a host: event `host.fallback`, with a notice."""
        if self._target is not None and not self._told:
            self._told = True
            notice = (
                f"VMs on host '{self._host_name}' are spoken to through libvirt, which is slower than their own sockets over SSH: "
                f"{reason} This is said once."
            )
            data = {"to": "libvirt", "reason": reason}
            source = f"host:{self._host_name}"
            self._bus.publish(Event(source, "host.fallback", data, notice=notice, is_warning=True))

    def forgive(self) -> None:
        """Try again at once, though it was refused a moment ago."""
        if self._link is not None:
            self._link.forgive()

    async def close(self, timeout: float) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close(timeout)

    def _ssh(self) -> SshLink:
        if self._link is None:
            assert self._target is not None
            if self._target.command is not None:
                raise HostError.about(
                    f"Sockets on host '{self._host_name}'", wanted="be reached over SSH",
                    got=f"its URI has another program do that (command={self._target.command})", next_step="Go through libvirt",
                )  # fmt: skip
            try:
                from ATPLibrary.transport.ssh_link import SshLink
            except ModuleNotFoundError as error:
                raise HostError.about(
                    f"Sockets on host '{self._host_name}'", wanted="be reached over SSH", got=f"{error.name} is not installed",
                    next_step="Install it: pip install 'robotframework-atp[ssh]'",
                ) from error  # fmt: skip
            self._link = SshLink(self._host_name, self._target)
        return self._link


async def open_here(path: Path, timeout: float, subject: str = "", limit: int = READ_BUFFER_BYTES) -> Streams:
    """Connect to the UNIX socket at `path` on this machine."""
    subject = subject or f"The socket {path}"
    async with deadline(timeout, subject, wanted="accept a connection", got="did not"):
        try:
            reader, writer = await asyncio.open_unix_connection(str(path), limit=limit)
        except OSError as error:
            raise ChannelError.about(
                subject, wanted="accept a connection", got=f"did not: {error.strerror or error}",
                next_step="Check that the VM runs, and that this process may open the socket",
            ) from error  # fmt: skip
    try:
        writer.get_extra_info("socket").getpeername()
    except OSError as error:
        # A UNIX socket whose line of waiting clients is full answers EAGAIN, which asyncio takes for "under way" and then "done".
        writer.transport.abort()
        raise ChannelBusyError.about(
            subject, wanted="accept a connection", got="did not: other clients wait in line already",
            next_step="Close the one that holds it (QEMU serves one client of a socket at a time), or see if QEMU still answers",
        ) from error  # fmt: skip
    return reader, writer
