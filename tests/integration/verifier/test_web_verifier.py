"""The web verifier in a real browser: real keys, mouse, wheel and touch, through the service, to the session and the matcher."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from ATPLibrary.verifier import Matcher, ObserverOverrun, SessionState, Verdict
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import EV_ABS, EV_KEY, EV_REL, REL_HWHEEL, REL_WHEEL
from ATPLibrary.verifier.service.key_codes import EVDEV_OF_CODE, KEY_UNKNOWN, QCODE_OF_CODE
from ATPLibrary.verifier.service.web import page_fragment
from ATPLibrary.verifier.watching import InputWatch, drag_path, strays, text_of

from .web_world import CODE_OF_QCODE, PATIENCE, SCREEN, VM, WebWorld, all_of, chromium, only_observations, watched

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TEXT = "Hello, World! ~`@#$%^&*()_+-=[]{}\\|;:'\",.<>/? 0123456789\n\tthe quick brown fox"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def world(browser: Browser) -> AsyncIterator[WebWorld]:
    made = WebWorld(browser)
    await made.start()
    yield made
    await made.close()
    assert made.faults == []
    assert not [line for line in made.said if "Content Security Policy" in line]


async def happens(page: Page, is_so: str, event: str) -> None:
    """Wait until `is_so`, which `event` tells. Playwright's own way polls with `eval`, which the page's policy forbids."""
    await page.evaluate(
        f"""new Promise(done => {{
            const look = () => {is_so} && done();
            for (const each of [window, document]) each.addEventListener("{event}", look);
            look();
        }})"""
    )


async def test_every_edge_of_a_text_is_proved_in_order_and_once(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        matcher = Matcher()
        for edge in Layout("us").edges(TEXT):
            code = CODE_OF_QCODE[edge.qcode]
            matcher.inject((EV_KEY, EVDEV_OF_CODE[code], int(edge.down)), 0.0)
            await (page.keyboard.down(code) if edge.down else page.keyboard.up(code))
        for each in only_observations(await all_of(seen.session, seen.stream)):
            matcher.observe(each)
        matcher.finish()
        assert matcher.counts() == {Verdict.OK: len(matcher.injections)}
        assert await seen.session.held_keys(PATIENCE) == frozenset()


async def test_every_key_that_the_browser_knows_has_its_code(world: WebWorld) -> None:
    page = await world.page()
    reported: dict[str, int] = {}
    async with watched(world) as seen:
        wanted = {
            code for code in QCODE_OF_CODE if re.fullmatch(r"Key.|Digit.|F\d+|Numpad\d|Arrow\w+|\w+(Left|Right)", code)
        }
        wanted |= {
            "Enter",
            "Escape",
            "Tab",
            "Space",
            "Backspace",
            "Delete",
            "Insert",
            "Home",
            "End",
            "PageUp",
            "PageDown",
            "CapsLock",
        }
        wanted |= {
            "Minus",
            "Equal",
            "Comma",
            "Period",
            "Slash",
            "Semicolon",
            "Quote",
            "Backquote",
            "Backslash",
            "ContextMenu",
        }
        wanted -= {"OSLeft", "OSRight"}
        for code in sorted(wanted):
            await page.keyboard.press(code)
            first, *_ = only_observations(await all_of(seen.session, seen.stream))
            reported[code] = first.code
    assert reported == {code: EVDEV_OF_CODE[code] for code in wanted}


async def test_a_watch_reads_what_a_page_saw_as_it_does_an_agent_s(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        watch = InputWatch(seen.session)
        for edge in Layout("de").edges("Grüße"):
            code = CODE_OF_QCODE[edge.qcode]
            await (page.keyboard.down(code) if edge.down else page.keyboard.up(code))
        await watch.settle(PATIENCE)
        watch.check_is_whole()
        assert text_of(watch.edges, Layout("de")) == "Grüße"
        watch.close()


async def test_altgr_of_a_windows_is_one_key(world: WebWorld) -> None:
    page = await world.page(
        init="Object.defineProperty(navigator, 'userAgentData', {get: () => ({platform: 'Windows'})})"
    )
    cdp = await page.context.new_cdp_session(page)
    # Moments before its birth mean nothing to a page.
    await page.evaluate("new Promise(done => setTimeout(done, 1500 - performance.now()))")
    moment = await page.evaluate("(performance.timeOrigin + performance.now()) / 1000")

    async def key(way: str, code: str, ago: float, name: str = "AltGraph") -> None:
        name = "Control" if code == "ControlLeft" else name
        await cdp.send("Input.dispatchKeyEvent", {"type": way, "code": code, "key": name, "timestamp": moment - ago})

    async with watched(world) as seen:
        watch = InputWatch(seen.session)
        for way in ("rawKeyDown", "keyUp"):
            await key(way, "ControlLeft", 0)
            await key(way, "AltRight", 0)
        await watch.settle(PATIENCE)
        assert [str(edge) for edge in watch.edges] == ["alt_r down", "alt_r up"]
        # A left Ctrl that was pressed is one: alone, before another key, and before a later right Alt.
        await page.keyboard.down("ControlLeft")
        assert await seen.session.held_keys(PATIENCE) == {(1, 29)}
        await page.keyboard.press("KeyC")
        await page.keyboard.up("ControlLeft")
        for ago, name in ((0.5, "AltGraph"), (1, "Alt")):  # not at the same moment; of a layout without AltGr
            await key("rawKeyDown", "ControlLeft", 1)
            await key("rawKeyDown", "AltRight", ago, name)
            await key("keyUp", "AltRight", 0, name)
            await key("keyUp", "ControlLeft", 0)
        await watch.settle(PATIENCE)
        combined = ["ctrl down", "alt_r down", "alt_r up", "ctrl up"]
        words = ["ctrl down", "c down", "c up", "ctrl up", *combined, *combined]
        assert [str(edge) for edge in watch.edges][2:] == words
        watch.close()


async def test_of_two_tabs_the_one_that_was_told_last_reports(world: WebWorld) -> None:
    first = await world.page()
    await world.until(lambda: len(world.service.agents) == 1)
    generation = world.service.agents[0].generation
    second = await first.context.new_page()
    await second.goto(world.address + page_fragment(VM.name, world.token))
    await world.until(lambda: [agent.generation for agent in world.service.agents] == [generation + 1])
    await expect(first.locator("#status")).to_have_attribute("data-state", "idle")
    await expect(first.locator("#log")).to_contain_text("another tab of this browser reports for this VM now")


async def test_a_held_key_is_down_repeats_and_goes_up(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        await page.keyboard.down("KeyA")
        await page.keyboard.down("KeyA")  # Playwright's second down of a key is its repeat
        assert await seen.session.held_keys(PATIENCE) == {(1, 30)}
        await expect(page.locator("#held")).to_have_text("KeyA")
        await page.keyboard.up("KeyA")
        values = [(each.code, each.value) for each in only_observations(await all_of(seen.session, seen.stream))]
        assert values == [(30, 1), (30, 2), (30, 0)]
        assert await seen.session.held_keys(PATIENCE) == frozenset()


async def test_a_drag_is_seen_place_by_place_with_its_button(world: WebWorld) -> None:
    page = await world.page()
    # Where the page is on the screen, as the browser says of a motion in it.
    await page.evaluate(
        "addEventListener('pointermove', at => { window.offset = [at.screenX - at.clientX, at.screenY - at.clientY]; })"
    )
    async with watched(world) as seen:
        await page.mouse.move(100, 200)
        await page.mouse.down(button="right")
        await page.mouse.move(500, 200, steps=8)
        await page.mouse.move(500, 600, steps=8)
        assert {code for _, code in await seen.session.held_keys(PATIENCE)} == {0x111}
        await page.mouse.up(button="right")
        items = only_observations(await all_of(seen.session, seen.stream))
        offset = await page.evaluate("window.offset")
        places = [
            ((x + offset[0]) / (SCREEN[0] - 1), (y + offset[1]) / (SCREEN[1] - 1))
            for x, y in ((100, 200), (500, 200), (500, 600))
        ]
        path = drag_path(items, seen.session.devices, "right")
        assert len(path) == 17
        assert strays(path, places, 0.002) == ""
        (at,) = (await seen.session.pointers_at(PATIENCE)).values()
        assert at == pytest.approx(places[-1], abs=0.002)


async def test_buttons_and_both_wheels_are_seen(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        watch = InputWatch(seen.session)
        await page.mouse.move(300, 300)
        for button in ("left", "middle", "right"):
            await page.mouse.click(300, 300, button=button)  # type: ignore[arg-type]
        await page.mouse.down(button="left")
        await page.mouse.click(300, 300, button="right")
        await page.mouse.up(button="left")
        await watch.settle(PATIENCE)
        assert [str(edge) for edge in watch.edges] == [
            *(f"{button} button {way}" for button in ("left", "middle", "right") for way in ("down", "up")),
            *("left button down", "right button down", "right button up", "left button up"),
        ]
        watch.close()
        seen.stream.take()
        for x, y in ((0, 100), (0, 100), (0, 100), (0, -100), (100, 0), (100, 0)):
            await page.mouse.wheel(x, y)
        await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        turned: dict[int, int] = {}
        for each in only_observations(await all_of(seen.session, seen.stream)):
            assert each.type == EV_REL
            turned[each.code] = turned.get(each.code, 0) + each.value
        assert turned == {REL_WHEEL: -2, REL_HWHEEL: 2}


async def test_fingers_are_seen_one_by_one(world: WebWorld) -> None:
    page = await world.page(has_touch=True)
    async with watched(world) as seen:
        watch = InputWatch(seen.session)
        await page.touchscreen.tap(250, 350)
        cdp = await page.context.new_cdp_session(page)
        fingers = [{"x": 200, "y": 200, "id": 0}, {"x": 400, "y": 200, "id": 1}]
        await cdp.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers})
        await cdp.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [fingers[0], {**fingers[1], "x": 480}]}
        )
        await cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await watch.settle(PATIENCE)
        watch.check_is_whole()
        words = [re.sub(r"[\d.]+, [\d.]+", "X, Y", line) for line in watch.lines()]
        assert words[:3] == ["finger 1 down at X, Y", "touch down", "finger 1 up"]
        assert words.count("finger 2 at X, Y") == 1
        assert [words.count(f"finger {number} {way}") for number in (1, 2) for way in ("down at X, Y", "up")] == [
            2,
            2,
            1,
            1,
        ]
        assert [str(edge) for edge in watch.edges] == ["touch down", "touch up"] * 2
        assert not [each for each in watch.seen if getattr(each, "device", 0) == 2], "no mouse besides"
        watch.close()


async def test_a_locked_pointer_is_told_by_its_motions(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        await page.click("#lock")
        await happens(page, "document.pointerLockElement !== null", "pointerlockchange")
        await page.mouse.move(400, 400)
        await all_of(seen.session, seen.stream)
        await page.mouse.move(430, 380)
        moved = {
            (each.device, each.type, each.code): each.value
            for each in only_observations(await all_of(seen.session, seen.stream))
        }
        assert moved == {(3, EV_REL, 0): 30, (3, EV_REL, 1): -20}


async def test_text_that_comes_without_keys_is_no_input_and_is_said(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        await page.keyboard.insert_text("pasted")
        assert only_observations(await all_of(seen.session, seen.stream)) == []
        await expect(page.locator("#log")).to_contain_text(
            "text of 6 characters came without keys (insertText): not reported"
        )
        await page.keyboard.press("Control+KeyV")
        keys = [each.code for each in only_observations(await all_of(seen.session, seen.stream)) if each.value == 1]
        assert keys == [29, 47]
        assert await page.input_value("#catch") == ""


async def test_a_page_that_lost_the_focus_says_what_it_does_not_know(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
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
        await page.bring_to_front()
        await happens(page, "document.hasFocus()", "focus")
        await all_of(seen.session, seen.stream)
        await page.keyboard.press("KeyB")
        assert [each.code for each in only_observations(await all_of(seen.session, seen.stream))] == [48, 48]


async def test_after_a_restart_of_the_service_the_page_comes_again(world: WebWorld) -> None:
    page = await world.page()
    session = world.session()
    await session.start(PATIENCE)
    try:
        await world.stop()
        await expect(page.locator("#status")).to_have_attribute("data-state", re.compile("lost|connecting"))
        await page.keyboard.press("KeyX")  # nobody is told
        await world.start()
        await session.close()
        await session.start(PATIENCE)
        with session.observations.subscribe() as stream:
            await page.keyboard.press("KeyA")
            codes = [each.code for each in only_observations(await all_of(session, stream))]
        assert codes == [30, 30]
        await expect(page.locator("#status")).to_have_attribute("data-state", "watched")
    finally:
        await session.close()


async def test_a_page_that_is_loaded_anew_is_another_one_and_needs_no_token_again(world: WebWorld) -> None:
    page = await world.page()
    session = world.session()
    await session.start(PATIENCE)
    try:
        before = session.life.number
        await page.reload()
        await world.until(lambda: session.life.number > before)
        await session.wait_ready(PATIENCE)
        assert session.life.number == before + 1
        assert session.life.why == "was restarted"
        assert (await session.ping(PATIENCE)).error_us < 5e6
    finally:
        await session.close()


async def test_a_wrong_token_is_refused_and_another_one_can_be_typed(world: WebWorld) -> None:
    page = await world.page("#vm=win11&token=wrong")
    await world.until(lambda: world.service.refusals > 0)
    await expect(page.locator("#status")).to_have_attribute("data-state", "refused")
    assert world.service.agents == []
    assert "wrong" not in page.url
    await page.fill("#who-token", world.token.reveal())
    await page.press("#who-token", "Enter")
    await world.until(lambda: [agent.vm for agent in world.service.agents] == [VM])
    await expect(page.locator("#status")).to_have_attribute("data-state", "admitted")
    async with watched(world) as seen:
        assert only_observations(await all_of(seen.session, seen.stream)) == [], (
            "what is typed into the form is nobody's business"
        )
        await page.keyboard.press("KeyA")
        assert len(only_observations(await all_of(seen.session, seen.stream))) == 2


async def test_the_token_is_in_no_address_no_request_and_no_event(world: WebWorld) -> None:
    page = await world.page("")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + str(request.headers)))
    page.on("websocket", lambda socket: asked.append(socket.url))
    await page.goto("about:blank")
    await page.goto(f"{world.address}#vm={VM.name}&token={world.token.reveal()}")
    await world.until(lambda: len(world.service.agents) == 1)
    assert page.url == world.address
    assert any("/agent" in each for each in asked)
    shown = await page.content() + str([await field.input_value() for field in await page.locator("input").all()])
    told = [str(event) for event in world.bus.recent(limit=200)]
    assert world.token.reveal() not in "".join([*asked, *told, *world.said, shown])


async def test_a_stranger_s_page_is_turned_away(world: WebWorld, browser: Browser) -> None:
    context = await browser.new_context()
    try:
        page = await context.new_page()
        opened = await page.evaluate(
            """address => new Promise(done => {
                const socket = new WebSocket(address);
                socket.onmessage = event => done(event.data);
                socket.onerror = () => done(null);
            })""",
            world.service.addresses["websocket"],
        )
        assert opened is None
    finally:
        await context.close()
    (told,) = [event for event in world.bus.recent(limit=50) if event.kind == "service.refused"]
    assert "A page of another server (null)" in told.data["why"]
    assert world.service.refusals == 1


async def test_scripts_make_no_input(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        await page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyA', bubbles: true}))")
        assert only_observations(await all_of(seen.session, seen.stream)) == []


async def test_a_key_that_nothing_names_is_the_unknown_key(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "code": "", "key": "Unidentified"})
        await cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", "code": "", "key": "Unidentified"})
        assert [each.code for each in only_observations(await all_of(seen.session, seen.stream))] == [KEY_UNKNOWN] * 2


async def test_what_doesn_t_fit_is_dropped_counted_and_told(world: WebWorld) -> None:
    page = await world.page()
    async with watched(world) as seen:
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


async def test_places_are_those_of_the_screen(world: WebWorld) -> None:
    await world.page()
    async with watched(world) as seen:
        pointer = seen.session.devices[2]
        assert pointer.pointer == "absolute"
        assert dict(pointer.absolute) == {0: (0, SCREEN[0] - 1), 1: (0, SCREEN[1] - 1)}
        assert seen.session.hello is not None
        assert seen.session.hello.capabilities == {"observe", "state"}
        assert EV_ABS == 3
