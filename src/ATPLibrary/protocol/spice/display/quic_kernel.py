"""QUIC's bits to pixels, as machine code: needs numba, and numpy with it.

Source: the format as spice-common reads it, which is Starosolski's SFALIC with runs. How far a guess was wrong is a number whose
low values are likelier: even ones are above the guess, odd ones below. It is written in one of as many Golomb-Rice codes as a
colour has bits; which one is best is learnt for each of a colour's buckets, chosen by the number before it in the row. Not each
pixel is learnt from: pauses come from a table, and grow. Where the row above repeats and so did the last two pixels, a run's length
comes first (melcode).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy

F = TypeVar("F", bound=Callable[..., Any])

_ENDED, _LIE = -1, -2
_LONGEST_CODE = 26
_PAUSES_GROW = 6  # times, each after
_AFTER = 2048  # pixels
# By how many times the pauses have grown: from how many bits on that a bucket's best code has cost its counts are halved.
_HALVED = numpy.array([110, 550, 900, 800, 550, 400, 350], numpy.int64)
# Bits of a run's rest, by how long the runs before were.
_RUN_BITS = numpy.array(
    [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4, 4, 5, 5, 6, 6, 7, 7] + list(range(8, 16)), numpy.int64
)
# The pauses, of which the lower bits are taken: each byte once.
_PAUSES = numpy.frombuffer(
    bytes.fromhex(
        "421753550752288e8ce0afac6486924b4413ea1d507fb933d003054e0f9e9489a46d43f9bd00084529ce6b5babbb1fe3277c2aa64d367ec1"
        "1ac30b3d74a2c7f0043b160c9688b2848a462cc88beedf737511012b6e3ce4760a9b676c56e957c2ec4068b5a8b090eb605ce14c540278be"
        "77fa12140d37269d79d331216fbffb8023fd93192e66fcc463419ae89cca850ed9d270f1d47b3ee2ae87a134227ac95d48f7febca524e572"
        "c6834a1c30985a7d391ecbb6820632ef4791a33520ccd7d1c51571b7b32db41be799a7ffd6d8aaf438e669a9b8a0cd58daf3dbf83a65186a"
        "8fdc515e5fcf109759f6616281dd9ff2f595b14f2f49c0ba25adde8d09ed3fd5"
    ),
    numpy.uint8,
).astype(numpy.int64)  # fmt: skip


class Ended(Exception):
    """The bits end before the pixels do."""


class Lie(Exception):
    """Bits that no server writes."""


def unpack(data: bytes, at: int, out: bytearray, width: int, height: int, *, bits: int, has_alpha: bool) -> None:
    """Fill `out`, four bytes a pixel of `bits` bits each (blue, green, red, alpha), from byte `at` of `data` on. `Ended`, `Lie`."""
    words = numpy.frombuffer(data[: len(data) // 4 * 4], "<u4").astype(numpy.int64)
    # The bits are looked at 32 at once: behind the end they are zero.
    padded = numpy.concatenate([words, numpy.zeros(3, numpy.int64)])
    pixels = numpy.frombuffer(out, numpy.uint8)
    status = _unpack(
        padded, at * 8, len(words) * 32, pixels, width, height, bits, 2 if has_alpha else 1, _codes(bits),
        _buckets(bits), _PAUSES, _HALVED, _RUN_BITS,
    )  # fmt: skip
    if status == _ENDED:
        raise Ended
    if status == _LIE:
        raise Lie


def _codes(bits: int) -> Any:
    """Of each Golomb-Rice code: with how many zeros at most it begins (more are an escape), the first number that takes the escape,
    and how many bits follow that."""
    rows = []
    for code in range(bits):
        zeros = min(_LONGEST_CODE - bits, (1 << (bits - code)) - 1)
        first = zeros << code
        rows.append((zeros, first, ((1 << bits) - first - 1).bit_length()))
    return numpy.array(rows, numpy.int64)


def _compiled(func: F) -> F:
    """Machine code of that function, kept on disk where there is a place for it."""
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(func))
    except RuntimeError:  # no folder that can be written to
        return cast(F, numba.njit(nogil=True)(func))


@_compiled
def _peek(words: Any, at: int) -> int:
    """32 bits from bit `at` on."""
    word, gone = at >> 5, at & 31
    return int(((words[word] << 32 | words[word + 1]) >> (32 - gone)) & 0xFFFFFFFF)


def _buckets(bits: int) -> Any:
    """Of each number: 1, 2, 4, 8 ... of them share a bucket; what is left shares the last."""
    return numpy.array([min((number + 1).bit_length() - 1, bits - 1) for number in range(1 << bits)], numpy.int64)


@_compiled
def _learn(costs: Any, best: Any, codes: Any, bucket: int, number: int, bits: int, halved: int) -> None:  # noqa: PLR0917 - numba's
    """Add what the number would have cost in each code; the cheapest so far becomes the bucket's."""
    cheapest, least = 0, -1
    for code in range(bits - 1, -1, -1):
        if number < codes[code, 1]:
            costs[bucket, code] += (number >> code) + code + 1
        else:
            costs[bucket, code] += codes[code, 0] + codes[code, 2]
        if least < 0 or costs[bucket, code] < least:
            cheapest, least = code, costs[bucket, code]
    best[bucket] = cheapest
    if least > halved:
        for code in range(bits):
            costs[bucket, code] >>= 1


