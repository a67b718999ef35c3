"""Finding a VM on a host by name or UUID, and the sentence when there is none."""

from __future__ import annotations

import uuid as uuids
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ATPLibrary.errors import VmNotFoundError
from ATPLibrary.transport import failures

if TYPE_CHECKING:
    import libvirt


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


def names_and_uuids(connection: libvirt.virConnect) -> list[tuple[str, str]]:
    return [(domain.name(), domain.UUIDString()) for domain in connection.listAllDomains()]


def find(connection: libvirt.virConnect, name_or_uuid: str) -> tuple[str, str] | list[str]:
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
    return [name for name, _ in names_and_uuids(connection)]


def _is_uuid(text: str) -> bool:
    try:
        uuids.UUID(text)
    except ValueError:
        return False
    return True
