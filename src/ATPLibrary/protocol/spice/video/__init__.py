"""The video streams of a display channel: their codecs, their frames decoded, what was counted of each. No I/O.

`decoders` blocks for milliseconds: it is for a worker's thread.
"""

from ATPLibrary.protocol.spice.video.streams import Stream, Streams, StreamStatistics

__all__ = ["Stream", "StreamStatistics", "Streams"]
