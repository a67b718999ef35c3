"""How loud a sound is and which tone it has; tones made. Plain Python: 50 ms for one look, so for a worker's thread."""

from __future__ import annotations

import cmath
import math
from array import array
from dataclasses import dataclass
from functools import cache
from sys import byteorder

# Samples that one look takes: at 48 kHz 0.17 s, and bins of 5.9 Hz.
LOOK_SAMPLES = 8192
_FULL = 32768.0
# The level of nothing at all, so that no logarithm fails.
SILENCE_DB = -120.0


@dataclass(frozen=True, slots=True)
class Tone:
    """The strongest tone of a sound: Hz, the part of the sound's energy that it has (0 to 1), and the sound's level in dB below
    full scale (0 is the loudest possible, -120 nothing)."""

    frequency: float
    share: float
    level: float

    def __str__(self) -> str:
        if self.level <= SILENCE_DB:
            return "silence"
        return f"{self.frequency:.1f} Hz with {self.share:.0%} of the energy, at {self.level:.0f} dB"


def mono(samples: bytes, channels: int) -> list[float]:
    """The mean of all channels, -1 to 1."""
    values = array("h", samples)
    if byteorder == "big":
        values.byteswap()
    if channels == 1:
        return [each / _FULL for each in values]
    scale = channels * _FULL
    return [sum(each) / scale for each in zip(*(values[at::channels] for at in range(channels)), strict=True)]


def level(samples: bytes) -> float:
    """dB below full scale, of all channels together."""
    values = array("h", samples)
    if byteorder == "big":
        values.byteswap()
    if not values:
        return SILENCE_DB
    power = sum(each * each for each in values) / len(values)
    return 20 * math.log10(math.sqrt(power) / _FULL) if power else SILENCE_DB


def strongest(samples: bytes, channels: int, rate: int) -> Tone:
    """The tone of the last `LOOK_SAMPLES` moments of a sound. `ValueError` for a shorter one."""
    last = samples[-LOOK_SAMPLES * channels * 2 :]
    values = mono(last, channels)
    if len(values) < LOOK_SAMPLES:
        raise ValueError(f"a sound of {len(values)} samples is too short: {LOOK_SAMPLES} are needed")
    loudness = level(last)
    mean = sum(values) / len(values)
    bins = _spectrum([(each - mean) * weight for each, weight in zip(values, _window(), strict=True)])
    powers = [each.real * each.real + each.imag * each.imag for each in bins[: LOOK_SAMPLES // 2]]
    whole = sum(powers[1:])
    if whole <= 1e-12:
        return Tone(0.0, 0.0, SILENCE_DB)
    top = max(range(2, len(powers) - 2), key=powers.__getitem__)
    share = sum(powers[top - 2 : top + 3]) / whole
    # The peak of a Hann window's main lobe, from the two magnitudes beside the highest one.
    left, middle, right = (math.log(powers[at] + 1e-20) for at in (top - 1, top, top + 1))
    shift = 0.5 * (left - right) / (left - 2 * middle + right) if left - 2 * middle + right else 0.0
    return Tone((top + shift) * rate / LOOK_SAMPLES, min(share, 1.0), loudness)


def made(frequency: float, seconds: float, rate: int, channels: int, volume: float = 0.5) -> bytes:
    """A sine, from 0 to full `volume` and back within 5 ms, so that nothing cracks."""
    count = int(seconds * rate)
    ramp = max(1, rate // 200)
    values = array("h", bytes(2 * count * channels))
    for at in range(count):
        edge = min(1.0, at / ramp, (count - 1 - at) / ramp)
        value = round(volume * edge * (_FULL - 1) * math.sin(2 * math.pi * frequency * at / rate))
        for channel in range(channels):
            values[at * channels + channel] = value
    if byteorder == "big":
        values.byteswap()
    return values.tobytes()


@cache
def _window() -> list[float]:
    """Hann's."""
    return [0.5 - 0.5 * math.cos(2 * math.pi * at / LOOK_SAMPLES) for at in range(LOOK_SAMPLES)]


@cache
def _turns(size: int) -> list[complex]:
    return [cmath.exp(-2j * math.pi * at / size) for at in range(size // 2)]


def _spectrum(values: list[float] | list[complex]) -> list[complex]:
    """Fourier's, of a power of two of values."""
    size = len(values)
    if size == 1:
        return [complex(values[0])]
    even, odd = _spectrum(values[0::2]), _spectrum(values[1::2])
    turned = [turn * each for turn, each in zip(_turns(size), odd, strict=True)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]
