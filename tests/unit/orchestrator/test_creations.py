"""What was made is removed last first, in a bounded time, and one that can't be removed stops none of the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ATPLibrary.errors import PlatformError
from ATPLibrary.orchestrator import creations
from ATPLibrary.orchestrator.creations import RUN, ClosingLevel, Creation, Creations

pytestmark = pytest.mark.unit


class Client:
    """A platform that answers, or is `silent`."""

    def __init__(self, name: str = "lab", silent: bool = False) -> None:
        self.name = name
        self.silent = silent
        self.asked = 0

    async def ping(self, timeout: float) -> None:
        self.asked += 1
        if self.silent:
            async with asyncio.timeout(timeout):
                await asyncio.Event().wait()


class House:
    """Things that are made, and the order in which they went."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.hanging = asyncio.Event()
        self.book = Creations(self._session)

    @contextlib.asynccontextmanager
    async def _session(self, client: Any, timeout: float) -> AsyncIterator[Any]:
        yield client

    def make(
        self,
        name: str,
        *,
        client: Any = None,
        level: ClosingLevel = ClosingLevel.TEST,
        scope: str = "Suite.Test",
        error: Exception | None = None,
        hangs: bool = False,
    ) -> Creation:
        async def remove(client: Any, seconds: float) -> None:
            if hangs:
                self.hanging.set()
                await asyncio.Event().wait()
            if error is not None:
                raise error
            self.gone.append(name)

        creation = Creation("desk pool", name, f"id-{name}", client or Client(), level, scope, remove)
        self.book.remember(creation)
        return creation

    async def close(self, scope: str, timeout: float = 5.0, each: float = 5.0) -> str:
        return (await self.book.remove(self.book.of_scope(scope), timeout, each)).line("at the end of the test")


@pytest.fixture
def house() -> House:
    return House()


async def test_what_was_made_last_goes_first_and_one_line_tells_it(house: House) -> None:
    house.make("a")
    house.make("b")
    house.make("other", scope="Suite.Other")
    assert await house.close("Suite.Test") == "Removed at the end of the test: desk pool 'b', desk pool 'a'"
    assert house.gone == ["b", "a"]
    assert [each.name for each in house.book.all] == ["other"]


@pytest.mark.parametrize("error", [PlatformError("the platform refused:\n在用"), AttributeError("a bug of ours")])
async def test_one_that_fails_is_named_and_stops_none_of_the_others(house: House, error: Exception) -> None:
    house.make("first")
    house.make("stuck", error=error)
    house.make("last")
    reason = " ".join(str(error).split())
    assert await house.close("Suite.Test") == (
        f"Removed at the end of the test: desk pool 'last', desk pool 'first'; could not remove desk pool 'stuck': {reason}"
    )


async def test_what_could_not_be_removed_is_tried_again_at_the_end_of_the_run(house: House) -> None:
    house.make("stuck", error=PlatformError("no"))
    await house.close("Suite.Test")
    assert house.book.of_scope("Suite.Test") == []
    assert [each.name for each in house.book.of_scope(RUN)] == ["stuck"]


async def test_one_that_hangs_leaves_the_others_their_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creations, "RESERVED_SECONDS", 0.2)
    house.make("first")
    house.make("hangs", hangs=True)
    line = await house.close("Suite.Test", timeout=0.4)
    assert house.gone == ["first"]
    assert "could not remove desk pool 'hangs': Removing desk pool 'hangs' should be done within 0.2 s" in line


async def test_a_silent_platform_costs_its_things_a_moment_each_and_other_platforms_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creations, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(creations, "SILENT_SECONDS", 0.01)
    gone = Client("gone", silent=True)
    for name in "abc":
        house.make(name, client=gone)
    house.make("d", client=Client("lab"))
    line = await house.close("Suite.Test", timeout=100, each=100)
    assert house.gone == ["d"]
    assert gone.asked == 3
    assert [line.count(f"could not remove desk pool '{name}'") for name in "abc"] == [1, 1, 1]
    gone.silent = False
    await house.close(RUN)
    assert house.gone == ["d", "c", "b", "a"]


async def test_what_is_kept_never_goes_and_what_is_manual_goes_with_the_run(house: House) -> None:
    house.make("kept", level=ClosingLevel.KEEP, scope=RUN)
    house.make("manual", level=ClosingLevel.MANUAL, scope=RUN)
    house.make("suite's", level=ClosingLevel.SUITE, scope="Suite")
    await house.close("Suite.Test")
    assert house.gone == []
    await house.close("Suite")
    assert house.gone == ["suite's"]
    await house.close(RUN)
    assert house.gone == ["suite's", "manual"]
    assert [each.name for each in house.book.kept] == ["kept"]


async def test_a_removal_that_is_cancelled_remembers_the_rest(house: House) -> None:
    house.make("first")
    house.make("hangs", hangs=True)
    task = asyncio.create_task(house.close("Suite.Test", timeout=100, each=100))
    await asyncio.wait_for(house.hanging.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [each.name for each in house.book.all] == ["first", "hangs"]


async def test_what_a_keyword_has_deleted_is_forgotten_on_its_own_platform_only(house: House) -> None:
    house.make("a", client=Client("lab"))
    house.make("a", client=Client("other"))
    house.book.forget("lab", "desk pool", "id-a")
    assert [each.client.name for each in house.book.all] == ["other"]


async def test_a_line_names_the_first_of_many(house: House) -> None:
    for number in range(25):
        house.make(str(number))
    line = await house.close("Suite.Test")
    assert line.count("desk pool") == creations.NAMED_IN_A_LINE
    assert line.endswith("and 5 more")
