"""Which file of a guest is the one that its SPICE agent has just saved, and whether it is the one that was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ATPLibrary.errors import InputError, VerificationError

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import Qga
    from ATPLibrary.protocol.spice.agent.talk import SentFile

# Of a name that is taken the agent tries so many in all, the first that is free is the file's.
_NAMES = 64


async def free_name(qga: Qga, directory: str, name: str, timeout: float) -> str:
    """The name that a file of that name will have there: its own, or with the first number that isn't taken, "f (1).txt".

    To be asked before the file is sent: what has that name afterwards is new. `InputError` where all are taken.
    """
    from ATPLibrary.protocol.qga import GuestFiles

    files = GuestFiles(qga)
    dot = name.rfind(".")
    stem, suffix = (name[:dot], name[dot:]) if dot >= 0 else (name, "")
    for number in range(_NAMES):
        candidate = f"{stem} ({number}){suffix}" if number else name
        if not await files.has(_path(directory, candidate), timeout):
            return candidate
    raise InputError.about(
        f"Directory '{directory}' of VM '{qga.domain.name}'", wanted=f"have room for another '{name}'",
        got=f"has {_NAMES} numbered ones, and the guest's SPICE agent makes no more", next_step="Remove some of them",
    )  # fmt: skip


async def proved(qga: Qga, directory: str, name: str, sent: SentFile, timeout: float) -> SentFile:
    """What was sent, with the name that it has in the guest. `VerificationError` where another file is there, `CommandError` where
    none is.
    """
    from ATPLibrary.protocol.qga import GuestFiles

    there = _path(directory, name)
    checksum = await GuestFiles(qga).checksum(there, timeout)
    if checksum.sha256 != sent.sha256:
        raise VerificationError.about(
            f"File '{there}' of VM '{qga.domain.name}'", wanted=f"have SHA-256 {sent.sha256}",
            got=f"{checksum.made_by} says {checksum.sha256}",
            next_step="Look whether something else writes to that directory",
        )  # fmt: skip
    return replace(sent, name=name)


def _path(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"
