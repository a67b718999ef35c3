"""Packs pixels as QUIC, in plain Python: for made-up pictures. Real ones are packed by QEMU's server, in the e2e tests."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from ATPLibrary.protocol.spice.display.quic_kernel import _HALVED, _PAUSES, _RUN_BITS

Pixel = tuple[int, ...]  # red, green, blue, and alpha where the picture has it
_PAUSE_LENGTHS, _LIMITS, _RUNS = _PAUSES.tolist(), _HALVED.tolist(), _RUN_BITS.tolist()


def encoded(rows: Sequence[Sequence[Pixel]], *, bits: int = 8) -> bytes:
    """Rows from the top down; type RGB16 for 5 bits, RGBA for pixels of four colours, else RGB32."""
    has_alpha = len(rows[0][0]) == 4
    kind = 2 if bits == 5 else 5 if has_alpha else 4
    groups = [_Group((0, 1, 2), bits)] + ([_Group((3,), bits)] if has_alpha else [])
    written = []
    above: Sequence[Pixel] | None = None
    for row in rows:
        for group in groups:
            written.extend(group.row(row, above))
        above = row
    stream = "".join(written)
    stream += "0" * (-len(stream) % 32 + 32)
    words = (int(stream[at : at + 32], 2) for at in range(0, len(stream), 32))
    return struct.pack("<4s4I", b"QUIC", 0, kind, len(rows[0]), len(rows)) + b"".join(
        struct.pack("<I", each) for each in words
    )


class _Group:
    """Colours that are packed together, and what is learnt of each."""

    def __init__(self, colors: tuple[int, ...], bits: int) -> None:
        self.colors = colors
        self.bits = bits
        self.costs = {color: [[0] * bits for _ in range(bits)] for color in colors}
        self.best = {color: [bits - 1] * bits for color in colors}
        self.before = dict.fromkeys(colors, 0)  # what stands left of the row
        self.numbers: dict[int, list[int]] = {color: [] for color in colors}
        self.pause, self.seed, self.grown, self.left, self.run_state = 0, 255, 0, 2048, 0

    def row(self, row: Sequence[Pixel], above: Sequence[Pixel] | None) -> Iterator[str]:
        """The bits of one row."""
        same = [tuple(pixel[color] for color in self.colors) for pixel in row]
        over = [tuple(pixel[color] for color in self.colors) for pixel in above] if above is not None else []
        for color in self.colors:
            self.before[color] = self.numbers[color][0] if above is not None else 0
            self.numbers[color] = self.numbers[color] or [0] * len(row)
        x, ran = 0, -1
        while x < len(row):
            if above is not None and x > 2 and x != ran and over[x - 1] == over[x] and same[x - 1] == same[x - 2]:
                ran, length = x, 0
                most = min(len(row) - x, self.left if self.grown < 6 else len(row))
                while length < most and same[x + length] == same[x - 1]:
                    length += 1
                yield self._run(length)
                x += length
                self._passed(length)
                continue
            for color in self.colors:
                yield self._number(color, x, row, above)
            if self.pause:
                self.pause -= 1
            else:
                self.seed = (self.seed + 1) & 255
                self.pause = _PAUSE_LENGTHS[self.seed] & ((1 << self.grown) - 1)
                for color in self.colors:
                    self._learn(color, self._left_of(color, x), self.numbers[color][x])
            x += 1
            self._passed(1)

    def _passed(self, pixels: int) -> None:
        if self.grown < 6:
            self.left -= pixels
            if not self.left:
                self.grown, self.left = self.grown + 1, 2048

    def _left_of(self, color: int, x: int) -> int:
        return self.numbers[color][x - 1] if x else self.before[color]

    def _number(self, color: int, x: int, row: Sequence[Pixel], above: Sequence[Pixel] | None) -> str:
        left, up = row[x - 1][color] if x else None, above[x][color] if above is not None else None
        guess = (left or 0) if up is None else up if left is None else (left + up) // 2
        most = (1 << self.bits) - 1
        off = (row[x][color] - guess) & most
        number = off * 2 if off <= most // 2 else (most - off) * 2 + 1
        before = self._left_of(color, x)
        self.numbers[color][x] = number
        return self._coded(number, self.best[color][self._bucket(before)])

    def _bucket(self, number: int) -> int:
        return min((number + 1).bit_length() - 1, self.bits - 1)

    def _coded(self, number: int, code: int) -> str:
        zeros = min(26 - self.bits, (1 << (self.bits - code)) - 1)
        first = zeros << code
        if number < first:
            return "0" * (number >> code) + "1" + (f"{number & ((1 << code) - 1):0{code}b}" if code else "")
        size = ((1 << self.bits) - first - 1).bit_length()
        return "0" * zeros + (f"{number - first:0{size}b}" if size else "")

    def _learn(self, color: int, before: int, number: int) -> None:
        bucket = self._bucket(before)
        costs = self.costs[color][bucket]
        for code in range(self.bits):
            costs[code] += len(self._coded(number, code))
        least = min(costs)
        self.best[color][bucket] = max(code for code in range(self.bits) if costs[code] == least)
        if least > _LIMITS[self.grown]:
            costs[:] = [cost >> 1 for cost in costs]

    def _run(self, length: int) -> str:
        hits = ""
        while length >= 1 << _RUNS[self.run_state]:
            hits += "1"
            length -= 1 << _RUNS[self.run_state]
            self.run_state = min(self.run_state + 1, 31)
        size = _RUNS[self.run_state]
        rest = f"{length:0{size}b}" if size else ""
        self.run_state = max(self.run_state - 1, 0)
        return f"{hits}0{rest}"
