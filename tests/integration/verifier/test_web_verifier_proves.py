"""Typing and pointing that are proved by the web verifier's page alone, for a guest that has a browser and no agent.

Between QMP's real commands and the real browser stands a guest that passes each event on to the browser, in order, as it comes.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Page

from ATPLibrary.errors import VerificationError
from ATPLibrary.protocol.qmp import Command, Qmp
from ATPLibrary.verifier import AgentSession, Pointer, TypingEngine, Verdict

from .web_world import CODE_OF_QCODE, PATIENCE, SCREEN, WebWorld

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TEXT = 'The quick brown fox: 42 x "jumps" ~ over_the (lazy) dog?!\n'
QMP_MAXIMUM = 0x7FFF


class BrowserQmp(Qmp):
    """A VM whose guest shows the page: what QEMU takes the browser gets."""

    kind: Literal["direct", "libvirt"] = "direct"

    def __init__(self, world: WebWorld, page: Page) -> None:
        domain: Any = SimpleNamespace(name="win11", uuid="", host=SimpleNamespace(name="here", bus=world.bus))
        super().__init__(domain)
        self.lost: set[int] = set()  # numbers of events that never reach the browser
        self._page = page
        self._queue: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._at = [0, 0]

    async def execute(self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = 1.0) -> Any:
        if command == "query-status":
            return {"status": "running"}
        if command == "query-mice":
            return []
        assert command == "input-send-event"
        assert arguments is not None
        for event in arguments["events"]:
            self._queue.put_nowait(event)
        return {}

    async def execute_many(self, commands: Sequence[Command], timeout: float = 1.0) -> list[Any]:
        return [await self.execute(command, arguments) for command, arguments in commands]

    async def open(self) -> None:
        """Find out where the page is on the screen, then pass on what comes."""
        await self._page.evaluate(
            "addEventListener('pointermove', at => { window.offset = [at.screenX - at.clientX, at.screenY - at.clientY]; })"
        )
        await self._page.mouse.move(3, 3)
        self._offset = await self._page.evaluate("window.offset")
        self._guest = asyncio.create_task(self._pass_on())

    async def _pass_on(self) -> None:
        for number in itertools.count():
            event = await self._queue.get()
            if number not in self.lost:
                await self._do(event["type"], event["data"])

    async def _do(self, kind: str, data: Mapping[str, Any]) -> None:
        keyboard, mouse = self._page.keyboard, self._page.mouse
        if kind == "key":
            code = CODE_OF_QCODE[data["key"]["data"]]
            await (keyboard.down(code) if data["down"] else keyboard.up(code))
        elif kind == "abs":
            axis = "xy".index(data["axis"])
            self._at[axis] = round(data["value"] * (SCREEN[axis] - 1) / QMP_MAXIMUM)
            if axis == 1:  # a report's end
                await mouse.move(self._at[0] - self._offset[0], self._at[1] - self._offset[1])
        elif data["button"].startswith("wheel"):
            if data["down"]:
                await mouse.wheel(0, {"wheel-up": -100, "wheel-down": 100}[data["button"]])
        else:
            await (mouse.down(button=data["button"]) if data["down"] else mouse.up(button=data["button"]))

    async def screenshot(self, timeout: float = 1.0) -> bytes:
        raise NotImplementedError

    async def close(self) -> None:
        self._guest.cancel()
        await asyncio.wait((self._guest,))


@pytest_asyncio.fixture(loop_scope="module")
async def vm(web: WebWorld) -> AsyncIterator[tuple[BrowserQmp, AgentSession]]:
    qmp = BrowserQmp(web, await web.page())
    await qmp.open()
    session = web.session()
    await session.start(PATIENCE)
    yield qmp, session
    await session.close()
    await qmp.close()


async def test_text_is_typed_and_proved_whatever_keyboard_the_vm_has(vm: tuple[BrowserQmp, AgentSession]) -> None:
    qmp, session = vm
    report = await TypingEngine(qmp, session, ["usb"]).type_text(TEXT, PATIENCE)
    report.raise_if_bad(must_be_verified=True)
    assert report.verdicts == {Verdict.OK: report.edges}
    assert report.characters == len(TEXT)
    assert report.device == "browser"


async def test_a_key_that_the_browser_never_got_is_lost_by_its_place(vm: tuple[BrowserQmp, AgentSession]) -> None:
    qmp, session = vm
    qmp.lost = {4, 5}  # "c" of "abcd"
    report = await TypingEngine(qmp, session, ["ps2"]).type_text("abcd", PATIENCE)
    assert report.lost == 2
    with pytest.raises(VerificationError, match="key down c at position 3: lost"):
        report.raise_if_bad()


async def test_the_pointer_goes_clicks_drags_and_scrolls_and_each_is_proved(
    vm: tuple[BrowserQmp, AgentSession],
) -> None:
    qmp, session = vm
    pointer = Pointer(qmp, session)
    for report in (
        await pointer.move(0.25, 0.5),
        await pointer.move(0.25, 0.5),
        await pointer.click(),
        await pointer.drag(0.5, 0.6, start=(0.2, 0.3)),
        await pointer.scroll(-2),
    ):
        assert report.verified, report.sentence()
        assert not report.bad
