"""QGA: the QEMU guest agent of one VM, spoken to through libvirt, which owns its channel.

`open_qga` waits until the agent answers and gives a `Qga`.
"""

from __future__ import annotations

from ATPLibrary.protocol.qga.agent import ExecResult, Qga, open_qga

__all__ = ["ExecResult", "Qga", "open_qga"]
