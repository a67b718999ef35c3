"""Login, token, renewal, logout."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import ConfigError, PlatformError
from ATPLibrary.vdi import VdiClient
from ATPLibrary.vdi.session import SessionState

pytestmark = pytest.mark.unit

PASSWORD = "correct horse"
MD5 = hashlib.md5(PASSWORD.encode()).hexdigest()
TOKEN = "3cbd16a6-fefe-4efb-bb12-8e78c62b82e4"
EMPTY_PAGE = {"list": [], "pageNum": 1, "pageSize": 100, "pages": 0, "total": 0}


async def test_login_sends_the_md5_of_the_password_and_later_calls_carry_the_token(client, platform, answer_ok):
    platform.answers["GET /ocloud/v1/host"] = answer_ok(EMPTY_PAGE)
    await client.login()
    assert platform.body("/ocloud/v1/login") == {"username": "admin", "password": MD5}
    await client.hosts.list().collect()
    assert platform.asked("/ocloud/v1/host")[0].headers["Token"] == TOKEN
    assert "Token" not in platform.asked("/ocloud/v1/login")[0].headers


async def test_a_wrong_password_is_one_sentence_with_the_platforms_own_words(client, platform, answer_refusal):
    platform.answers["POST /ocloud/v1/login"] = answer_refusal(1, "用户名或密码错误")
    with pytest.raises(PlatformError) as caught:
        await client.login()
    assert str(caught.value).startswith("Platform 'lab' refused login of 'admin': 用户名或密码错误 (status 1).")
    assert (caught.value.status, caught.value.vendor_message) == (1, "用户名或密码错误")
    assert client.state is SessionState.LOGGED_OUT
    assert [event.kind for event in platform.events()] == ["refused", "login.refused"]


async def test_no_error_and_no_event_shows_password_or_token(client, platform):
    platform.answers["POST /ocloud/v1/login"] = httpx.Response(500, text=f"bad password {PASSWORD} hash {MD5}")
    with pytest.raises(PlatformError) as caught:
        await client.login()
    said = str(caught.value) + "".join(map(str, platform.events()))
    assert PASSWORD not in said
    assert MD5 not in said
    platform.answers["POST /ocloud/v1/login"] = httpx.Response(200, text=f'{{"status": 0, "data": {{"token": "{TOKEN}"')
    with pytest.raises(PlatformError) as caught:
        await client.login()
    assert TOKEN not in str(caught.value)


async def test_a_platform_without_a_password_is_named_before_anything_is_sent(platform):
    settings = PlatformSettings(name="lab", url="http://platform.test", username="admin")
    client = VdiClient(settings, transport=httpx.MockTransport(platform))
    with pytest.raises(ConfigError, match="ATP__PLATFORMS__LAB__PASSWORD"):
        await client.login()
    assert platform.requests == []


async def test_a_call_without_login_says_log_in_first(client, platform):
    with pytest.raises(PlatformError, match=r"nobody is logged in\. Log in first"):
        await client.desk_pools.list().collect()
    assert platform.requests == []


async def test_an_expired_token_is_renewed_once_and_the_question_is_asked_again(
    logged_in, platform, answer_ok, answer_refusal
):
    platform.answers["GET /ocloud/v1/host"] = [answer_refusal(1006, "token校验失败"), answer_ok(EMPTY_PAGE)]
    assert await logged_in.hosts.list().collect() == []
    assert len(platform.asked("/ocloud/v1/login")) == 2


async def test_many_calls_that_find_the_token_expired_log_in_only_once(logged_in, platform, answer_ok, answer_refusal):
    tokens = iter(["second", "third"])
    platform.answers["POST /ocloud/v1/login"] = lambda request: answer_ok({"token": next(tokens)})
    platform.answers["GET /ocloud/v1/host"] = lambda request: (
        answer_ok(EMPTY_PAGE) if request.headers["Token"] == "second" else answer_refusal(1006, "token校验失败")
    )
    await asyncio.gather(*(logged_in.hosts.list().collect() for _ in range(10)))
    assert len(platform.asked("/ocloud/v1/login")) == 2  # the fixture's, and one renewal


async def test_a_token_that_is_refused_right_after_the_renewal_is_an_error_and_no_loop(
    logged_in, platform, answer_refusal
):
    platform.answers["GET /ocloud/v1/host"] = answer_refusal(1006, "token校验失败")
    with pytest.raises(PlatformError, match="status 1006"):
        await logged_in.hosts.list().collect()
    assert len(platform.asked("/ocloud/v1/host")) == 2


async def test_what_changes_the_platform_is_never_sent_twice(logged_in, platform, answer_refusal):
    platform.answers["POST /ocloud/v1/desk-pool"] = answer_refusal(1006, "token校验失败")
    with pytest.raises(PlatformError, match="A new session has been opened; ask again"):
        await logged_in.desk_pools.create("sales", model_id="m", amount=1)
    assert len(platform.asked("/ocloud/v1/desk-pool")) == 1
    assert len(platform.asked("/ocloud/v1/login")) == 2


async def test_a_read_is_asked_again_where_a_kept_connection_turns_out_dead(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/host"] = [httpx.RemoteProtocolError("Server disconnected"), answer_ok(EMPTY_PAGE)]
    assert await logged_in.hosts.list().collect() == []


async def test_logout_tells_the_platform_and_drops_the_token(logged_in, platform):
    await logged_in.logout()
    assert platform.asked("/ocloud/v1/logout")[0].headers["Token"] == TOKEN
    assert logged_in.state is SessionState.LOGGED_OUT
    await logged_in.logout()
    assert len(platform.asked("/ocloud/v1/logout")) == 1


async def test_logging_out_of_a_session_that_has_ended_by_itself_is_no_error(logged_in, platform, answer_refusal):
    platform.answers["POST /ocloud/v1/logout"] = answer_refusal(1006, "token校验失败")
    await logged_in.logout()
    assert logged_in.state is SessionState.LOGGED_OUT


async def test_a_failed_logout_does_not_hide_what_went_wrong_before(client, platform, answer_refusal):
    platform.answers["POST /ocloud/v1/logout"] = answer_refusal(7, "no")
    with pytest.raises(ValueError, match="the real one"):
        async with client:
            raise ValueError("the real one")
    with pytest.raises(PlatformError, match="status 7"):
        async with client:
            pass
