"""The web verifier in a real browser: real keys, mouse, wheel and touch, through the service, to the session and the matcher."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from ATPLibrary.verifier import Matcher, Verdict
from ATPLibrary.verifier.drag_paths import strays
from ATPLibrary.verifier.layout import Layout
from ATPLibrary.verifier.observation import EV_ABS, EV_KEY, EV_REL, REL_HWHEEL, REL_WHEEL
from ATPLibrary.verifier.service.key_codes import EVDEV_OF_CODE, KEY_UNKNOWN, QCODE_OF_CODE
from ATPLibrary.verifier.typed import text_of
from ATPLibrary.verifier.watching import InputWatch, drag_path

from .web_world import CODE_OF_QCODE, PATIENCE, SCREEN, WebWorld, all_of, happens, only_observations, watched

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TEXT = "Hello, World! ~`@#$%^&*()_+-=[]{}\\|;:'\",.<>/? 0123456789\n\tthe quick brown fox"


async def test_every_edge_of_a_text_is_proved_in_order_and_once(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
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


async def test_every_key_that_the_browser_knows_has_its_code(web: WebWorld) -> None:
    page = await web.page()
    reported: dict[str, int] = {}
    async with watched(web) as seen:
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


async def test_a_watch_reads_what_a_page_saw_as_it_does_an_agent_s(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        watch = InputWatch(seen.session)
        for edge in Layout("de").edges("Grüße"):
            code = CODE_OF_QCODE[edge.qcode]
            await (page.keyboard.down(code) if edge.down else page.keyboard.up(code))
        await watch.settle(PATIENCE)
        watch.check_is_whole()
        assert text_of(watch.edges, Layout("de")) == "Grüße"
        watch.close()


async def test_altgr_of_a_windows_is_one_key(web: WebWorld) -> None:
    page = await web.page(
        init="Object.defineProperty(navigator, 'userAgentData', {get: () => ({platform: 'Windows'})})"
    )
    cdp = await page.context.new_cdp_session(page)
    # Moments before its birth mean nothing to a page.
    await page.evaluate("new Promise(done => setTimeout(done, 1500 - performance.now()))")
    moment = await page.evaluate("(performance.timeOrigin + performance.now()) / 1000")

    async def key(way: str, code: str, ago: float, name: str = "AltGraph") -> None:
        name = "Control" if code == "ControlLeft" else name
        await cdp.send("Input.dispatchKeyEvent", {"type": way, "code": code, "key": name, "timestamp": moment - ago})

    async with watched(web) as seen:
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


async def test_a_held_key_is_down_repeats_and_goes_up(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        await page.keyboard.down("KeyA")
        await page.keyboard.down("KeyA")  # Playwright's second down of a key is its repeat
        assert await seen.session.held_keys(PATIENCE) == {(1, 30)}
        await expect(page.locator("#held")).to_have_text("KeyA")
        await page.keyboard.up("KeyA")
        values = [(each.code, each.value) for each in only_observations(await all_of(seen.session, seen.stream))]
        assert values == [(30, 1), (30, 2), (30, 0)]
        assert await seen.session.held_keys(PATIENCE) == frozenset()


async def test_a_drag_is_seen_place_by_place_with_its_button(web: WebWorld) -> None:
    page = await web.page()
    # Where the page is on the screen, as the browser says of a motion in it.
    await page.evaluate(
        "addEventListener('pointermove', at => { window.offset = [at.screenX - at.clientX, at.screenY - at.clientY]; })"
    )
    async with watched(web) as seen:
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


async def test_buttons_and_both_wheels_are_seen(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
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


async def test_fingers_are_seen_one_by_one(web: WebWorld) -> None:
    page = await web.page(has_touch=True)
    async with watched(web) as seen:
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


async def test_a_locked_pointer_is_told_by_its_motions(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
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


async def test_text_that_comes_without_keys_is_no_input_and_is_said(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        await page.keyboard.insert_text("pasted")
        assert only_observations(await all_of(seen.session, seen.stream)) == []
        await expect(page.locator("#log")).to_contain_text(
            "text of 6 characters came without keys (insertText): not reported"
        )
        await page.keyboard.press("Control+KeyV")
        keys = [each.code for each in only_observations(await all_of(seen.session, seen.stream)) if each.value == 1]
        assert keys == [29, 47]
        assert await page.input_value("#catch") == ""


async def test_scripts_make_no_input(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        await page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyA', bubbles: true}))")
        assert only_observations(await all_of(seen.session, seen.stream)) == []


async def test_a_key_that_nothing_names_is_the_unknown_key(web: WebWorld) -> None:
    page = await web.page()
    async with watched(web) as seen:
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "code": "", "key": "Unidentified"})
        await cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", "code": "", "key": "Unidentified"})
        assert [each.code for each in only_observations(await all_of(seen.session, seen.stream))] == [KEY_UNKNOWN] * 2


async def test_places_are_those_of_the_screen(web: WebWorld) -> None:
    await web.page()
    async with watched(web) as seen:
        pointer = seen.session.devices[2]
        assert pointer.pointer == "absolute"
        assert dict(pointer.absolute) == {0: (0, SCREEN[0] - 1), 1: (0, SCREEN[1] - 1)}
        assert seen.session.hello is not None
        assert seen.session.hello.capabilities == {"observe", "state", "fence"}
        assert EV_ABS == 3
