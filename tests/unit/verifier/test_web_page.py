"""The web verifier's files and tables, and whose page may speak to the service."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ATPLibrary.errors import AgentError
from ATPLibrary.protocol.qmp.edges import EVDEV_OF_QCODE
from ATPLibrary.secrets import Secret
from ATPLibrary.verifier.service import web
from ATPLibrary.verifier.service.key_codes import EVDEV_OF_CODE, KEY_UNKNOWN, QCODE_OF_CODE

pytestmark = pytest.mark.unit

sys.path.append(str(Path(__file__).parents[3] / "guest_agent" / "src"))

# What QEMU can send and no browser names a key of its own for.
NO_BROWSER_KEY = {"menu", "front", "lf"}
HOST = "192.0.2.7:8765"


def asked(path: str = "/", host: str = HOST, **headers: str) -> Response | None:
    return web.answer(Request(path, Headers({"Host": host, **headers})))


def test_every_key_that_qemu_sends_is_a_key_of_the_browser_with_that_code() -> None:
    named = set(EVDEV_OF_CODE.values())
    without = {qcode for qcode, code in EVDEV_OF_QCODE.items() if code not in named}
    assert without == NO_BROWSER_KEY
    assert set(QCODE_OF_CODE.values()) <= EVDEV_OF_QCODE.keys()


def test_the_codes_are_those_that_the_guest_agent_names() -> None:
    from atp_guest_agent.keys import key_code

    said = {
        "KeyA": "a", "Digit0": "0", "Enter": "enter", "ShiftLeft": "leftshift", "AltRight": "rightalt", "MetaLeft": "leftmeta",
        "IntlBackslash": "102nd", "Backquote": "grave", "F12": "f12", "F13": "f13", "F24": "f24", "NumpadEnter": "kpenter",
        "NumpadDecimal": "kpdot", "ArrowUp": "up", "PageDown": "pagedown", "PrintScreen": "sysrq", "ContextMenu": "compose",
        "Lang1": "hangeul", "Lang3": "katakana", "Lang4": "hiragana", "Lang5": "zenkakuhankaku", "NumpadParenLeft": "kpleftparen",
        "BrowserSearch": "search", "Eject": "ejectcd", "Suspend": "suspend", "Fn": "fn", "Select": "select",
        "MediaTrackNext": "nextsong", "Convert": "henkan", "NonConvert": "muhenkan", "IntlRo": "ro", "IntlYen": "yen",
    }  # fmt: skip
    assert {code: EVDEV_OF_CODE[code] for code in said} == {code: key_code(name) for code, name in said.items()}
    assert key_code("unknown") == KEY_UNKNOWN


def test_two_keys_of_the_browser_with_one_code_are_two_names_of_one_key() -> None:
    names: dict[int, set[str]] = {}
    for code, evdev in EVDEV_OF_CODE.items():
        names.setdefault(evdev, set()).add(code)
    assert {frozenset(each) for each in names.values() if len(each) > 1} == {
        frozenset(pair) for pair in (
            ("MetaLeft", "OSLeft"), ("MetaRight", "OSRight"), ("AudioVolumeDown", "VolumeDown"), ("AudioVolumeUp", "VolumeUp"),
            ("AudioVolumeMute", "VolumeMute"), ("NumpadMultiply", "NumpadStar"), ("Lang4", "Hiragana"), ("Lang3", "Katakana"),
        )
    }  # fmt: skip


def test_the_page_gets_the_same_table() -> None:
    kind, content = web.files()[web.TABLES]
    assert kind == "text/javascript"
    tables = dict(re.findall(r"^export const (\w+) = (.*);$", content.decode(), re.MULTILINE))
    assert json.loads(tables["EVDEV_OF_CODE"]) == EVDEV_OF_CODE
    assert json.loads(tables["PROTOCOL"]) == 1


def test_every_file_that_the_page_names_is_there_and_nothing_comes_from_elsewhere() -> None:
    files = web.files()
    for path, (kind, content) in files.items():
        text = content.decode()
        assert not re.search(r"https?://|//cdn|@import|url\(", text), path
        named = re.findall(r'from "\./([\w.]+)"', text) if kind.endswith("javascript") else []
        named += re.findall(r'(?:src|href)="/([\w.]+)"', text) if kind == "text/html" else []
        assert {f"/{name}" for name in named} <= files.keys()
    assert not re.search(r"<script(?! type=\"module\" src=)|style=|\son\w+=", files["/"][1].decode()), (
        "the policy forbids it"
    )


def test_the_page_s_answers_let_nothing_in_from_anywhere() -> None:
    response = asked("/?from=anywhere")
    assert response is not None
    assert response.status_code == 200
    assert response.body.startswith(b"<!doctype html>")
    policy = response.headers["Content-Security-Policy"].split("; ")
    assert {
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        f"connect-src 'self' ws://{HOST} wss://{HOST}",
    } <= {*policy}
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_a_host_that_is_none_gets_into_no_answer() -> None:
    for host in ("x; script-src *", "a b", "x\u00e9", "a:1:2", "[::1", ""):
        response = asked(host=host)
        assert response is not None
        assert "connect-src 'self';" in response.headers["Content-Security-Policy"]
    answered = asked(host="[::1]:8765")
    assert answered is not None
    assert "ws://[::1]:8765" in answered.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/nothing", "/../web.py", "/%2e%2e/web.py", "//page.html", "page.html", "/page", "/__init__.py"]
)
def test_nothing_but_the_page_is_served(path: str) -> None:
    response = asked(path)
    assert response is not None
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        (None, True),  # an agent: only browsers say where they come from
        (f"http://{HOST}", True),
        (f"https://{HOST}", True),
        (f"HTTP://{HOST}".lower(), True),
        ("http://192.0.2.7", False),
        ("http://192.0.2.7:8766", False),
        ("http://evil.example", False),
        (f"http://evil.example/?{HOST}", False),
        (f"http://{HOST}.evil.example", False),
        (f"http://evil@{HOST}", False),
        ("null", False),
        ("file://", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_only_our_own_page_and_what_is_no_page_may_open_a_websocket(origin: str | None, is_let_in: bool) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", **({} if origin is None else {"Origin": origin})}
    response = asked("/agent", **headers)
    assert (response is None) is is_let_in
    assert response is None or response.status_code == 403


def test_two_origins_are_none() -> None:
    headers = Headers({"Host": HOST, "Upgrade": "websocket"})
    headers["Origin"] = f"http://{HOST}"
    headers["Origin"] = "http://evil.example"
    response = web.answer(Request("/", headers))
    assert response is not None
    assert response.status_code == 403


def test_the_address_is_the_page_s_as_the_guest_reaches_it() -> None:
    plain = {"websocket": "ws://127.0.0.1:8765"}
    assert web.page_address(plain) == "http://127.0.0.1:8765/"
    assert web.page_address(plain, "10.0.2.2") == "http://10.0.2.2:8765/"
    assert web.page_address({"websocket": "wss://[::1]:443"}) == "https://[::1]:443/"
    assert web.page_address({"websocket": "ws://0.0.0.0:1"}, "fe80::1") == "http://[fe80::1]:1/"
    with pytest.raises(AgentError, match=r"listens on 0\.0\.0\.0.*Say with host="):
        web.page_address({"websocket": "ws://0.0.0.0:1"})
    with pytest.raises(AgentError, match="should have a WebSocket port"):
        web.page_address({"tcp": "127.0.0.1:1"})
    assert web.page_fragment("win 11&x", Secret("a+b")) == "#vm=win%2011%26x&token=a%2Bb"
