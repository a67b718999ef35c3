"""The font of a VM's text mode, read from its video BIOS through QEMU's monitor."""

from __future__ import annotations

import struct

from ATPLibrary.errors import VmStateError
from ATPLibrary.protocol.qmp.channel import COMMAND_SECONDS, Qmp
from ATPLibrary.protocol.screen.font import VIDEO_BIOS, VIDEO_BIOS_BYTES, Font, find_font
from ATPLibrary.runtime import Workers

_WORD_BYTES = 4
_WORKERS = Workers("atp-fonts", 1)


async def read_font(qmp: Qmp, timeout: float = COMMAND_SECONDS) -> Font:
    """The 8 x 16 font of the VM's video BIOS. `VmStateError` where it has none: the VM can't have a text mode then.

    QMP has no command that returns memory, and `pmemsave` writes a file on the host, which may be far away: hence `xp` (HMP).
    """
    command = f"xp /{VIDEO_BIOS_BYTES // _WORD_BYTES}xw {VIDEO_BIOS:#x}"
    text = await qmp.execute("human-monitor-command", {"command-line": command}, timeout=timeout)
    what = f"The font of VM '{qmp.domain.name}'"
    font = await _WORKERS.call(lambda: find_font(memory(str(text))), timeout=timeout, what=what)
    if font is None:
        raise VmStateError.about(
            f"The screen of VM '{qmp.domain.name}'",
            wanted="be readable as text",
            got="the VM has no video BIOS with a text font (started by UEFI, or its display is no VGA)",
            next_step="Compare its picture instead, with 'Screen Should Match'",
        )
    return font


def memory(text: str) -> bytes:
    """The bytes that `xp /Nxw` printed: lines such as "00000000000c0000: 0xe94eaa55 0x30b3e81e"."""
    words = [int(word, 16) for line in text.splitlines() for word in line.partition(":")[2].split()]
    return struct.pack(f"<{len(words)}I", *words)
