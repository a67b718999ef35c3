"""Calls held against the vendor's document: what differs is told once, collected, and never a crash."""

from __future__ import annotations

import json

import httpx
import pytest

from ATPLibrary.config import PlatformSettings
from ATPLibrary.errors import ConfigError, PlatformError
from ATPLibrary.vdi import VdiClient
from ATPLibrary.vdi.document import VendorDocument

from .test_free_call import DOCUMENT

pytestmark = pytest.mark.unit

SCHEMAS = {
    "Host": {"properties": {"id": {"type": "string"}, "name": {"type": "string"}, "cpuSize": {"type": "integer"}}},
    "Hosts": {
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "msg": {"type": "string"},
            "data": {
                "properties": {
                    "list": {"type": "array", "items": {"$ref": "#/definitions/Host"}},
                    "pages": {"type": "integer"},
                }
            },
        },
    },
}
SWAGGER = {
    "swagger": "2.0",
    "definitions": SCHEMAS,
    "paths": {
        "/ocloud/v1/host": {
            "get": {
                "parameters": [
                    {"name": "name", "in": "query", "type": "string"},
                    {"name": "pageNum", "in": "query", "type": "integer"},
                    {"name": "pageSize", "in": "query", "type": "integer"},
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Hosts"}}},
            }
        }
    },
}


@pytest.fixture
async def checked(platform, settings, tmp_path):
    """A client that knows the document."""
    path = tmp_path / "swagger.json"
    path.write_text(json.dumps(SWAGGER))
    settings = settings.model_copy(update={"api_document": path})
    client = VdiClient(settings, event_bus=platform.bus, transport=httpx.MockTransport(platform))
    await client.login()
    yield client
    await client.close()


async def test_a_field_of_another_type_is_a_finding_and_the_rest_is_read(checked, platform, answer_ok):
    hosts = [{"id": str(n), "name": f"h{n}", "cpuSize": {"a": 1}, "colour": "red"} for n in range(3)]
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": hosts, "pages": 1})
    read = await checked.hosts.list().collect()
    assert [(host.id, host.cpu_size) for host in read] == [("0", None), ("1", None), ("2", None)]
    assert [str(finding) for finding in checked.findings[-2:]] == [
        "GET /ocloud/v1/host: answer.data.list[].cpuSize: should be integer but is object",
        "GET /ocloud/v1/host: answer.data.list[].colour: no such field",
    ]
    told = [event.data["what"] for event in platform.events() if event.kind == "finding"]
    assert told == [finding.what for finding in checked.findings]


async def test_a_finding_is_told_once(checked, platform, answer_ok):
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": [{"id": "1", "name": "h", "colour": 1}], "pages": 1})
    await checked.hosts.list().collect()
    before = checked.findings
    await checked.hosts.list().collect()
    assert checked.findings == before


async def test_parameters_and_operations_that_the_document_lacks_are_findings(checked, platform, answer_ok):
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": [], "pages": 1})
    await checked.hosts.list(arch="x86_64").collect()
    await checked.call("GET /ocloud/v1/host", pageNum="one")
    said = [str(finding) for finding in checked.findings]
    assert "POST /ocloud/v1/login: the operation: isn't in the document" in said
    assert "GET /ocloud/v1/host: query.arch: no such parameter" in said
    assert "GET /ocloud/v1/host: query.pageNum: should be integer but is string" in said


async def test_a_name_that_is_missing_is_still_an_error(checked, platform, answer_ok):
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": [{"id": "1"}], "pages": 1})
    with pytest.raises(PlatformError, match=r"data\.list\.0\.name: Field required"):
        await checked.hosts.list().collect()


async def test_without_a_document_a_wrong_type_is_an_error_and_nothing_is_found(logged_in, platform, answer_ok):
    hosts = [{"id": "1", "name": "h", "cpuSize": {"a": 1}}]
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": hosts, "pages": 1})
    with pytest.raises(PlatformError, match=r"data\.list\.0\.cpuSize: Input should be a valid integer"):
        await logged_in.hosts.list().collect()
    assert logged_in.findings == []


async def test_a_null_stands_for_nothing_unless_it_is_wanted(checked, platform, answer_ok):
    hosts = [{"id": "1", "name": "h", "cpuSize": None}]
    platform.answers["GET /ocloud/v1/host"] = answer_ok({"list": hosts, "pages": 1})
    await checked.hosts.list().collect()
    assert [finding for finding in checked.findings if finding.operation == "GET /ocloud/v1/host"] == []


@pytest.mark.parametrize("content", [None, "{", "[]", '{"paths": {}}', '{"openapi": "3.0.3"}'])
async def test_a_document_that_is_none_is_named(platform, settings, tmp_path, content):
    path = tmp_path / "api.json"
    if content is not None:
        path.write_text(content)
    settings = settings.model_copy(update={"api_document": path})
    client = VdiClient(settings, event_bus=platform.bus, transport=httpx.MockTransport(platform))
    with pytest.raises(ConfigError, match="should be the vendor's OpenAPI or Swagger document"):
        await client.login()
    assert platform.requests == []


def test_a_body_is_held_against_its_schema(tmp_path):
    path = tmp_path / "api.json"
    path.write_text(json.dumps(DOCUMENT))
    document = VendorDocument(path)
    vlan = ("POST", "/ocloud/v1/vlan")
    assert document.request_deviations(*vlan, {}, {"name": "x", "tag": 7}) == []
    assert document.request_deviations(*vlan, {}, {"tag": True, "more": 1}) == [
        "body.tag: should be integer but is boolean",
        "body.more: no such field",
        "body.name: is missing",
    ]
    assert document.request_deviations(*vlan, {}, None) == ["body: is missing"]
    assert document.request_deviations(*vlan, {}, ["x"]) == ["body: should be object but is array"]


def test_the_setting_is_a_path_in_the_configuration():
    settings = PlatformSettings.model_validate({"url": "http://p", "api_document": "/etc/atp/api.json"})
    assert str(settings.api_document) == "/etc/atp/api.json"
