"""The lab's platform against its own OpenAPI: whatever is asked, no failure of its own, no answer of another shape."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from ATPLibrary.lab.platform.description import describe

pytestmark = pytest.mark.integration

PASSWORD = "a lab's p4ssword"
# Each is a request to a real server over libvirt: these keep the whole test at some seconds.
EXAMPLES = 3
DOCUMENT = describe()
OPERATIONS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


@pytest.fixture
def token(platform_lab: Any) -> str:
    login = {"username": "admin", "password": hashlib.md5(PASSWORD.encode()).hexdigest()}
    answer = httpx.post(f"{platform_lab.url}/ocloud/v1/login", json=login, timeout=10, trust_env=False).json()
    return str(answer["data"]["token"])


@pytest.fixture
def there(platform_lab: Any, token: str) -> dict[str, str]:
    """Real ids, by the beginning of the paths that have a place for them: a call with a made-up id doesn't come far."""
    with httpx.Client(
        base_url=f"{platform_lab.url}/ocloud/v1", headers={"Token": token}, timeout=30, trust_env=False
    ) as http:
        model = http.get("/model/all").json()["data"][0]["id"]
        order = {"name": "性质", "amount": 2, "type": 1, "modelId": model}
        event = http.post("/desk-pool", json=order).json()["data"]["eventId"]
        while "isSuccess" not in http.get(f"/event/{event}").json()["data"]:
            pass
        found = {"event": event, "model": model}
        for kind in ("domain", "desk-pool", "host", "pool", "storage-pool"):
            found[kind] = http.get(f"/{kind}").json()["data"]["list"][0]["id"]
    return {f"/ocloud/v1/{kind}/{{": id for kind, id in found.items()}


def test_no_request_breaks_the_server_or_its_schema(platform_lab: Any, token: str, there: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    problems: list[str] = []
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/logout"):
            continue  # it would end the token that all others are asked with

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            real = next((id for start, id in there.items() if case.operation.path.startswith(start)), None)
            if real is not None and asked % 3:
                name = "domainId" if "domainId" in case.path_parameters else "id"
                case.path_parameters[name] = real
            answer = case.call(base_url=platform_lab.url, headers={"Token": token}, timeout=30)
            assert answer.status_code in (200, 404, 405), answer.status_code
            assert answer.json()["status" if "status" in answer.json() else "returnCode"] != 500, answer.text
            case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - of whatever kind, it is told for each operation
            problems.append(
                f"{operation.method} {operation.path}: {error} {[str(each)[:600] for each in getattr(error, 'exceptions', ())]}"
            )
    assert problems == []
    assert asked >= len(OPERATIONS) - 1


def test_no_call_is_answered_without_a_token(platform_lab: Any) -> None:
    with httpx.Client(base_url=platform_lab.url, timeout=10, trust_env=False) as http:
        for path, method, operation in OPERATIONS:
            if operation["security"]:
                answer = http.request(method, path.replace("{", "").replace("}", ""), json={})
                assert (answer.status_code, answer.json()["status"]) == (200, 1006), (method, path)
                assert set(answer.json()) == {"status", "msg"}


def test_the_document_says_of_each_operation_what_it_answers() -> None:
    assert len(OPERATIONS) > 150
    for path, method, operation in OPERATIONS:
        assert operation["responses"]["200"]["content"]["application/json"]["schema"], (method, path)
