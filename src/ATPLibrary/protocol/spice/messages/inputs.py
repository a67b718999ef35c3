"""The inputs channel: keys as PC scan codes, the mouse, the keyboard's lights."""

from __future__ import annotations

from ATPLibrary.protocol.spice.messages.kinds import ClientMessage, ServerMessage
from ATPLibrary.protocol.spice.schema.fields import I32, U8, U16, U32, Remaining
from ATPLibrary.transport.spice import SpiceChannelType

INPUTS = SpiceChannelType.INPUTS


class Init(ServerMessage, channel=INPUTS, number=101):
    """Lock lights: 1 scroll, 2 num, 4 caps."""

    modifiers: U16


class KeyModifiers(ServerMessage, channel=INPUTS, number=102):
    modifiers: U16


class MouseMotionAck(ServerMessage, channel=INPUTS, number=111):
    """For each four MOUSE_MOTION or MOUSE_POSITION."""


class KeyDown(ClientMessage, channel=INPUTS, number=101):
    """A scan code of set 1, the byte that is sent first lowest: E0 5B is 0x5BE0."""

    code: U32


class KeyUp(ClientMessage, channel=INPUTS, number=102):
    code: U32


class ClientKeyModifiers(ClientMessage, channel=INPUTS, number=103, name="KEY_MODIFIERS"):
    modifiers: U16


class KeyScancode(ClientMessage, channel=INPUTS, number=104):
    """Scan codes, as a keyboard sends them."""

    codes: Remaining


class MouseMotion(ClientMessage, channel=INPUTS, number=111):
    """Relative, in mickeys. `buttons`: 1 left, 2 middle, 4 right, 32 side, 64 extra."""

    dx: I32
    dy: I32
    buttons: U16


class MousePosition(ClientMessage, channel=INPUTS, number=112):
    """Absolute, in the display's pixels."""

    x: U32
    y: U32
    buttons: U16
    display_id: U8


class MousePress(ClientMessage, channel=INPUTS, number=113):
    """`button`: 1 left, 2 middle, 3 right, 4 wheel up, 5 wheel down, 6 side, 7 extra; `buttons` are those that are down then."""

    button: U8
    buttons: U16


class MouseRelease(ClientMessage, channel=INPUTS, number=114):
    button: U8
    buttons: U16
