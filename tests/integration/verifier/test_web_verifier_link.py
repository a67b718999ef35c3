"""The web verifier's connection in a real browser: its token, its focus, its losses, and pages of others."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from ATPLibrary.errors import InputError
from ATPLibrary.verifier import ObserverOverrun, SessionState
from ATPLibrary.verifier.others_keys import refuse_others_keys
from ATPLibrary.verifier.service.web import page_fragment

from .web_world import PATIENCE, VM, WebWorld, all_of, happens, only_observations, watched

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_of_two_tabs_the_one_that_was_told_last_reports(web: WebWorld) -> None:
    first = await web.page()
    await web.until(lambda: len(web.service.agents) == 1)
    generation = web.service.agents[0].generation
    second = await first.context.new_page()
    await second.goto(web.address + page_fragment(VM.name, web.token))
    await web.until(lambda: [agent.generation for agent in web.service.agents] == [generation + 1])
    await expect(first.locator("#status")).to_have_attribute("data-state", "idle")
    await expect(first.locator("#log")).to_contain_text("another tab of this browser reports for this VM now")


async def test_a_page_that_lost_the_focus_says_what_it_does_not_know(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        cdp = await page.context.new_cdp_session(page)
        await cdp.send(
            "Emulation.setFocusEmulationEnabled", {"enabled": False}
        )  # else every page thinks that it has the focus
        await page.keyboard.down("ControlLeft")
        assert await seen.session.held_keys(PATIENCE) == {(1, 29)}
        other = await page.context.new_page()
        await other.bring_to_front()
        await happens(page, "!document.hasFocus()", "blur")
        assert await seen.session.held_keys(PATIENCE) == frozenset()
        items = await all_of(seen.session, seen.stream)
        reasons = [each.reason for each in items if isinstance(each, ObserverOverrun)]
        assert re.search(r"has no focus.*count as let go: ControlLeft", reasons[0])
        assert not [
            each
            for each in only_observations([each for each in items if not isinstance(each, ObserverOverrun)])
            if each.value == 0
        ]
        # Blind is what it stays: whoever watches now is told so too.
        seen.stream.take()
        assert any(isinstance(each, ObserverOverrun) for each in await all_of(seen.session, seen.stream))
        # And no input begins, which would first know what is down.
        with pytest.raises(
            InputError,
            match=r"it is not known: the web verifier's page has no focus.* Click into the web verifier's page",
        ):
            await refuse_others_keys(seen.session, seen.stream, "text", ours=(), timeout=PATIENCE)
        await page.bring_to_front()
        await happens(page, "document.hasFocus()", "focus")
        await all_of(seen.session, seen.stream)
        await page.keyboard.press("KeyB")
        assert [each.code for each in only_observations(await all_of(seen.session, seen.stream))] == [48, 48]


async def test_after_a_restart_of_the_service_the_page_comes_again(web: WebWorld) -> None:
    page = await web.page()
    session = web.session()
    await session.start(PATIENCE)
    try:
        await web.stop()
        await expect(page.locator("#status")).to_have_attribute("data-state", re.compile("lost|connecting"))
        await page.keyboard.press("KeyX")  # nobody is told
        await web.start()
        await session.close()
        await session.start(PATIENCE)
        with session.observations.subscribe() as stream:
            await page.keyboard.press("KeyA")
            codes = [each.code for each in only_observations(await all_of(session, stream))]
        assert codes == [30, 30]
        await expect(page.locator("#status")).to_have_attribute("data-state", "watched")
    finally:
        await session.close()


async def test_a_page_that_is_loaded_anew_is_another_one_and_needs_no_token_again(web: WebWorld) -> None:
    page = await web.page()
    session = web.session()
    await session.start(PATIENCE)
    try:
        before = session.life.number
        await page.reload()
        await web.until(lambda: session.life.number > before)
        await session.wait_ready(PATIENCE)
        assert session.life.number == before + 1
        assert session.life.why == "was restarted"
        assert (await session.ping(PATIENCE)).error_us < 5e6
    finally:
        await session.close()


async def test_a_wrong_token_is_refused_and_another_one_can_be_typed(web: WebWorld) -> None:
    page = await web.page("#vm=win11&token=wrong")
    await web.until(lambda: web.service.refusals > 0)
    await expect(page.locator("#status")).to_have_attribute("data-state", "refused")
    assert web.service.agents == []
    assert "wrong" not in page.url
    await page.fill("#who-token", web.token.reveal())
    await page.press("#who-token", "Enter")
    await web.until(lambda: [agent.vm for agent in web.service.agents] == [VM])
    await expect(page.locator("#status")).to_have_attribute("data-state", "admitted")
    async with watched(web) as seen:
        assert only_observations(await all_of(seen.session, seen.stream)) == [], (
            "what is typed into the form is nobody's business"
        )
        await page.keyboard.press("KeyA")
        assert len(only_observations(await all_of(seen.session, seen.stream))) == 2


async def test_the_token_is_in_no_address_no_request_and_no_event(web: WebWorld) -> None:
    page = await web.page("")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + str(request.headers)))
    page.on("websocket", lambda socket: asked.append(socket.url))
    await page.goto("about:blank")
    await page.goto(f"{web.address}#vm={VM.name}&token={web.token.reveal()}")
    await web.until(lambda: len(web.service.agents) == 1)
    assert page.url == web.address
    assert any("/agent" in each for each in asked)
    shown = await page.content() + str([await field.input_value() for field in await page.locator("input").all()])
    told = [str(event) for event in web.bus.recent(limit=200)]
    assert web.token.reveal() not in "".join([*asked, *told, *web.said, shown])


async def test_a_stranger_s_page_is_turned_away(web: WebWorld, browser: Browser) -> None:
    context = await browser.new_context()
    try:
        page = await context.new_page()
        opened = await page.evaluate(
            """address => new Promise(done => {
                const socket = new WebSocket(address);
                socket.onmessage = event => done(event.data);
                socket.onerror = () => done(null);
            })""",
            web.service.addresses["websocket"],
        )
        assert opened is None
    finally:
        await context.close()
    (told,) = [event for event in web.bus.recent(limit=50) if event.kind == "service.refused"]
    assert "A page of another server (null)" in told.data["why"]
    assert web.service.refusals == 1


async def test_what_doesn_t_fit_is_dropped_counted_and_told(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        # The browser's own account of what waits to be sent says that all is full, as when nobody reads.
        await page.evaluate(
            "Object.defineProperty(WebSocket.prototype, 'bufferedAmount', {get: () => window.full ?? 0, configurable: true})"
        )
        await page.evaluate("window.full = 2 ** 24")
        await page.keyboard.press("KeyA")
        await page.evaluate("window.full = 0")
        reasons: list[str] = []
        while not reasons:
            batch = await seen.stream.next_batch(PATIENCE)
            assert batch, "nothing was told"
            assert all(isinstance(each, ObserverOverrun) for each in batch)
            reasons += [each.reason for each in batch if isinstance(each, ObserverOverrun)]
        assert reasons == ["the agent's outgoing queue was full, 2 batches dropped"]
        await page.keyboard.press("KeyB")
        assert [each.code for each in only_observations(await all_of(seen.session, seen.stream))] == [48, 48]
        assert seen.session.state is SessionState.READY
