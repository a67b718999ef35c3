"""What an input was made of goes with it: Python's collector comes seldom, and a thousand VMs would keep a ring each until then."""

from __future__ import annotations

import gc

import pytest

from ATPLibrary.verifier import TypingEngine
from ATPLibrary.verifier.closed_loop import ClosedLoop

pytestmark = pytest.mark.integration


async def test_an_input_that_went_well_leaves_nothing_to_the_garbage_collector(engine: TypingEngine) -> None:
    (await engine.type_text("warm")).raise_if_bad(must_be_verified=True)
    gc.collect()
    gc.disable()
    try:
        (await engine.type_text("hello")).raise_if_bad(must_be_verified=True)
        assert not [each for each in gc.get_objects() if isinstance(each, ClosedLoop)]
    finally:
        gc.enable()
