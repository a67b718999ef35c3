"""Several sessions with the real server at once: each its own, all ended with the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from robot.api.types import Secret

from ATPLibrary import runtime
from ATPLibrary.config import Config
from ATPLibrary.errors import ConfigError, DeadlineError, InputError, PlatformError
from ATPLibrary.orchestrator import Workspace

pytestmark = pytest.mark.integration


def tokens() -> dict[str, str]:
    """What each session shows the platform, by its alias."""
    sessions = Workspace.current().platforms.sessions
    return {alias: client._session._token.reveal() for alias, client in sessions.items()}  # type: ignore[union-attr]


def is_known(url: str, token: str) -> bool:
    answer = httpx.get(f"{url}/ocloud/v1/host", headers={"Token": token}, timeout=30, trust_env=False)
    return bool(answer.json()["status"] == 0)


def test_sessions_are_called_by_their_alias_and_each_ends_alone(tester: Any, platform_lab: Any) -> None:
    assert tester.log_in_to_platform("lab", alias="second") == "second"
    known = tokens()
    assert len(set(known.values())) == 2
    assert [(each["alias"], each["is_current"]) for each in tester.get_platform_sessions()] == [
        ("lab", False),
        ("second", True),
    ]
    assert tester.switch_platform_session("lab") == "second"
    tester.log_out_of_platform("second")
    assert not is_known(platform_lab.url, known["second"])
    assert tester.get_platform_hosts() == ["lab-a", "lab-b"]
    tester.log_out_of_platform()
    assert not is_known(platform_lab.url, known["lab"])
    with pytest.raises(PlatformError, match="No platform is logged in to"):
        tester.get_platform_hosts()


def test_a_login_that_is_refused_changes_nothing(tester: Any) -> None:
    before = tokens()
    with pytest.raises(PlatformError, match=r"refused login of 'admin'.*Check username and password"):
        tester.log_in_to_platform("lab", password=Secret("wrong"))
    with pytest.raises(PlatformError, match="refused login of '没有'"):
        tester.log_in_to_platform("lab", username="没有", password=Secret("wrong"), alias="other")
    assert tokens() == before
    assert tester.get_platform_hosts() == ["lab-a", "lab-b"]


def test_a_session_that_is_replaced_is_ended(tester: Any, platform_lab: Any) -> None:
    before = tokens()["lab"]
    tester.log_in_to_platform("lab")
    assert not is_known(platform_lab.url, before)
    assert is_known(platform_lab.url, tokens()["lab"])


def test_an_alias_that_is_not_there_is_answered_with_those_that_are(tester: Any) -> None:
    with pytest.raises(PlatformError, match=r"'anna' should be open but open are: 'lab'\. Open it with"):
        tester.switch_platform_session("anna")
    with pytest.raises(PlatformError, match="'anna' should be open"):
        tester.log_out_of_platform("anna")


def test_closing_the_workspace_ends_every_session(tester: Any, platform_lab: Any) -> None:
    tester.log_in_to_platform("lab", alias="second")
    known = tokens()
    runtime.wait(Workspace.current().close(10), 11, "Closing")
    assert [is_known(platform_lab.url, token) for token in known.values()] == [False, False]


def test_what_was_made_in_another_session_is_removed_in_its_own(tester: Any, platform_lab: Any) -> None:
    tester.log_in_to_platform("lab", alias="second")
    tester.create_desk_pool("一", model="atp-linux")
    tester.switch_platform_session("lab")
    tester.create_desk_pool("二", model="atp-linux")
    tester.log_out_of_platform("second")
    assert tester.remove_created_things() == ["二", "一"]
    assert platform_lab.left() == []


def test_any_operation_can_be_called_and_its_events_waited_for(tester: Any) -> None:
    tester.create_desk_pool("一", model="atp-linux", amount=2)
    pools = tester.call_platform("GET /ocloud/v1/desk-pool", keyword="一")
    assert [pool["name"] for pool in pools["list"]] == ["一"]
    vms = tester.call_platform("GET /ocloud/v1/desk-pool/{id}/domain/list", id=pools["list"][0]["id"])
    body = json.dumps({"idList": [vm["id"] for vm in vms]})
    begun = tester.call_platform("POST /ocloud/v1/domain/start", body)
    tester.wait_for_platform_events(*begun["eventIdList"])
    assert tester.get_desktops("一") == [vm["name"] for vm in vms]
    tester.desk_pool_should_have("一", running=2)


def test_a_call_that_makes_no_sense_is_told_before_or_in_the_platforms_own_words(tester: Any) -> None:
    with pytest.raises(InputError, match="The body of a call should be JSON"):
        tester.call_platform("POST /ocloud/v1/domain/start", "{")
    with pytest.raises(InputError, match="be a method and a path"):
        tester.call_platform("FETCH this")
    with pytest.raises(PlatformError, match="不存在"):
        tester.call_platform("GET /ocloud/v1/event/{id}", id="nothing")
    with pytest.raises(PlatformError, match="'nothing'"):
        tester.wait_for_platform_events("nothing")
    tester.wait_for_platform_events()


def test_findings_need_the_document(tester: Any) -> None:
    with pytest.raises(ConfigError, match="api_document"):
        tester.platform_findings_should_be_empty()


@pytest.fixture
def silent_after_login() -> Iterator[str]:
    """A platform that lets one log in, and never answers again until the test ends."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self.path.endswith("/login"):
                over.wait(60)
            body = json.dumps({"status": 0, "msg": "", "data": {"token": "t", "username": "admin"}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


async def test_a_platform_that_is_silent_at_the_logout_ends_the_run_all_the_same(
    silent_after_login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ATPLibrary.orchestrator.platforms.LOGOUT_SECONDS", 0.1)
    platform = {"url": silent_after_login, "username": "admin", "password": "x"}
    workspace = Workspace(Config.model_validate({"platforms": {"silent": platform}}))
    client = await workspace.platforms.log_in(workspace.platforms.settings(None, None, None), 10)
    await workspace.close(5)
    assert not client.is_logged_in
    client = await workspace.platforms.log_in(workspace.platforms.settings(None, None, None), 10)
    with pytest.raises(DeadlineError):
        await workspace.platforms.log_out(0.1)
    assert not client.is_logged_in
