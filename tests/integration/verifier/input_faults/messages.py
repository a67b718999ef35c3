"""What goes wrong with the agent's messages on their way, and in the queue that they wait in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..fault_bench import WAYS, Bench, Outcome, bench
from .table import fault

MIB = 1024 * 1024


async def _edited(made: Bench, edit: Callable[[bytes], list[bytes]]) -> Outcome:
    made.proxy.edit = edit
    outcome = await made.type()
    made.proxy.edit = lambda message: [message]
    outcome.well = await made.is_well()
    return outcome


def _at_batch(number: int, change: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """Change what stands in that observation's place."""
    seen = 0

    def edit(message: bytes) -> list[bytes]:
        nonlocal seen
        if b'"observations"' not in message:
            return [message]
        seen += 1
        return change(message) if seen == number else [message]

    return edit


@fault("the agent's queue is full before the host reads it")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:

        def drops(message: bytes) -> list[bytes]:
            said = json.loads(message)
            if said["type"] != "observations" or drops.done:  # type: ignore[attr-defined]
                return [message]
            drops.done = True  # type: ignore[attr-defined]
            return [
                json.dumps({"type": "overrun", "seq": said["seq"], "device": None, "held": [], "dropped": 3}).encode()
            ]

        drops.done = False  # type: ignore[attr-defined]
        return await _edited(made, drops)


@fault("a message is missing: a gap in `seq`", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: []))


@fault("a message is cut short", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: [message[: len(message) // 2]]))


@fault("a message comes twice", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, lambda message: [message, message]))


@fault("two messages change places", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    held: list[bytes] = []

    def swap(message: bytes) -> list[bytes]:
        if b'"observations"' not in message:
            return [message]
        swap.seen += 1  # type: ignore[attr-defined]
        if swap.seen == 6:  # type: ignore[attr-defined]
            held.append(message)
            return []
        return [message, *(held.pop() for _ in held[:])]

    swap.seen = 0  # type: ignore[attr-defined]
    async with bench(directory, way) as made:
        return await _edited(made, swap)


@fault("a message has fields that make no sense", *WAYS)
async def _(directory: Path, way: str) -> Outcome:
    def spoil(message: bytes) -> list[bytes]:
        return [json.dumps({**json.loads(message), "events": [[1, "key", 30]]}).encode()]

    async with bench(directory, way) as made:
        return await _edited(made, _at_batch(6, spoil))


@fault("a message of 100 MB, on virtio-serial")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory) as made:
        return await _edited(made, _at_batch(6, lambda message: [b"x" * (100 * MIB), message]))


async def _ended_by(directory: Path, way: str, data: bytes) -> Outcome:
    """Those bytes come instead of the sixth observation, and the connection ends."""
    async with bench(directory, way) as made:

        def cut(message: bytes) -> list[bytes]:
            made.proxy.cut_after(data)
            return []

        return await _edited(made, _at_batch(6, cut))


@fault("the connection ends within a message, on TCP")
async def _(directory: Path, way: str) -> Outcome:
    return await _ended_by(directory, "tcp", b'\x00\x00\x01\x00{"type":"obs')


@fault("the connection ends within a message, on WebSocket")
async def _(directory: Path, way: str) -> Outcome:
    return await _ended_by(directory, "websocket", b'\x81\xfe\x01\x00\x00\x00\x00\x00{"type":"obs')


@fault("a message of 100 MB, on TCP")
async def _(directory: Path, way: str) -> Outcome:
    async with bench(directory, "tcp") as made:
        return await _edited(made, _at_batch(6, lambda message: [b"x" * (100 * MIB)]))


@fault("a message of 100 MB, on WebSocket")
async def _(directory: Path, way: str) -> Outcome:
    # As it travels, masked with zeros: made by the library it would keep this machine busy for seconds.
    frame = b"\x81\xff" + (100 * MIB).to_bytes(8, "big") + bytes(4) + b"x" * (100 * MIB)
    async with bench(directory, "websocket") as made:

        def send(message: bytes) -> list[bytes]:
            assert made.proxy.host is not None
            made.proxy.host.send_raw(frame)
            return []

        return await _edited(made, _at_batch(6, send))
