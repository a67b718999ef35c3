"""QGA: the QEMU guest agent of one VM, spoken to through libvirt, which owns its channel.

`open_qga` waits until the agent answers and gives a `Qga`, which runs commands; `GuestFiles` moves files and `GuestSystem` asks
about, and changes, the system in the guest. Nothing is imported before use: keywords need only the words for shells when they are
made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga as Qga
    from ATPLibrary.protocol.qga.agent import open_qga as open_qga
    from ATPLibrary.protocol.qga.execution import ExecResult as ExecResult
    from ATPLibrary.protocol.qga.files import Checksum as Checksum
    from ATPLibrary.protocol.qga.files import GuestFiles as GuestFiles
    from ATPLibrary.protocol.qga.files import Transfer as Transfer
    from ATPLibrary.protocol.qga.freeze import FreezeState as FreezeState
    from ATPLibrary.protocol.qga.system import GuestSystem as GuestSystem

_HOMES = {
    **dict.fromkeys(("Qga", "open_qga"), "agent"),
    "ExecResult": "execution",
    **dict.fromkeys(("Checksum", "GuestFiles", "Transfer"), "files"),
    "FreezeState": "freeze",
    "GuestSystem": "system",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
