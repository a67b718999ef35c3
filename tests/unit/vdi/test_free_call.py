"""Any operation of the platform by its method and path, with and without the vendor's document."""

from __future__ import annotations

import json

import httpx
import pytest

from ATPLibrary.errors import InputError, PlatformError
from ATPLibrary.vdi import VdiClient
from ATPLibrary.vdi.catalogue import tables

pytestmark = pytest.mark.unit

DOCUMENT = {
    "paths": {
        "/ocloud/v1/vlan": {
            "post": {
                "parameters": [
                    {"name": "Token", "in": "header", "schema": {"type": "string"}},
                    {"name": "dry", "in": "query", "schema": {"type": "integer"}},
                ],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewVlan"}}}},
                "responses": {"200": {"content": {"*/*": {"schema": {"$ref": "#/components/schemas/Answer"}}}}},
            }
        }
    },
    "components": {
        "schemas": {
            "NewVlan": {"required": ["name"], "properties": {"name": {"type": "string"}, "tag": {"type": "integer"}}},
            "Answer": {
                "type": "object",
                "properties": {
                    "status": {"type": "integer"},
                    "msg": {"type": "string"},
                    "data": {"properties": {"id": {"type": "string"}}},
                },
            },
        }
    },
}


async def test_parameters_fill_in_the_path_and_go_into_the_query_of_a_read(logged_in, platform, answer_ok):
    platform.answers["GET /ocloud/v1/vlan/7/ip"] = answer_ok([{"ip": "10.0.0.7"}])
    answer = await logged_in.call("GET /ocloud/v1/vlan/{id}/ip", id=7, keyword="测试", pageNum=1, nothing=None)
    assert answer == [{"ip": "10.0.0.7"}]
    assert dict(platform.requests[-1].url.params) == {"keyword": "测试", "pageNum": "1"}


async def test_they_go_into_the_body_of_what_changes_something(logged_in, platform, answer_ok):
    platform.answers["PATCH /ocloud/v1/vlan/7/name"] = answer_ok()
    assert await logged_in.call("patch /ocloud/v1/vlan/{id}/name", id="7", name="办公") is None
    assert platform.body("/ocloud/v1/vlan/7/name") == {"name": "办公"}
    platform.answers["DELETE /ocloud/v1/vlan/7"] = answer_ok()
    await logged_in.call("DELETE /ocloud/v1/vlan/{id}", id="7", force=1)
    assert (dict(platform.requests[-1].url.params), platform.requests[-1].content) == ({"force": "1"}, b"")


async def test_a_whole_body_leaves_the_rest_to_the_query(logged_in, platform, answer_ok):
    platform.answers["DELETE /ocloud/v1/things"] = answer_ok("done")
    assert await logged_in.call("DELETE /ocloud/v1/things", body=["a", "b"], dry=1) == "done"
    assert json.loads(platform.requests[-1].content) == ["a", "b"]
    assert dict(platform.requests[-1].url.params) == {"dry": "1"}


async def test_a_file_comes_as_bytes_and_a_refusal_in_its_place_as_an_error(logged_in, platform, answer_refusal):
    headers = {"Content-Type": "application/vnd.ms-excel"}
    platform.answers["GET /ocloud/v1/vlan/7/domain/xls"] = httpx.Response(200, content=b"PK\x03\x04", headers=headers)
    assert await logged_in.call("GET /ocloud/v1/vlan/{id}/domain/xls", id="7") == b"PK\x03\x04"
    platform.answers["GET /ocloud/v1/domain/dormant/xls"] = httpx.Response(200, content=b"{PK", headers=headers)
    assert await logged_in.domains.dormant_as_sheet() == b"{PK"
    platform.answers["GET /ocloud/v1/domain/dormant/xls"] = answer_refusal(7, "没有权限")
    with pytest.raises(PlatformError, match=r"refused to list dormant VMs .*: 没有权限 \(status 7\)"):
        await logged_in.domains.dormant_as_sheet()


async def test_only_what_reads_is_asked_again(logged_in, platform, answer_ok, answer_refusal):
    platform.answers["GET /ocloud/v1/vlan/all"] = [answer_refusal(1006, "token校验失败"), answer_ok([])]
    assert await logged_in.call("GET /ocloud/v1/vlan/all") == []
    platform.answers["POST /ocloud/v1/vlan"] = answer_refusal(1006, "token校验失败")
    with pytest.raises(PlatformError, match="ask again"):
        await logged_in.call("POST /ocloud/v1/vlan", name="x")
    assert len(platform.asked("/ocloud/v1/vlan")) == 1


@pytest.mark.parametrize("written", ["", "vlan", "GET vlan", "FETCH /ocloud/v1/vlan", "GET /a /b"])
async def test_what_is_no_operation_is_named(logged_in, platform, written):
    with pytest.raises(InputError, match="be a method and a path"):
        await logged_in.call(written)
    assert len(platform.requests) == 1


async def test_a_parameter_of_the_path_that_is_missing_is_named(logged_in):
    with pytest.raises(InputError, match="should be called with id but"):
        await logged_in.call("GET /ocloud/v1/vlan/{id}/ip")


async def test_the_document_says_what_goes_where(platform, settings, answer_ok, tmp_path):
    path = tmp_path / "api.json"
    path.write_text(json.dumps(DOCUMENT))
    platform.answers["POST /ocloud/v1/vlan"] = answer_ok({"id": "7"})
    transport = httpx.MockTransport(platform)
    client = VdiClient(settings.model_copy(update={"api_document": path}), event_bus=platform.bus, transport=transport)
    await client.login()
    assert await client.call("POST /ocloud/v1/vlan", name="办公", dry=1) == {"id": "7"}
    assert dict(platform.requests[-1].url.params) == {"dry": "1"}
    assert json.loads(platform.requests[-1].content) == {"name": "办公"}
    await client.close()


@pytest.mark.parametrize("path", ["/ocloud/v1/domain/{id}/spice-key", "/ocloud/v1/domain/v/spice-key"])
async def test_a_key_in_the_answer_of_an_operation_that_the_client_knows_is_a_secret(
    logged_in, platform, answer_ok, path
):
    platform.answers["GET /ocloud/v1/domain/v/spice-key"] = answer_ok({"ip": "192.0.2.1", "key": "free-secret"})
    answer = await logged_in.call(f"GET {path}", **({"id": "v"} if "{id}" in path else {}))
    assert (answer["ip"], answer["key"].reveal()) == ("192.0.2.1", "free-secret")
    assert "free-secret" not in repr(answer)
    platform.answers["GET /ocloud/v1/user/fingerprint-all"] = answer_ok([{"username": "a", "fingerprint": "whorl"}])
    assert "whorl" not in repr(await logged_in.call("GET /ocloud/v1/user/fingerprint-all"))
    platform.answers["POST /ocloud/v1/login"] = answer_ok({"token": "0123456789abcdef"})
    assert "0123456789abcdef" not in repr(await logged_in.call("POST /ocloud/v1/login", body={}))


async def test_each_operation_with_secrets_names_them():
    assert [str(row) for row in tables() if row.holds_secrets and not row.vendor_secrets] == []
