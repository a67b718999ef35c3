"""Sound of a guest, and for it: samples as they are heard, Opus unpacked, tones found and made. No I/O.

Samples are signed 16-bit numbers, little-endian, the channels of one moment side by side.
"""

from ATPLibrary.protocol.spice.sound.listener import Listener

__all__ = ["Listener"]
