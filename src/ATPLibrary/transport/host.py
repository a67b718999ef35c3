"""One connection to the libvirt of one host."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import threading
import uuid as uuids
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ATPLibrary.errors import DeadlineError, VmNotFoundError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.runtime import Workers
from ATPLibrary.transport import failures, libvirt_loop
from ATPLibrary.transport.callbacks import Callbacks
from ATPLibrary.transport.domain import Domain
from ATPLibrary.transport.uri import check_uri

if TYPE_CHECKING:
    import libvirt

T = TypeVar("T")

# A host that stops answering is given up after interval x count seconds; calls in flight then fail and free their threads.
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_COUNT = 4
# How long a closing is awaited before a new connection is tried beside it.
CLOSE_SECONDS = 5.0


class HostState(enum.Enum):
    """NEW -connect-> CONNECTING -> CONNECTED -close-> CLOSED; CONNECTING or CONNECTED -error-> FAILED.

    FAILED and CLOSED may connect again.
    """

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


class HostConnection:
    """Ask a host's libvirt, with a deadline on everything. Belongs to the asyncio loop that `connect` ran on.

    libvirt's calls block, so each runs on one of `workers` daemon threads; a call that is never answered costs its thread, and
    only this host's. What libvirt reports by itself goes to `bus` (see `callbacks.py`).
    """

    def __init__(self, name: str, uri: str, bus: EventBus, workers: int = 4) -> None:
        self.name = name
        self.uri = uri
        self.bus = bus
        self._workers = Workers(f"atp-libvirt-{name}", workers)
        self._state = HostState.NEW
        self._failure = ""
        self._connection: libvirt.virConnect | None = None
        self._callbacks: Callbacks | None = None
        # virDomain objects by UUID. They hold the connection, whose last release is a blocking call: workers only.
        self._handles: dict[str, libvirt.virDomain] = {}
        self._connecting = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<HostConnection {self.name} {self.uri} {self._state.value}>"

    @property
    def state(self) -> HostState:
        return self._state

    @property
    def is_local(self) -> bool:
        """Its VMs run on this machine, so that their sockets can be opened here."""
        return urlsplit(self.uri).hostname in (None, "localhost", "127.0.0.1", "::1")

    async def connect(self, timeout: float) -> None:
        """Open the connection; returns at once when it is open. `ConfigError` for a bad URI, `HostError` for a refusal."""
        check_uri(self.name, self.uri)
        what = f"Host '{self.name}' ({self.uri})"
        next_step = f"Check that libvirtd answers there: `virsh -c '{self.uri}' list`"
        try:
            async with asyncio.timeout(timeout), self._connecting:
                if self._state is HostState.CONNECTED:
                    return
                await self._release()
                self._move(HostState.CONNECTING)
                try:
                    await self._open(timeout)
                except BaseException as error:
                    self._move(HostState.FAILED, str(error) or type(error).__name__)
                    raise
        except TimeoutError as error:
            self._failure = f"no answer within {timeout:g} s"
            raise DeadlineError.about(
                what, wanted="accept a connection", got="did not answer", waited=timeout, next_step=next_step
            ) from error

    async def close(self, timeout: float) -> None:
        """Close the connection, if there is one. Never fails: a host that doesn't answer is left to its worker thread."""
        self._move(HostState.CLOSED)
        try:
            await asyncio.wait_for(self._release(), timeout)
        except TimeoutError:
            return

    async def call(self, what: str, func: Callable[..., T], *args: Any, timeout: float) -> T:
        """Return `func(virConnect, *args)`, run on a worker. `what` says it in an error: "list the VMs"."""
        connection = self._open_connection(what)
        return await self._run(what, lambda: func(connection, *args), timeout)

    async def list_domains(self, timeout: float) -> list[Domain]:
        """Every VM that the host knows, running or not, by name."""
        found = await self.call("list the VMs", _names_and_uuids, timeout=timeout)
        return [Domain(self, name, uuid) for name, uuid in sorted(found)]

    async def lookup(self, name_or_uuid: str, timeout: float) -> Domain:
        """The VM of that name or UUID. `VmNotFoundError` tells the names that are near."""
        found = await self.call(f"find VM '{name_or_uuid}'", _find, name_or_uuid, timeout=timeout)
        if isinstance(found, tuple):
            return Domain(self, *found)
        raise not_found(name_or_uuid, f"host '{self.name}'", found)

    async def call_domain(self, domain: Domain, what: str, func: Callable[..., T], *args: Any, timeout: float) -> T:
        """Return `func(virDomain, *args)`, run on a worker."""
        connection = self._open_connection(what)

        def ask() -> T:
            handle = self._handles.get(domain.uuid)
            if handle is None:
                handle = connection.lookupByUUIDString(domain.uuid)
                if self._connection is connection:
                    self._handles[domain.uuid] = handle
            return func(handle, *args)

        return await self._run(what, ask, timeout, domain.name)

    async def _run(self, what: str, func: Callable[[], T], timeout: float, vm: str = "") -> T:
        import libvirt

        subject = f"VM '{vm}' on host '{self.name}'" if vm else f"Host '{self.name}'"
        try:
            return await self._workers.call(
                func, timeout=timeout, what=f"{subject}, asked to {what},",
                next_step=f"Check that its libvirt answers: `virsh -c '{self.uri}' list`",
            )  # fmt: skip
        except libvirt.libvirtError as error:
            if failures.is_connection_lost(error) and self._state is HostState.CONNECTED:
                self._move(HostState.FAILED, failures.one_line(error))
            # Without its frames: they hold a virDomain, which would keep the connection open as long as the error is kept.
            cause = error.with_traceback(None)
            raise failures.call_failed(self.name, self.uri, what, cause, vm) from cause

    def _open_connection(self, what: str) -> libvirt.virConnect:
        if self._state is not HostState.CONNECTED or self._connection is None:
            reason = f"{self._state.value}: {self._failure}" if self._failure else self._state.value
            raise failures.lost(self.name, self.uri, what, reason)
        return self._connection

    async def _open(self, timeout: float) -> None:
        import libvirt

        loop = asyncio.get_running_loop()

        def lost(reason: str) -> None:  # in libvirt's event thread
            loop.call_soon_threadsafe(self._lost, callbacks, reason)

        callbacks = Callbacks(self.name, self.bus, lost)

        def open_and_register() -> libvirt.virConnect:
            libvirt_loop.ensure_running()
            connection = libvirt.open(self.uri)
            try:
                _keep_alive(connection)
                callbacks.register(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        def discard(connection: libvirt.virConnect) -> None:
            callbacks.unregister(connection)
            connection.close()

        try:
            self._connection = await self._workers.call(
                open_and_register, timeout=timeout, what=f"Host '{self.name}' ({self.uri})", discard=discard
            )
        except libvirt.libvirtError as error:
            raise failures.cannot_open(self.name, self.uri, error) from error
        self._callbacks = callbacks
        self._move(HostState.CONNECTED)

    def _lost(self, callbacks: Callbacks, reason: str) -> None:
        if callbacks is self._callbacks and self._state is HostState.CONNECTED:
            self._move(HostState.FAILED, reason)

    async def _release(self) -> None:
        """Give up what an earlier connection left. Closing asks the daemon, so it is a worker's; nobody waits long for it."""
        connection, self._connection = self._connection, None
        callbacks, self._callbacks = self._callbacks, None
        handles, self._handles = self._handles, {}
        if connection is None or callbacks is None:
            return
        held: list[Any] = [connection, callbacks, handles]
        del connection, callbacks, handles
        # A thread of its own: workers may all be stuck on this host, and a closing must not be lost when its caller is cancelled.
        # It owns what it closes: no reference is left here whose end would block the loop.
        closed = asyncio.Event()
        arguments = (held, asyncio.get_running_loop(), closed)
        threading.Thread(target=_close, args=arguments, name=f"atp-libvirt-{self.name}-close", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), CLOSE_SECONDS)

    def _move(self, state: HostState, failure: str = "") -> None:
        if state is not self._state:
            self._state = state
            self._failure = failure
            data = {"uri": self.uri} | ({"reason": failure} if failure else {})
            self.bus.publish(Event(f"host:{self.name}", f"host.{state.value}", data))


