"""Raster operations: how what is drawn and what is there become one, bit by bit.

A row of pixels is one whole number here, of 32 bits a pixel, so that an operation takes a row at once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from ATPLibrary.protocol.spice.enums import Rop

Operation = Callable[[int, int, int], int]
"""What is drawn, what is there, and a row of ones as long as both: what is there from then on."""

_OF_TWO: tuple[tuple[Rop, Callable[[int, int], int]], ...] = (
    (Rop.OP_PUT, lambda drawn, there: drawn),  # by itself it is `put`
    (Rop.OP_OR, operator.or_),
    (Rop.OP_AND, operator.and_),
    (Rop.OP_XOR, operator.xor),
)
_OF_ONE: tuple[tuple[Rop, Operation], ...] = (
    (Rop.OP_BLACKNESS, lambda drawn, there, ones: 0),
    (Rop.OP_WHITENESS, lambda drawn, there, ones: ones),
    (Rop.OP_INVERS, lambda drawn, there, ones: there ^ ones),
)
_COLOR = b"\xff\xff\xff\0"


def put(drawn: int, there: int, ones: int) -> int:
    return drawn


def operation(descriptor: int, drawn: Rop, there: Rop = Rop.INVERS_DEST) -> Operation:
    """What a raster operation of two means. `drawn` and `there` are the flags by which it turns each of them round.

    The first operation of the descriptor counts; one without any puts.
    """
    for flag, combine in _OF_TWO:
        if descriptor & flag:
            return _turned(combine, *(bool(descriptor & each) for each in (drawn, there, Rop.INVERS_RES)))
    return next((one for flag, one in _OF_ONE if descriptor & flag), put)


def _turned(combine: Callable[[int, int], int], drawn_too: bool, there_too: bool, result_too: bool) -> Operation:
    """With its inputs and its result the other way round."""
    if combine is _OF_TWO[0][1] and drawn_too == result_too:
        return put

    def turned(drawn: int, there: int, ones: int) -> int:
        result = combine(drawn ^ ones if drawn_too else drawn, there ^ ones if there_too else there)
        return result ^ ones if result_too else result

    return turned


def operation_of_three(rop3: int, brush: int, drawn: int, there: int, ones: int) -> int:
    """Bit n of `rop3` is the result where the bits of brush, drawn and there make the number n: the brush's is its highest."""
    result = 0
    for number in range(8):
        if rop3 >> number & 1:
            term = brush if number & 4 else brush ^ ones
            term &= drawn if number & 2 else drawn ^ ones
            result |= term & (there if number & 1 else there ^ ones)
    return result


def but_for(color: int) -> Operation:
    """Puts all pixels that don't have that colour (0xRRGGBB)."""
    key = color.to_bytes(4, "little")

    def but(drawn: int, there: int, ones: int) -> int:
        pixels = ones.bit_length() // 32
        every = int.from_bytes(_COLOR * pixels, "little")
        differs = (drawn ^ int.from_bytes(key * pixels, "little")) & every
        # The sum of a pixel's 24 bits and of 24 ones has bit 24 when any of them is set.
        marks = ((differs + every) >> 24) & int.from_bytes(b"\1\0\0\0" * pixels, "little")
        return there ^ ((there ^ drawn) & ((marks << 32) - marks))

    return but
