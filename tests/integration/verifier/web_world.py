"""Debian's Chromium with the web verifier's page, against the real service: what Playwright does is real input to the browser."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from ATPLibrary.config import ServiceSettings
from ATPLibrary.events import EventBus
from ATPLibrary.verifier import AgentSession, Observation, ObserverOverrun
from ATPLibrary.verifier.observation import Seen
from ATPLibrary.verifier.service.key_codes import QCODE_OF_CODE
from ATPLibrary.verifier.service.service import VerificationService
from ATPLibrary.verifier.service.tokens import TokenBook, VmIdentity
from ATPLibrary.verifier.service.web import page_address, page_fragment
from ATPLibrary.verifier.stream import ObservationStream

PATIENCE = 20.0
SCREEN = (1600, 1000)
VM = VmIdentity.of("uuid-1", "win11")
CODE_OF_QCODE = {qcode: code for code, qcode in reversed(QCODE_OF_CODE.items())}


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    assert path is not None, "Debian's chromium is missing: scripts/setup installs it"
    async with async_playwright() as playwright:
        # The sandbox needs more than containers give; the only page that it opens is ours.
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


class WebWorld:
    """The service with one VM's token, and pages of it."""

    def __init__(self, browser: Browser) -> None:
        self.bus = EventBus()
        self.tokens = TokenBook()
        self.token = self.tokens.issue(VM)
        self.said: list[str] = []  # what the page's scripts wrote to the browser's console
        self.faults: list[str] = []  # what its scripts failed with
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._port = 0

    async def start(self) -> None:
        """Again on the same port, where it has run before."""
        settings = ServiceSettings(tcp_port=None, websocket_port=self._port)
        self.service = VerificationService(settings, self.tokens, self.bus)
        await self.service.start()
        self._port = int(self.service.addresses["websocket"].rpartition(":")[2])

    async def stop(self) -> None:
        await self.service.close()

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        await self.stop()

    @property
    def address(self) -> str:
        return page_address(self.service.addresses)

    async def page(self, fragment: str | None = None, init: str = "", **options: Any) -> Page:
        """The page in a browser without a memory, told VM and token by the address unless `fragment` says other.

        `init` is script that runs before the page's own.
        """
        size = {"width": 1000, "height": 700}
        screen = {"width": SCREEN[0], "height": SCREEN[1]}
        context = await self._browser.new_context(viewport=size, screen=screen, **options)  # type: ignore[arg-type]
        self._contexts.append(context)
        page = await context.new_page()
        await page.add_init_script(init)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        await page.goto(self.address + (page_fragment(VM.name, self.token) if fragment is None else fragment))
        return page

    def session(self) -> AgentSession:
        return AgentSession(lambda: self.service.channel(VM, PATIENCE), VM.name, self.bus)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looks again at each event."""
        with self.bus.subscribe(lambda event: True) as news:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    await anext(news)

    def _heard(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)


@contextlib.asynccontextmanager
async def watched(world: WebWorld) -> AsyncIterator[SimpleNamespace]:
    """The session with the page, and what it sees from now on."""
    session = world.session()
    await session.start(PATIENCE)
    try:
        await session.held_keys(PATIENCE)
        with session.observations.subscribe() as stream:
            yield SimpleNamespace(session=session, stream=stream)
    finally:
        await session.close()


async def all_of(session: AgentSession, stream: ObservationStream) -> Sequence[Seen]:
    """What the page has seen by now: it has told all of it when this question is answered."""
    await session.held_keys(PATIENCE)
    return stream.take()


def only_observations(seen: Sequence[Seen]) -> list[Observation]:
    assert not [each for each in seen if isinstance(each, ObserverOverrun)]
    return [each for each in seen if isinstance(each, Observation)]


async def happens(page: Page, is_so: str, event: str) -> None:
    """Wait until `is_so`, which `event` tells. Playwright's own way polls with `eval`, which the page's policy forbids."""
    await page.evaluate(
        f"""new Promise(done => {{
            const look = () => {is_so} && done();
            for (const each of [window, document]) each.addEventListener("{event}", look);
            look();
        }})"""
    )
