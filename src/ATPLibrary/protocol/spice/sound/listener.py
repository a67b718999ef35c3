"""What a guest plays, from the moment on that somebody listens."""

from __future__ import annotations

SAMPLE_BYTES = 2
# What is kept of what nobody fetches: 90 s of 48 kHz in stereo.
_MOST_BYTES = 16 << 20
# Times are in whole ms, and packets of 10 ms may come a little apart: less than this is no pause.
_PAUSE_MS = 40
# A longer pause than this is a clock that was set.
_LONGEST_PAUSE_MS = 10 * 60 * 1000


class Listener:
    """`rate` in Hz and `channels` are 0 until the guest has begun to play. A pause between two sounds is as many samples of 0.

    `heard` counts bytes, pauses among them; `dropped` are those that nobody fetched in time. `packets` have come, of which `lost`
    could not be decoded: what was in those nobody knows.
    """

    def __init__(self) -> None:
        self.rate = 0
        self.channels = 0
        self.heard = 0
        self.dropped = 0
        self.packets = 0
        self.lost = 0
        self._samples = bytearray()
        self._end: int | None = None  # ms of the session's clock

    def begins(self, channels: int, rate: int) -> None:
        """The guest's sound has this format from now on. What was heard in another one is dropped."""
        if (self.rate, self.channels) not in ((0, 0), (rate, channels)):
            self.dropped += len(self._samples)
            self._samples.clear()
        self.rate, self.channels = rate, channels

    def hear(self, time: int, samples: bytes | memoryview) -> None:
        """Samples that begin at `time`, in ms."""
        if not self.rate:
            return
        frame = self.channels * SAMPLE_BYTES
        if self._end is not None:
            pause = (time - self._end) & 0xFFFFFFFF
            if _PAUSE_MS < pause < _LONGEST_PAUSE_MS:
                self._add(bytes(min(self.rate * pause // 1000 * frame, _MOST_BYTES // frame * frame)))
        self._add(samples[: len(samples) // frame * frame])
        self._end = (time + len(samples) // frame * 1000 // self.rate) & 0xFFFFFFFF

    def take(self) -> bytes:
        """What was heard since the last time."""
        samples, self._samples = bytes(self._samples), bytearray()
        return samples

    def _add(self, samples: bytes | memoryview) -> None:
        self.heard += len(samples)
        self._samples += samples
        too_much = len(self._samples) - _MOST_BYTES
        if too_much > 0:
            del self._samples[:too_much]
            self.dropped += too_much
