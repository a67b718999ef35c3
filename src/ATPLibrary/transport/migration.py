"""Moving a running VM to another host. See docs/decisions/0012-migration.md for what has to be so on the hosts."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ATPLibrary.errors import CommandError, HostError
from ATPLibrary.transport.jobs import ABORT_SECONDS, run_job
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain
    from ATPLibrary.transport.host import HostConnection

Storage = Literal["shared", "copy", "copy top layer"]


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """How a VM moves. The defaults are for hosts that share their storage.

    - `live`: the VM runs on meanwhile; else it is paused for the time of the move.
    - `storage`: "shared", or its disks are copied, whole or only the top layer over a backing file that both hosts have.
    - `unsafe`: believe that the storage is shared and coherent where libvirt can't see it (cache modes, directories).
    - `uri`: where the memory travels: "tcp://10.0.0.12", "unix:///run/m.sock" (two daemons on one machine); by default libvirt asks
      the destination. `peer_to_peer`: the source host's libvirt speaks to the destination's by itself.
    - `xml`: the VM's domain XML on the destination, where paths or addresses differ there.
    """

    live: bool = True
    storage: Storage = "shared"
    unsafe: bool = False
    peer_to_peer: bool = False
    uri: str | None = None
    xml: str | None = None


async def migrate(domain: Domain, destination: HostConnection, plan: MigrationPlan, timeout: float) -> Domain:
    """Move the VM and return it as it is on `destination`, running, and no longer known to the host that it came from.

    A deadline that passes calls the move off: the VM runs on where it was. `CommandError` with libvirt's reason and what to do.
    """
    if destination.name == domain.host.name:
        raise HostError.about(
            f"VM '{domain.name}'", wanted="move to another host", got=f"is on '{destination.name}' already"
        )
    left = remaining(timeout)
    what = f"move to host '{destination.name}'"
    loan = _Loan()
    lending = asyncio.ensure_future(destination.call(f"take in VM '{domain.name}'", loan.lend, timeout=left()))
    try:
        await loan.lent(lending)
        peer = destination.uri if plan.peer_to_peer else None
        await run_job(domain, what, _move, plan, loan, peer, timeout=left())
    except CommandError as error:
        raise _explained(domain, destination, what, error) from error
    finally:
        await loan.call_in()
        lending.cancel()
        await asyncio.gather(lending, return_exceptions=True)
    return await destination.lookup(domain.uuid, max(left(), 1.0))


class _Loan:
    """The destination's connection in the hands of the source's call.

    Both are calls under way as long as libvirt uses the connection: a call that outlives its deadline still does, and a
    connection that is closed under it takes the process down.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_lent = asyncio.Event()
        self._is_back = asyncio.Event()
        self._lock = threading.Lock()
        self._back = threading.Event()
        self._taken = False
        self._connection: libvirt.virConnect | None = None

    def lend(self, connection: libvirt.virConnect) -> None:
        """On a worker of the destination: until it is given back."""
        self._connection = connection
        with contextlib.suppress(RuntimeError):  # the loop has gone, and with it who would borrow
            self._loop.call_soon_threadsafe(self._is_lent.set)
            self._back.wait()
        self._connection = None

    async def lent(self, lending: asyncio.Future[None]) -> None:
        """Wait until it can be borrowed; raises why it can't."""
        waiting = asyncio.ensure_future(self._is_lent.wait())
        try:
            await asyncio.wait((waiting, lending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if lending.done():
            lending.result()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[libvirt.virConnect]:
        """On a worker of the source."""
        with self._lock:
            if self._back.is_set():
                raise HostError("The move was called off before it began.")
            self._taken = True
        try:
            yield self._connection
        finally:
            self._back.set()
            with contextlib.suppress(RuntimeError):  # the loop has gone, and with it who would wait
                self._loop.call_soon_threadsafe(self._is_back.set)

    async def call_in(self) -> None:
        """Nobody will borrow it any more. Who has it keeps it until the end, which a move that was called off soon comes to."""
        with self._lock:
            if not self._taken:
                self._back.set()
                return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ABORT_SECONDS):
                await self._is_back.wait()


def _move(handle: libvirt.virDomain, plan: MigrationPlan, loan: _Loan, peer: str | None) -> None:
    import libvirt

    flags = libvirt.VIR_MIGRATE_LIVE if plan.live else 0
    if handle.isPersistent():
        flags |= libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    if plan.unsafe:
        flags |= libvirt.VIR_MIGRATE_UNSAFE
    if plan.storage == "copy":
        flags |= libvirt.VIR_MIGRATE_NON_SHARED_DISK
    elif plan.storage == "copy top layer":
        flags |= libvirt.VIR_MIGRATE_NON_SHARED_INC
    parameters: dict[str, str] = {}
    if plan.uri is not None:
        parameters[libvirt.VIR_MIGRATE_PARAM_URI] = plan.uri
        if plan.uri.startswith("unix:") and plan.storage != "shared":
            parameters[libvirt.VIR_MIGRATE_PARAM_DISKS_URI] = f"{plan.uri}-disks"
    if plan.xml is not None:
        parameters[libvirt.VIR_MIGRATE_PARAM_DEST_XML] = plan.xml
        if handle.isPersistent():
            parameters[libvirt.VIR_MIGRATE_PARAM_PERSIST_XML] = plan.xml
    with loan.borrowed() as connection:
        if peer is not None:
            handle.migrateToURI3(peer, parameters, flags | libvirt.VIR_MIGRATE_PEER2PEER)
        else:
            handle.migrate3(connection, parameters, flags)


# What libvirt says, and what the tester does about it.
_STEPS = {
    "unsafe migration": "If both hosts really share the disk, say unsafe=True; if not, say storage=copy",
    "same host": "Give the hosts different host names and host UUIDs (`virsh hostname`, host_uuid in libvirtd.conf)",
    "unable to resolve": "Say where the memory shall travel with uri=tcp://ADDRESS-OF-THE-DESTINATION",
    "unable to connect": "Check the destination's firewall (ports 49152 to 49215), or say uri=tcp://ADDRESS",
    "pre-create": "Create an empty disk of the same size at the same path on the destination",
    "snapshots": "Delete the VM's snapshots first ('Delete Snapshot'): libvirt doesn't take them along",
    "cpu": "The destination's processor lacks something: give the VM a CPU model that both hosts have",
}


def _explained(domain: Domain, destination: HostConnection, what: str, error: CommandError) -> CommandError:
    said = error.description.lower()
    return CommandError.about(
        f"VM '{domain.name}' on host '{domain.host.name}'",
        wanted=what,
        got=f"libvirt refused: {error.description}",
        next_step=next(
            (step for sign, step in _STEPS.items() if sign in said), f"See the log of libvirt on '{destination.name}'"
        ),
        name=error.name,
        error_class=error.error_class,
        description=error.description,
    )
