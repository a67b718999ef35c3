"""A platform that answers what a test tells it to, behind the real HTTP client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.events import Event, EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import VdiClient

TOKEN = "3cbd16a6-fefe-4efb-bb12-8e78c62b82e4"


def ok(data: Any = None) -> httpx.Response:
    return httpx.Response(200, json={"status": 0, "msg": "操作成功", "data": data})


def refusal(status: int, message: str) -> httpx.Response:
    return httpx.Response(200, json={"status": status, "msg": message})


class ScriptedPlatform:
    """`answers` maps "METHOD /path" to a response, a list of them to be given in turn (the last for good), or a function."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, Any] = {
            "POST /ocloud/v1/login": lambda request: ok({"token": TOKEN, "username": "admin"}),
            "POST /ocloud/v1/logout": lambda request: ok(),
        }
        self.bus = EventBus()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[f"{request.method} {request.url.path}"]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def asked(self, path: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path == path]

    def body(self, path: str) -> Any:
        return json.loads(self.asked(path)[-1].content)

    def events(self) -> list[Event]:
        return self.bus.recent("platform:lab", 100)


@pytest.fixture
def platform() -> ScriptedPlatform:
    return ScriptedPlatform()


@pytest.fixture
def settings() -> PlatformSettings:
    return PlatformSettings(
        name="lab", url="http://platform.test:8088", username="admin", password=Secret("correct horse")
    )


@pytest.fixture
async def client(platform: ScriptedPlatform, settings: PlatformSettings) -> AsyncIterator[VdiClient]:
    """Not logged in."""
    transport = httpx.MockTransport(platform)
    client = VdiClient(settings, timeout=5.0, event_bus=platform.bus, transport=transport)
    yield client
    await client.close()


@pytest.fixture
async def logged_in(client: VdiClient) -> VdiClient:
    await client.login()
    return client


@pytest.fixture
def answer_ok() -> Callable[[Any], httpx.Response]:
    return ok


@pytest.fixture
def answer_refusal() -> Callable[[int, str], httpx.Response]:
    return refusal