@_compiled
def _unpack(  # noqa: PLR0917 - numba's
    words: Any, at: int, end: int, out: Any, width: int, height: int, bits: int, groups: int, codes: Any,
    buckets: Any, pauses: Any, halved: Any, run_bits: Any,
) -> int:  # fmt: skip
    """0, or what is wrong. Two groups of colours have a row in turn: red, green, blue; alpha."""
    most = (1 << bits) - 1
    costs = numpy.zeros((4, bits, bits), numpy.int64)
    best = numpy.full((4, bits), bits - 1, numpy.int64)
    numbers = numpy.zeros((4, width + 1), numpy.int64)  # of the row; runs leave those of the row before
    states = numpy.zeros((2, 5), numpy.int64)
    for group in range(2):
        states[group, 1], states[group, 3] = 255, _AFTER
    for y in range(height):
        for group in range(groups):
            first, behind = (0, 3) if group == 0 else (3, 4)
            pause, seed, grown = states[group, 0], states[group, 1], states[group, 2]
            left, run_state = states[group, 3], states[group, 4]
            for color in range(first, behind):
                numbers[color, 0] = numbers[color, 1] if y > 0 else 0
            row = y * width * 4
            x, run_began = 0, -1
            while x < width:
                here = row + x * 4
                is_run = y > 0 and x > 2 and x != run_began
                if is_run:
                    for color in range(first, behind):
                        to = here + (2 - color if color < 3 else 3)
                        over = to - width * 4
                        is_run = is_run and out[over - 4] == out[over] and out[to - 4] == out[to - 8]
                if is_run:
                    run_began, run = x, 0
                    while _peek(words, at) >> 31:
                        at += 1
                        run += 1 << run_bits[run_state]
                        run_state = min(run_state + 1, 31)
                        if run > width:
                            return _LIE
                    at += 1
                    rest = run_bits[run_state]
                    if rest > 0:
                        run += _peek(words, at) >> (32 - rest)
                        at += rest
                    run_state = max(run_state - 1, 0)
                    if at > end:
                        return _ENDED
                    if run > width - x or (grown < _PAUSES_GROW and run > left):
                        return _LIE
                    for pixel in range(here, here + run * 4, 4):
                        for color in range(first, behind):
                            to = pixel + (2 - color if color < 3 else 3)
                            out[to] = out[to - 4]
                    x += run
                    if grown < _PAUSES_GROW:
                        left -= run
                        if left == 0:
                            grown, left = grown + 1, _AFTER
                    continue
                for color in range(first, behind):
                    code = best[color, buckets[numbers[color, x]]]
                    window = _peek(words, at)
                    zeros = 0
                    while zeros < codes[code, 0] and not window >> (31 - zeros) & 1:
                        zeros += 1
                    if zeros < codes[code, 0]:
                        size = zeros + 1 + code
                        number = zeros << code | (window >> (32 - size) & ((1 << code) - 1))
                    else:
                        size = zeros + codes[code, 2]
                        number = codes[code, 1] + (window >> (32 - size) & ((1 << codes[code, 2]) - 1))
                    at += size
                    if at > end:
                        return _ENDED
                    if number > most:
                        return _LIE
                    numbers[color, x + 1] = number
                    to = here + (2 - color if color < 3 else 3)
                    if y == 0:
                        guess = numpy.int64(out[to - 4]) if x > 0 else numpy.int64(0)
                    elif x == 0:
                        guess = numpy.int64(out[to - width * 4])
                    else:
                        guess = (numpy.int64(out[to - 4]) + numpy.int64(out[to - width * 4])) >> 1
                    off = -(number >> 1) - 1 if number & 1 else number >> 1
                    out[to] = (guess + off) & most
                if pause > 0:
                    pause -= 1
                else:
                    seed = (seed + 1) & 255
                    pause = pauses[seed] & ((1 << grown) - 1)
                    for color in range(first, behind):
                        bucket = buckets[numbers[color, x]]
                        _learn(costs[color], best[color], codes, bucket, numbers[color, x + 1], bits, halved[grown])
                x += 1
                if grown < _PAUSES_GROW:
                    left -= 1
                    if left == 0:
                        grown, left = grown + 1, _AFTER
            states[group, 0], states[group, 1], states[group, 2] = pause, seed, grown
            states[group, 3], states[group, 4] = left, run_state
    return 0
