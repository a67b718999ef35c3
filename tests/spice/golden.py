"""Messages as they are on the wire, written by hand from the specification and from what QEMU 7.2 sends (SPICE.md of the design),
without any of the library: a mistake in its schema can't be in here as well. Spaces part the fields.
"""

from __future__ import annotations

from dataclasses import dataclass

from ATPLibrary.protocol.spice.messages import (
    base,
    brushes,
    cursor,
    devices,
    display,
    draw,
    geometry,
    images,
    inputs,
    main,
)
from ATPLibrary.protocol.spice.schema import Message
from ATPLibrary.transport.spice import SpiceChannelType as Type


@dataclass(frozen=True)
class Golden:
    """`number` and `channel` find the class; `wire` are its bytes in hexadecimal, `message` what they mean."""

    channel: Type
    number: int
    wire: str
    message: Message

    @property
    def body(self) -> bytes:
        return bytes.fromhex(self.wire)


RECT = geometry.Rect(top=1, left=2, bottom=3, right=4)
NO_CLIP = geometry.Clip(type=0, rects=None)
BASE = geometry.DrawBase(surface_id=0, box=RECT, clip=NO_CLIP)
# surface 0; top 1, left 2, bottom 3, right 4; no clip
_BASE = "00000000 01000000 02000000 03000000 04000000 00"
_MASKLESS = "00 00000000 00000000 00000000"
NO_MASK = brushes.Mask(flags=0, position=geometry.Point(0, 0), image=None)

GOLDEN = [
    # generation 1, window 20
    Golden(Type.DISPLAY, 3, "01000000 14000000", base.SetAck(generation=1, window=20)),
    # id 1, time 0x0102030405060708, three bytes of data
    Golden(Type.MAIN, 4, "01000000 0807060504030201 aabbcc", base.Ping(1, 0x0102030405060708, b"\xaa\xbb\xcc")),
    # one channel: display 0, serial 9
    Golden(Type.CURSOR, 5, "01 02 00 0900000000000000", base.WaitForChannels((base.WaitFor(2, 0, 9),))),
    Golden(Type.MAIN, 6, "0500000000000000 07000000", base.Disconnecting(5, 7)),
    # time 1, warning, high, what 0, 2 bytes "hi"
    Golden(
        Type.MAIN, 7, "0100000000000000 01000000 02000000 00000000 02000000 6869",
        base.Notify(1, severity=1, visibility=2, what=0, length=2, text=b"hi"),
    ),
    # session 0x11223344, 1 display, both mouse modes, server mode, no agent, 10 tokens, 1000 ms, no hint
    Golden(
        Type.MAIN, 103,
        "44332211 01000000 03000000 01000000 00000000 0a000000 e8030000 00000000",
        main.Init(0x11223344, 1, 3, 1, 0, 10, 1000, 0),
    ),
    # three channels: main 0, display 0, display 1
    Golden(
        Type.MAIN, 104, "03000000 0100 0200 0201",
        main.ChannelsList((main.ChannelId(1, 0), main.ChannelId(2, 0), main.ChannelId(2, 1))),
    ),
    Golden(Type.MAIN, 105, "0300 0200", main.MouseMode(3, 2)),
    Golden(Type.MAIN, 113, "06000000 77696e313100", main.Name(6, b"win11\0")),
    Golden(
        Type.MAIN, 114, "00112233445566778899aabbccddeeff",
        main.Uuid(bytes.fromhex("00112233445566778899aabbccddeeff")),
    ),
    # ports 5901 and 5902; 2 bytes at 20: "h\0"; 2 bytes at 22: "c\0"
    Golden(
        Type.MAIN, 111, "0d17 0e17 02000000 14000000 02000000 16000000 6800 6300",
        main.MigrateSwitchHost(main.Destination(5901, 5902, 2, b"h\0", 2, b"c\0")),
    ),
    # 1024x768, xRGB, the screen itself
    Golden(
        Type.DISPLAY, 314, "00000000 00040000 00030000 20000000 01000000",
        display.SurfaceCreate(id=0, width=1024, height=768, format=32, flags=1),
    ),
    Golden(Type.DISPLAY, 315, "07000000", display.SurfaceDestroy(7)),
    # 1 of at most 4 monitors: monitor 0 on surface 0, 640x480 at 0, 0
    Golden(
        Type.DISPLAY, 317,
        "0100 0400 00000000 00000000 80020000 e0010000 00000000 00000000 00000000",
        display.MonitorsConfig(1, 4, (display.Head(0, 0, 640, 480, 0, 0, 0),)),
    ),
    Golden(
        Type.DISPLAY, 105, "0100 01 0200000000000000", display.InvalList((display.Resource(1, 2),)),
    ),
    Golden(Type.DISPLAY, 104, _BASE + "05000000 06000000", draw.CopyBits(BASE, geometry.Point(5, 6))),
    # clipped to one rectangle; solid brush 0x00ff8000, rop OP_PUT, no mask
    Golden(
        Type.DISPLAY, 302,
        "00000000 01000000 02000000 03000000 04000000 01 01000000 01000000 02000000 02000000 03000000"
        "01 0080ff00 0800" + _MASKLESS,
        draw.DrawFill(
            geometry.DrawBase(0, RECT, geometry.Clip(1, geometry.ClipRects((geometry.Rect(1, 2, 2, 3),)))),
            brushes.Brush(1, brushes.SolidBrush(0x00FF8000)), 8, NO_MASK,
        ),
    ),
    # image at 57; from 0,0 to 2,1; OP_PUT, interpolated, no mask. The image: id 7, bitmap, no flags, 2x1;
    # 32 bits, top down, 2x1, stride 8, no palette, two pixels
    Golden(
        Type.DISPLAY, 304,
        _BASE + "39000000 00000000 00000000 01000000 02000000 0800 00" + _MASKLESS
        + "0700000000000000 00 00 02000000 01000000"
        + "08 04 02000000 01000000 08000000 00000000 1122330044556600",
        draw.DrawCopy(
            BASE,
            images.Image(7, 0, 0, 2, 1, images.Bitmap(8, 4, 2, 1, 8, None, None, bytes.fromhex("1122330044556600"))),
            geometry.Rect(0, 0, 1, 2), 8, 0, NO_MASK,
        ),
    ),
    # an LZ4 image of 3 bytes, to be cached
    Golden(
        Type.DISPLAY, 304,
        _BASE + "39000000 00000000 00000000 01000000 02000000 0800 00" + _MASKLESS
        + "0700000000000000 6d 01 02000000 01000000 03000000 010203",
        draw.DrawCopy(
            BASE, images.Image(7, 109, 1, 2, 1, images.Packed(3, b"\1\2\3")), geometry.Rect(0, 0, 1, 2), 8, 0, NO_MASK
        ),
    ),
    # num lock is on
    Golden(Type.INPUTS, 101, "0200", inputs.Init(2)),
    Golden(Type.INPUTS, 111, "", inputs.MouseMotionAck()),
    # at 3, 4; no trail; visible; flags 1: no cursor, so no header
    Golden(
        Type.CURSOR, 101, "0300 0400 0000 0000 01 0100",
        cursor.Init(cursor.Point16(3, 4), 0, 0, 1, cursor.CursorPicture(1, None, b"")),
    ),
    # at -1, 4; visible; to be cached; id 5, alpha, 1x1, hot spot 0, 0; one pixel
    Golden(
        Type.CURSOR, 103, "ffff 0400 01 0200 0500000000000000 00 0100 0100 0000 0000 01020304",
        cursor.Set(
            cursor.Point16(-1, 4), 1,
            cursor.CursorPicture(2, cursor.CursorHeader(5, 0, 1, 1, 0, 0), b"\1\2\3\4"),
        ),
    ),
    # LZ4, 16 bytes unpacked; and as it is
    Golden(Type.USBREDIR, 102, "01 10000000 aabb", devices.PipeCompressedData(1, 16, b"\xaa\xbb")),
    Golden(Type.WEBDAV, 102, "00 aabb", devices.PipeCompressedData(0, None, b"\xaa\xbb")),
    # name of 4 bytes at 9: "org\0"; open
    Golden(Type.PORT, 201, "04000000 09000000 01 6f726700", devices.PortInit(4, b"org\0", 1)),
]  # fmt: skip

