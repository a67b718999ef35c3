"""Whatever a server sends: the memory that it costs here is bounded by what it has sent, and by the size that an image says."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spice.made_up import every_kind, made_up

from ATPLibrary.protocol.spice.display import lz, lz4_images
from ATPLibrary.protocol.spice.display.pixels import BYTES, Unfit, Unhandled
from ATPLibrary.protocol.spice.errors import SpiceProtocolError
from ATPLibrary.protocol.spice.messages import kinds
from ATPLibrary.protocol.spice.schema import Message, Sender
from ATPLibrary.protocol.spice.wire import Wire
from ATPLibrary.transport.spice import SpiceChannelType as Type

pytestmark = pytest.mark.unit
# A part of a message is a Python object where it was two bytes on the wire. Beside that: what Python itself needs now and then.
TIMES, BESIDE = 300, 256 << 10
# An image's pixels, its planes and rows while it is unpacked.
IMAGE_TIMES = 8


@contextlib.contextmanager
def at_most(allowed: int) -> Iterator[None]:
    """The block takes no more memory than that, at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= allowed, f"{peak} bytes were taken where {allowed} are allowed"


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is made once, at the first use of each class, doesn't count."""
    for kind in every_kind():
        with contextlib.suppress(SpiceProtocolError):
            kind.decode(bytes(200))


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(every_kind()), body=st.binary(max_size=600))
def test_any_bytes_decoded_as_any_message(kind: type[Message], body: bytes) -> None:
    with at_most(TIMES * len(body) + BESIDE), contextlib.suppress(SpiceProtocolError):
        kind.decode(body)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_messages_whose_counts_sizes_and_pointers_are_made_huge(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(every_kind()))
    body = bytearray(data.draw(made_up(kind)).encode())
    for _ in range(data.draw(st.integers(1, 3)) if len(body) >= 4 else 0):
        at = data.draw(st.integers(0, len(body) - 4))
        struct.pack_into("<I", body, at, data.draw(st.sampled_from([0x7FFFFFFF, 0xFFFFFFFF, 0x00FFFFFF, 0x10000])))
    with at_most(TIMES * len(body) + BESIDE), contextlib.suppress(SpiceProtocolError):
        kind.decode(bytes(body))


@settings(max_examples=100, deadline=None)
@given(
    type=st.sampled_from(list(Type)), mini=st.booleans(), number=st.integers(0, 400), size=st.integers(0, 2**32 - 1),
    pieces=st.lists(st.binary(max_size=300), max_size=6),
)  # fmt: skip
def test_a_header_that_promises_anything_costs_what_has_come(
    type: Type, mini: bool, number: int, size: int, pieces: list[bytes]
) -> None:
    header = struct.pack("<HI", number, size) if mini else struct.pack("<QHII", 1, number, size, 0)
    wire = Wire(type, "a channel", mini)
    with at_most(TIMES * sum(map(len, [header, *pieces])) + BESIDE), contextlib.suppress(SpiceProtocolError):
        for piece in (header, *pieces):
            for _ in wire.receive(piece):
                pass
        wire.output()


def test_every_kind_of_message_has_a_limit() -> None:
    for type in Type:
        for sender in Sender:
            assert all(0 < kind.kind.limit <= 128 << 20 for kind in kinds(type, sender).values())


@settings(max_examples=100, deadline=None)
@given(
    packed=st.binary(max_size=2000), width=st.integers(1, 128), height=st.integers(1, 128),
    kind=st.sampled_from([5, 7, 8, 9]), begins_well=st.booleans(),
)  # fmt: skip
def test_any_bytes_unpacked_as_lz(packed: bytes, width: int, height: int, kind: int, begins_well: bool) -> None:
    header = struct.pack(">4s6I", b"  ZL", 0x10001, kind, width, height, width * BYTES, 1) if begins_well else b""
    allowed = IMAGE_TIMES * BYTES * width * height + 2 * len(packed) + BESIDE
    with at_most(allowed), contextlib.suppress(Unfit, Unhandled):
        lz.unpacked(header + packed, width, height, tuple(range(256)))


@settings(max_examples=100, deadline=None)
@given(
    blocks=st.lists(st.binary(max_size=300), max_size=8), width=st.integers(1, 128), height=st.integers(1, 128),
    format=st.integers(0, 12), lies=st.booleans(),
)  # fmt: skip
def test_any_bytes_unpacked_as_lz4(blocks: list[bytes], width: int, height: int, format: int, lies: bool) -> None:
    sizes = [0xFFFFFFFF if lies else len(block) for block in blocks]
    packed = b"".join(struct.pack(">I", size) + block for size, block in zip(sizes, blocks, strict=True))
    allowed = IMAGE_TIMES * BYTES * width * height + 4 * len(packed) + BESIDE
    with at_most(allowed), contextlib.suppress(Unfit, Unhandled):
        lz4_images.unpacked(bytes([1, format]) + packed, width, height)


@pytest.mark.parametrize("unpacked", [lz.unpacked, lz4_images.unpacked])
@pytest.mark.parametrize(("width", "height"), [(2**31 - 1, 2**31 - 1), (1, 2**32 - 1), (8193, 4096)])
def test_a_size_beyond_all_screens_is_refused_before_anything_is_made(
    unpacked: object, width: int, height: int
) -> None:
    assert callable(unpacked)
    with at_most(BESIDE), pytest.raises(Unfit, match="pixels"):
        unpacked(bytes(100), width, height)
