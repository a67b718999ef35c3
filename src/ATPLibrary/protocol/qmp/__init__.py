"""QMP: QEMU's own control channel of one VM, direct or through libvirt, behind one interface.

`open_qmp` opens a `Qmp`; `edges` has what `input-send-event` is fed with.
"""

from __future__ import annotations

from ATPLibrary.protocol.qmp.channel import Command, Qmp
from ATPLibrary.protocol.qmp.opening import Mode, open_qmp

__all__ = ["Command", "Mode", "Qmp", "open_qmp"]
