"""The lab's platform against its own OpenAPI: whatever is asked, no failure of its own, no answer of another shape."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import response_schema_conformance

from ATPLibrary.lab.platform.description import describe

PASSWORD = "a lab's p4ssword"
# Each is a request to a real server over libvirt: these keep the whole test at some seconds.
EXAMPLES, WRONG_EXAMPLES = 3, 4
DEEP_EXAMPLES = 100  # of `pytest -m deep`
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
            time.sleep(0.02)
        found = {"event": event, "model": model}
        for kind in ("domain", "desk-pool", "host", "pool", "storage-pool"):
            found[kind] = http.get(f"/{kind}").json()["data"]["list"][0]["id"]
    return {f"/ocloud/v1/{kind}/{{": id for kind, id in found.items()}


@pytest.mark.integration
def test_no_request_breaks_the_server_or_its_schema(platform_lab: Any, token: str, there: dict[str, str]) -> None:
    hold(platform_lab, token, there, GenerationMode.POSITIVE, EXAMPLES)


@pytest.mark.integration
def test_each_wrong_request_is_refused_as_one(platform_lab: Any, token: str, there: dict[str, str]) -> None:
    hold(platform_lab, token, there, GenerationMode.NEGATIVE, WRONG_EXAMPLES)


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nothing_breaks_it_in_a_long_run(
    platform_lab: Any, token: str, there: dict[str, str], mode: GenerationMode
) -> None:
    hold(platform_lab, token, there, mode, DEEP_EXAMPLES)


def hold(platform_lab: Any, token: str, there: dict[str, str], mode: GenerationMode, examples: int) -> None:
    """Ask each operation so often, rightly or wrongly. What is right is answered in its shape, what is wrong with status 400."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    wrong = mode is GenerationMode.NEGATIVE
    problems: list[str] = []
    asked: Counter[str] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/logout"):
            continue  # it would end the token that all others are asked with
        if wrong and not can_be_wrong(operation):
            continue

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode, headers={"Token": token}))
        def ask(case: Any) -> None:
            asked[case.operation.label] += 1
            real = next((id for start, id in there.items() if case.operation.path.startswith(start)), None)
            if real is not None and sum(asked.values()) % 3:
                name = "domainId" if "domainId" in case.path_parameters else "id"
                case.path_parameters[name] = real
            answer = case.call(base_url=platform_lab.url, headers={"Token": token}, timeout=30)
            assert answer.status_code in (200, 404, 405), answer.status_code
            if answer.headers["content-type"][0] != "application/json":
                assert answer.content, "a file"
                assert not (wrong and has_a_wrong_body(case))
                return
            status = answer.json()["status" if "status" in answer.json() else "returnCode"]
            assert status != 500, answer.text
            if wrong and answer.status_code == 200 and has_a_wrong_body(case):
                assert status == 400, (case.path_parameters, case.query, case.body, answer.text)
                assert "data" not in answer.json()
            case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

        try:
            ask()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - of whatever kind, it is told for each operation
            problems.append(
                f"{operation.method} {operation.path}: {error} {[str(each)[:600] for each in getattr(error, 'exceptions', ())]}"
            )
    assert problems == []
    assert len(asked) >= (len(OPERATIONS) // 2 if wrong else len(OPERATIONS) - 1)


def has_a_wrong_body(case: Any) -> bool:
    """What is wrong elsewhere may be right on the way: in a path and in a query everything is text."""
    body = case.meta.components.get(ParameterLocation.BODY)
    return body is not None and body.mode is GenerationMode.NEGATIVE


def can_be_wrong(operation: Any) -> bool:
    """Whether it has anything that any text isn't right for: a body, a filter, a number in its path."""
    numbers = [each for each in operation.path_parameters if each.definition["schema"].get("type") != "string"]
    return bool(operation.body or list(operation.query) or numbers)


@pytest.mark.integration
def test_no_call_is_answered_without_a_token(platform_lab: Any) -> None:
    with httpx.Client(base_url=platform_lab.url, timeout=10, trust_env=False) as http:
        for path, method, operation in OPERATIONS:
            if operation["security"]:
                answer = http.request(method, path.replace("{", "").replace("}", ""), json={})
                assert (answer.status_code, answer.json()["status"]) == (200, 1006), (method, path)
                assert set(answer.json()) == {"status", "msg"}


@pytest.mark.integration
def test_the_document_says_of_each_operation_what_it_answers() -> None:
    assert len(OPERATIONS) > 150
    for path, method, operation in OPERATIONS:
        content = operation["responses"]["200"]["content"]
        assert content, (method, path)
        assert all(each["schema"] for each in content.values()), (method, path)
