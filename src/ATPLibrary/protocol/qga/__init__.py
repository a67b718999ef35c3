"""QGA: the QEMU guest agent of one VM, spoken to through libvirt, which owns its channel.

`open_qga` waits until the agent answers and gives a `Qga`, which runs commands; `GuestFiles` moves files and `GuestSystem` asks
about, and changes, the system in the guest.
"""

from __future__ import annotations

from ATPLibrary.protocol.qga.agent import Qga, open_qga
from ATPLibrary.protocol.qga.execution import ExecResult
from ATPLibrary.protocol.qga.files import Checksum, GuestFiles, Transfer
from ATPLibrary.protocol.qga.freeze import FreezeState
from ATPLibrary.protocol.qga.system import GuestSystem

__all__ = ["Checksum", "ExecResult", "FreezeState", "GuestFiles", "GuestSystem", "Qga", "Transfer", "open_qga"]