def not_found(name_or_uuid: str, where: str, names: list[str]) -> VmNotFoundError:
    near = get_close_matches(name_or_uuid, names, n=5, cutoff=0.5)
    if near:
        step = f"Near names: {', '.join(repr(name) for name in near)}"
    elif names:
        some = ", ".join(repr(name) for name in sorted(names)[:8])
        step = f"VMs there: {some}{' ...' if len(names) > 8 else ''}"
    else:
        step = "There is no VM there at all"
    return VmNotFoundError.about(f"VM '{name_or_uuid}'", wanted=f"exist on {where}", got="does not", next_step=step)


def _names_and_uuids(connection: libvirt.virConnect) -> list[tuple[str, str]]:
    return [(domain.name(), domain.UUIDString()) for domain in connection.listAllDomains()]


def _find(connection: libvirt.virConnect, name_or_uuid: str) -> tuple[str, str] | list[str]:
    """Name and UUID of the VM; when there is none, the names of all."""
    import libvirt

    lookups = [connection.lookupByName]
    if _is_uuid(name_or_uuid):
        lookups.insert(0, connection.lookupByUUIDString)
    for lookup in lookups:
        try:
            domain = lookup(name_or_uuid)
        except libvirt.libvirtError as error:
            if error.get_error_code() != failures.ERR_NO_DOMAIN:
                raise
        else:
            return domain.name(), domain.UUIDString()
    return [name for name, _ in _names_and_uuids(connection)]


def _is_uuid(text: str) -> bool:
    try:
        uuids.UUID(text)
    except ValueError:
        return False
    return True


def _keep_alive(connection: libvirt.virConnect) -> None:
    import libvirt

    try:
        connection.setKeepAlive(KEEPALIVE_INTERVAL_SECONDS, KEEPALIVE_COUNT)
    except libvirt.libvirtError as error:
        if error.get_error_code() not in failures.NOT_OFFERED:  # test:/// and embedded drivers have no peer to ask
            raise


def _close(held: list[Any], loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    """Unregister, drop every virDomain, close. The daemon may have gone: then there is nothing to tell it."""
    import libvirt

    connection, callbacks, handles = held
    held.clear()
    callbacks.unregister(connection)
    handles.clear()
    with contextlib.suppress(libvirt.libvirtError):
        connection.close()
    with contextlib.suppress(RuntimeError):  # the loop has gone, and with it whoever waited
        loop.call_soon_threadsafe(closed.set)
