"""Moving a running VM to another host. See docs/decisions/0012-migration.md for what has to be so on the hosts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ATPLibrary.errors import CommandError, HostError
from ATPLibrary.transport.jobs import run_job
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
    held: list[libvirt.virConnect] = []
    try:
        await destination.call(f"take in VM '{domain.name}'", held.append, timeout=left())
        peer = destination.uri if plan.peer_to_peer else None
        await run_job(domain, what, _move, plan, held, peer, timeout=left())
    except CommandError as error:
        raise _explained(domain, destination, what, error) from error
    finally:
        if held:
            # The last release of a connection is a blocking call: never on the loop.
            threading.Thread(target=held.clear, daemon=True).start()
    return await destination.lookup(domain.uuid, max(left(), 1.0))


def _move(handle: libvirt.virDomain, plan: MigrationPlan, held: list[Any], peer: str | None) -> None:
    import libvirt

    connection = held.pop()
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
