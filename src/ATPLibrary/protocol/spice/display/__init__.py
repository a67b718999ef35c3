"""What a display channel's messages make on the screen: images unpacked, drawn on surfaces, kept in caches. No I/O."""

from ATPLibrary.protocol.spice.display.painter import Painter
from ATPLibrary.protocol.spice.display.surface import Surface

__all__ = ["Painter", "Surface"]