# What a client sends.
GOLDEN_CLIENT = [
    Golden(Type.DISPLAY, 1, "01000000", base.AckSync(1)),
    Golden(Type.DISPLAY, 2, "", base.Ack()),
    Golden(Type.MAIN, 3, "01000000 0807060504030201", base.Pong(1, 0x0102030405060708)),
    Golden(Type.MAIN, 104, "", main.AttachChannels()),
    Golden(Type.MAIN, 106, "0a000000", main.AgentStart(10)),
    # cache 1 of 0x1400000 pixels, dictionary 1 of 0x800000
    Golden(Type.DISPLAY, 101, "01 0000400100000000 01 00008000", display.Init(1, 0x1400000, 1, 0x800000)),
    Golden(Type.DISPLAY, 103, "07", display.PreferredCompression(7)),
    # H264, VP8
    Golden(Type.DISPLAY, 105, "02 03 02", display.PreferredVideoCodecType((3, 2))),
    # the key A
    Golden(Type.INPUTS, 101, "1e000000", inputs.KeyDown(0x1E)),
    # 3 left, 2 down, left button
    Golden(Type.INPUTS, 111, "fdffffff 02000000 0100", inputs.MouseMotion(-3, 2, 1)),
    Golden(Type.INPUTS, 112, "0a000000 14000000 0000 00", inputs.MousePosition(10, 20, 0, 0)),
    Golden(Type.INPUTS, 113, "01 0100", inputs.MousePress(1, 1)),
]
