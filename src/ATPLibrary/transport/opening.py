"""Opening libvirt connections to one host, on threads that may block for minutes when the host is silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import DeadlineError, HostError
from ATPLibrary.events import EventBus
from ATPLibrary.runtime import Workers
from ATPLibrary.transport import embedded, failures, libvirt_loop, tcp_keepalive
from ATPLibrary.transport.callbacks import Callbacks
from ATPLibrary.transport.connection import Connection
from ATPLibrary.transport.credentials import Credentials, open_connection
from ATPLibrary.transport.ssh_target import LibvirtUri
from ATPLibrary.transport.tls_diagnosis import why_tls_fails

if TYPE_CHECKING:
    import libvirt

# So many openings may hang; a further one waits in line, until its deadline.
OPENING_THREADS = 2
# How long a second look at a server's certificate may take, after libvirt has refused it.
DIAGNOSIS_SECONDS = 3.0


class Opening:
    """`calls` is how many calls a connection serves at a time."""

    def __init__(self, host: str, uri: str, bus: EventBus, credentials: Credentials, calls: int) -> None:
        self._host = host
        self._uri = uri
        self._libvirt_uri = LibvirtUri(uri)
        self._bus = bus
        self._credentials = credentials
        self._calls = calls
        self._workers = Workers(f"atp-libvirt-{host}-open", OPENING_THREADS)
        self._opened = 0
        self._port = tcp_keepalive.port_of(uri)

    def forget(self) -> None:
        """Nothing is opened any more, or not soon: leave nothing on disk."""
        self._libvirt_uri.forget()

    async def open(self, with_events: bool, timeout: float, ended: Callable[[Connection, str], None]) -> Connection:
        """A new connection, which reports the host's events if it shall. `HostError` for a refusal, `DeadlineError` for silence.

        `ended(connection, reason)` is called on this loop when libvirt says that the other side has closed it.
        """
        libvirt_loop.load()
        import libvirt

        root = embedded.root_of(self._uri)
        loop = asyncio.get_running_loop()
        opened: list[Connection] = []
        reasons: list[str] = []

        def tell() -> None:
            if opened:
                ended(opened[0], reasons[0])

        def lost(reason: str) -> None:  # in libvirt's event thread
            reasons.append(reason)
            with contextlib.suppress(RuntimeError):  # the loop has gone
                loop.call_soon_threadsafe(tell)

        try:
            uri = self._libvirt_uri()
        except OSError as error:
            raise HostError.about(
                f"Host '{self._host}' ({self._uri})", wanted="be connected",
                got=f"what ssh is to be told could not be written: {error}", next_step="Check $TMPDIR",
            ) from error  # fmt: skip
        callbacks = Callbacks(self._host, self._bus, lost, events=with_events)

        def open_and_register() -> libvirt.virConnect:
            libvirt_loop.ensure_running()
            if root is not None:
                embedded.prepare(self._host, root)
            handle = open_connection(uri, self._credentials)
            try:
                # No setKeepAlive: with two calls in flight its end of a silent connection is a SIGSEGV (libvirt 9.0; decision 10).
                callbacks.register(handle)
            except BaseException:
                discard(handle)
                raise
            return handle

        def discard(handle: libvirt.virConnect) -> None:
            callbacks.unregister(handle)
            handle.close()

        try:
            handle = await self._workers.call(
                open_and_register, timeout=timeout, what=f"Host '{self._host}' ({self._uri})", discard=discard
            )
        except libvirt.libvirtError as error:
            refused = error.with_traceback(None)
            raise failures.cannot_open(self._host, self._uri, refused, await self._why_tls(refused)) from None
        finally:  # also for one that hangs, whose thread would be lost if the peer never came back
            if self._port is not None:
                tcp_keepalive.keep_alive(self._port)
        self._opened += 1
        connection = Connection(f"atp-libvirt-{self._host}-{self._opened}", handle, callbacks, self._calls)
        opened.append(connection)
        if reasons:
            connection.lose(reasons[0])
        return connection

    async def _why_tls(self, error: libvirt.libvirtError) -> str:
        if "certificate" not in str(error):
            return ""
        try:
            return await self._workers.call(
                why_tls_fails, self._uri, DIAGNOSIS_SECONDS, timeout=DIAGNOSIS_SECONDS, what="A look at the certificate"
            )
        except DeadlineError:
            return ""
