"""The agent protocol's numbers. Source: spice-protocol, `vd_agent.h`."""

from __future__ import annotations

import enum


class AgentCap(enum.IntEnum):
    """Bits of what agent and client announce to each other."""

    MOUSE_STATE = 0
    MONITORS_CONFIG = 1
    REPLY = 2
    CLIPBOARD = 3
    DISPLAY_CONFIG = 4
    CLIPBOARD_BY_DEMAND = 5
    CLIPBOARD_SELECTION = 6
    SPARSE_MONITORS_CONFIG = 7
    GUEST_LINEEND_LF = 8
    GUEST_LINEEND_CRLF = 9
    MAX_CLIPBOARD = 10
    AUDIO_VOLUME_SYNC = 11
    MONITORS_CONFIG_POSITION = 12
    FILE_XFER_DISABLED = 13
    FILE_XFER_DETAILED_ERRORS = 14
    GRAPHICS_DEVICE_INFO = 15
    CLIPBOARD_NO_RELEASE_ON_REGRAB = 16
    CLIPBOARD_GRAB_SERIAL = 17

    @property
    def bit(self) -> int:
        return 1 << self


def cap_names(caps: int) -> list[str]:
    """The names of capabilities; one without a name is "bit 18"."""
    names = {int(each): each.name for each in AgentCap}
    return [names.get(bit, f"bit {bit}") for bit in range(caps.bit_length()) if caps >> bit & 1]


class ClipboardType(enum.IntEnum):
    NONE = 0
    UTF8_TEXT = 1
    IMAGE_PNG = 2
    IMAGE_BMP = 3
    IMAGE_TIFF = 4
    IMAGE_JPG = 5
    FILE_LIST = 6


class Selection(enum.IntEnum):
    """X11's: what Ctrl-C fills, what marking with the mouse fills, and one that hardly anything uses. Windows has the first."""

    CLIPBOARD = 0
    PRIMARY = 1
    SECONDARY = 2


class TransferStatus(enum.IntEnum):
    CAN_SEND_DATA = 0
    CANCELLED = 1
    ERROR = 2
    SUCCESS = 3
    NOT_ENOUGH_SPACE = 4
    SESSION_LOCKED = 5
    VDAGENT_NOT_CONNECTED = 6
    DISABLED = 7


class MonitorsFlag(enum.IntFlag):
    USE_POSITION = 1
    PHYSICAL_SIZE = 2


class ReplyError(enum.IntEnum):
    SUCCESS = 1
    ERROR = 2
