"""Draws on an X server's root window, one step a run: `x_painter.py STEP`. It runs in the desktop guest, with nothing but Python.

It speaks the X protocol itself (X11R7's `x11proto`): requests that are drawn by the driver with the display's own commands, and
such that the X server draws by itself and sends as pixels.
"""

from __future__ import annotations

import socket
import struct
import sys

# Requests.
CONFIGURE_WINDOW, GET_GEOMETRY, QUERY_TREE, GET_FOCUS = 12, 14, 15, 43
OPEN_FONT, CREATE_PIXMAP, FREE_PIXMAP, CREATE_GC = 45, 53, 54, 55
COPY_AREA, COPY_PLANE, LINES, RECTANGLES, ARCS, PUT_IMAGE, TEXT = 62, 63, 65, 70, 71, 72, 76
# Attributes of a graphics context.
FUNCTION, FOREGROUND, BACKGROUND, WIDTH, FILL_STYLE = 1, 4, 8, 16, 256
TILE, STIPPLE, FONT, SUBWINDOWS, EXPOSURES = 1024, 2048, 16384, 32768, 65536
TILED, OPAQUE_STIPPLED = 1, 3
XOR, INVERT, AND_REVERSE, EQUIV = 6, 10, 2, 9


class Screen:
    """A connection, and the X server's first screen."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect("/tmp/.X11-unix/X0")
        self.socket.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        success, length = struct.unpack("<B5xH", self.read(8))
        body = self.read(length * 4)
        assert success == 1, body
        self.next_id, _ = struct.unpack_from("<II", body, 4)
        (vendor,) = struct.unpack_from("<H", body, 16)
        at = 32 + (vendor + 3) // 4 * 4 + body[21] * 8
        (self.root,) = struct.unpack_from("<I", body, at)
        self.width, self.height = struct.unpack_from("<HH", body, at + 20)
        self.depth = body[at + 38]

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            assert part, "the X server has closed"
            data += part
        return data

    def send(self, request: int, body: bytes, detail: int = 0) -> None:
        body += bytes(-len(body) % 4)
        self.socket.sendall(struct.pack("<BBH", request, detail, 1 + len(body) // 4) + body)

    def ask(self, request: int, body: bytes = b"") -> bytes:
        """The reply to a request; everything before it is done then. Fails for an error of one of them."""
        self.send(request, body)
        while True:
            answer = self.read(32)
            if answer[0] == 1:
                return answer + self.read(struct.unpack_from("<I", answer, 4)[0] * 4)
            assert answer[0] != 0, f"X error {answer[1]} of request {answer[10]}"

    def new(self, request: int, body: bytes, detail: int = 0) -> int:
        self.next_id += 1
        self.send(request, struct.pack("<I", self.next_id) + body, detail)
        return self.next_id

    def context(self, drawable: int = 0, **values: int) -> int:
        known = {
            "function": FUNCTION, "foreground": FOREGROUND, "background": BACKGROUND, "width": WIDTH, "fill": FILL_STYLE,
            "tile": TILE, "stipple": STIPPLE, "font": FONT, "subwindows": SUBWINDOWS, "exposures": EXPOSURES,
        }  # fmt: skip
        chosen = {known[name]: value for name, value in {"exposures": 0, **values}.items()}
        body = struct.pack("<II", drawable or self.root, sum(chosen))
        return self.new(CREATE_GC, body + b"".join(struct.pack("<I", chosen[bit]) for bit in sorted(chosen)))

    def pixmap(self, width: int, height: int, depth: int = 0) -> int:
        return self.new(CREATE_PIXMAP, struct.pack("<IHH", self.root, width, height), depth or self.depth)

    def rectangles(self, drawable: int, context: int, *areas: tuple[int, int, int, int]) -> None:
        data = b"".join(struct.pack("<hhHH", *area) for area in areas)
        self.send(RECTANGLES, struct.pack("<II", drawable, context) + data)

    def copy(self, source: int, target: int, context: int, *places: int) -> None:
        """`places`: from x, y, to x, y, width, height."""
        self.send(COPY_AREA, struct.pack("<IIIhhhhHH", source, target, context, *places))

    def image(self, drawable: int, area: tuple[int, int, int, int], data: bytes, depth: int = 0) -> None:
        x, y, width, height = area
        context = self.context(drawable)
        head = struct.pack("<IIHHhhBBxx", drawable, context, width, height, x, y, 0, depth or self.depth)
        self.send(PUT_IMAGE, head + data, 2)


def noise(seed: int, size: int) -> bytes:
    """The same of the same seed."""
    out, value = bytearray(), seed
    for _ in range(size):
        value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(value >> 16 & 255)
    return bytes(out)


def fills(x: Screen) -> None:
    for number in range(40):
        area = number * 17 % 600 + 20, number * 29 % 350 + 150, 40 + number, 90 - number
        x.rectangles(x.root, x.context(foreground=number * 0x052311 & 0xFFFFFF), area)


def pixmaps(x: Screen) -> None:
    """Off the screen, and from there onto it."""
    made = x.pixmap(200, 150)
    x.rectangles(made, x.context(made, foreground=0x203040), (0, 0, 200, 150))
    for number in range(8):
        x.rectangles(made, x.context(made, foreground=number * 0x1F3311 & 0xFFFFFF), (number * 20, number * 9, 60, 40))
    x.image(made, (10, 100, 32, 32), noise(7, 32 * 32 * 4))
    x.copy(made, made, x.context(made), 0, 0, 50, 60, 120, 80)
    for left, top in ((30, 300), (260, 330), (500, 200)):
        x.copy(made, x.root, x.context(), 0, 0, left, top, 200, 150)
    x.copy(made, x.root, x.context(), 20, 30, 450, 400, 90, 60)
    x.send(FREE_PIXMAP, struct.pack("<I", made))


def scrolls(x: Screen) -> None:
    """The screen onto itself, in all directions, with the windows on it."""
    context = x.context(subwindows=1)
    for to_x, to_y in ((103, 60), (90, 77), (110, 90), (100, 40), (130, 80), (70, 80)):
        x.copy(x.root, x.root, context, 100, 80, to_x, to_y, 500, 400)


def pixels(x: Screen) -> None:
    for number in range(6):
        x.image(x.root, (100 + number * 70, 480, 64, 64), noise(number, 64 * 64 * 4))


def shapes(x: Screen) -> None:
    """What the X server draws by itself: lines, arcs, text, operations on what is there."""
    for number, function in enumerate((XOR, INVERT, AND_REVERSE, EQUIV)):
        area = 60 + number * 90, 200, 120, 260
        x.rectangles(x.root, x.context(function=function, foreground=0x3FA5C3), area)
    points = b"".join(struct.pack("<hh", number * 37 % 700, number * 53 % 500) for number in range(60))
    for width in (0, 5):
        x.send(LINES, struct.pack("<II", x.root, x.context(width=width, foreground=0xFF8000 >> width)) + points)
    arcs = b"".join(struct.pack("<hhHHhh", 400, 250, 200 - number * 20, 150, 0, 300 * 64) for number in range(6))
    x.send(ARCS, struct.pack("<II", x.root, x.context(foreground=0x80FF20)) + arcs)
    name = b"fixed"
    font = x.new(OPEN_FONT, struct.pack("<Hxx", len(name)) + name)
    text = b"drawn by the X server itself"
    context = x.context(font=font, foreground=0xFFFFFF, background=0x800000)
    for line in range(5):
        x.send(TEXT, struct.pack("<IIhh", x.root, context, 420, 180 + line * 15) + text, len(text))


def patterns(x: Screen) -> None:
    tile = x.pixmap(16, 16)
    x.image(tile, (0, 0, 16, 16), noise(3, 16 * 16 * 4))
    x.rectangles(x.root, x.context(fill=TILED, tile=tile), (15, 260, 300, 200), (333, 277, 123, 45))
    bits = x.pixmap(32, 8, 1)
    x.image(bits, (0, 0, 32, 8), noise(9, 32), 1)
    stippled = x.context(fill=OPAQUE_STIPPLED, stipple=bits, foreground=0x00FFFF, background=0x400040)
    x.rectangles(x.root, stippled, (500, 300, 200, 100))
    x.send(COPY_PLANE, struct.pack("<IIIhhhhHHI", bits, x.root, stippled, 0, 0, 20, 470, 32, 8, 1))


def moves(x: Screen) -> None:
    """The largest window, as a window manager moves it."""
    tree = x.ask(QUERY_TREE, struct.pack("<I", x.root))
    windows = struct.unpack_from(f"<{struct.unpack_from('<H', tree, 16)[0]}I", tree, 32)
    sizes = {each: struct.unpack_from("<HH", x.ask(GET_GEOMETRY, struct.pack("<I", each)), 16) for each in windows}
    window = max(windows, key=lambda each: sizes[each][0] * sizes[each][1])
    for place in ((60, 40), (75, 90), (20, 70), (30, 30)):
        x.send(CONFIGURE_WINDOW, struct.pack("<IHxxii", window, 3, *place))


STEPS = {each.__name__: each for each in (fills, pixmaps, scrolls, pixels, shapes, patterns, moves)}

if __name__ == "__main__":
    screen = Screen()
    STEPS[sys.argv[1]](screen)
    screen.ask(GET_FOCUS)
