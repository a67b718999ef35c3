"""Looking until a screen is as wanted: when it ends, what it skips, how long it looks away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest
from PIL import Image

from ATPLibrary.errors import InputError
from ATPLibrary.protocol.screen.picture import as_png
from ATPLibrary.protocol.screen.region import CARET, NO_MASKS, Masks, Region
from ATPLibrary.protocol.screen.via import Via
from ATPLibrary.protocol.screen.watching import LONGEST_PAUSE, SHORTEST_PAUSE, Watcher, pause_after

pytestmark = pytest.mark.unit


def png(colour: int, dot: tuple[int, int] | None = None) -> bytes:
    image = Image.new("RGB", (60, 60), (colour, colour, colour))
    if dot is not None:
        image.putpixel(dot, (255, 0, 0))
    return as_png(image)


def showing(pictures: Iterable[bytes]) -> Callable[[], Awaitable[bytes]]:
    """A screen that shows the pictures one after another, and the last for ever."""
    coming = iter(pictures)
    now = b""

    async def look() -> bytes:
        nonlocal now
        now = next(coming, now)
        return now

    return look


async def test_it_looks_until_the_judge_is_content() -> None:
    watcher = Watcher(showing([png(1), png(2), png(3)]), 5)
    async with asyncio.timeout(5):
        assert await watcher.until(lambda picture: "third" if picture == png(3) else None) == "third"


async def test_a_picture_that_is_the_same_is_not_judged_again() -> None:
    judged = []
    watcher = Watcher(showing([png(1), png(1), png(1), png(2)]), 5)

    def judge(picture: bytes) -> bool | None:
        judged.append(picture)
        return True if picture == png(2) else None

    async with asyncio.timeout(5):
        await watcher.until(judge)
    assert judged == [png(1), png(2)]


async def test_it_is_over_at_once_when_its_caller_s_time_is() -> None:
    watcher = Watcher(showing([png(1)]), 5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await watcher.until(lambda picture: None)
    assert watcher.last == png(1)


async def test_what_the_judge_raises_is_raised() -> None:
    def judge(picture: bytes) -> None:
        raise LookupError("as it must be")

    with pytest.raises(LookupError, match="as it must be"):
        await Watcher(showing([png(1)]), 5).until(judge)


async def test_a_change_is_seen_and_a_blinking_dot_is_none() -> None:
    watcher = Watcher(showing([png(1, (3, 3)), png(1), png(1, (3, 3)), png(2)]), 5)
    async with asyncio.timeout(5):
        assert await watcher.until_changed(png(1), NO_MASKS, CARET) == png(2)


async def test_a_masked_change_is_none() -> None:
    everything = Masks((Region(0, 0, 60, 60),))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await Watcher(showing([png(1), png(2)]), 5).until_changed(png(1), everything, CARET)


async def test_a_screen_is_still_when_it_has_not_changed_for_that_long() -> None:
    pictures = [png(1), png(2), png(3), png(4)]
    watcher = Watcher(showing(pictures), 5)
    async with asyncio.timeout(10):
        assert await watcher.until_still(0.2, NO_MASKS, CARET) == png(4)
    assert watcher.looks > len(pictures)


async def test_a_blinking_dot_is_no_unrest_but_a_moving_screen_is() -> None:
    blinking = [png(1), png(1, (3, 3))] * 100
    async with asyncio.timeout(10):
        await Watcher(showing(blinking), 5).until_still(0.2, NO_MASKS, CARET)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await Watcher(showing(png(each % 250) for each in range(10_000)), 5).until_still(0.3, NO_MASKS, CARET)


def test_the_pause_follows_what_a_look_costs() -> None:
    assert pause_after(0.0) == SHORTEST_PAUSE
    assert pause_after(0.1) == pytest.approx(0.3)
    assert pause_after(10.0) == LONGEST_PAUSE


async def test_a_screen_that_tells_of_draws_is_looked_at_when_it_was_drawn_on() -> None:
    pictures = [png(1), png(2), png(3)]
    draws: asyncio.Queue[None] = asyncio.Queue()
    waits: asyncio.Queue[float] = asyncio.Queue()

    async def drawn(longest: float) -> None:
        waits.put_nowait(longest)
        await draws.get()

    watcher = Watcher(showing(pictures), 5, drawn)
    async with asyncio.timeout(5):
        looking = asyncio.create_task(watcher.until(lambda picture: True if picture == png(3) else None))
        for looks in (1, 2):
            await waits.get()
            assert watcher.looks == looks  # and no more, until it is told
            draws.put_nowait(None)
        assert await looking


async def test_a_screen_on_which_nothing_is_drawn_is_still_after_two_looks() -> None:
    async def drawn(longest: float) -> None:
        await asyncio.sleep(longest)

    watcher = Watcher(showing([png(1)]), 5, drawn)
    async with asyncio.timeout(5):
        await watcher.until_still(0.2, NO_MASKS, CARET)
    assert watcher.looks == 2


@pytest.mark.parametrize(("text", "wanted"), [("qmp", "qmp"), ("SPICE", "spice:0"), (" spice:1 ", "spice:1")])
def test_through_what_a_screen_is_looked_at(text: str, wanted: str) -> None:
    assert str(Via.parse(text)) == wanted


@pytest.mark.parametrize("text", ["", "vnc", "qmp:1", "spice:", "spice:x", "spice:1000"])
def test_what_is_no_way_to_look_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="should be qmp, spice or the number of a display such as spice:1 but is"):
        Via.parse(text)
