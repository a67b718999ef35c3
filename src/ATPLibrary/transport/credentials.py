"""Opening a libvirt connection, with a user and password for the one that asks (SASL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ATPLibrary.secrets import Secret

if TYPE_CHECKING:
    import libvirt

_RESULT = 4  # the place for the answer in a credential that libvirt asks for


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a libvirt that asks. Empty: it is told nothing, and refuses if it wants to know."""

    username: str = ""
    password: Secret | None = None


def open_connection(uri: str, credentials: Credentials) -> libvirt.virConnect:
    """`libvirt.openAuth`: blocks, for a worker. The password is revealed only while libvirt asks for it."""
    import libvirt

    user = (libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_USERNAME)
    password = (libvirt.VIR_CRED_PASSPHRASE, libvirt.VIR_CRED_NOECHOPROMPT)

    def answer(asked: list[list[Any]], _: object) -> int:
        for credential in asked:
            if credential[0] in user and credentials.username:
                credential[_RESULT] = credentials.username
            elif credential[0] in password and credentials.password is not None:
                credential[_RESULT] = credentials.password.reveal()
            else:
                return -1
        return 0

    return libvirt.openAuth(uri, [[*user, *password], answer, None], 0)
