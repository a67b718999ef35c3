"""The server, held against the vendor's own API document. The document is no part of the project: without it these skip."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from ATPLibrary.lab.platform import codes as lab_codes
from ATPLibrary.lab.platform import requests as lab_requests
from ATPLibrary.lab.platform import routes
from ATPLibrary.vdi import catalogue, codes, operations
from ATPLibrary.vdi.document import VendorDocument, name_of

pytestmark = pytest.mark.integration


def test_the_codes_of_the_lab_are_among_the_clients() -> None:
    assert {int(code) for code in lab_codes.VmStatus} <= {int(code) for code in codes.VmStatus}
    assert lab_codes.Status.INVALID_TOKEN == codes.INVALID_TOKEN


def _server_routes() -> list[Any]:
    return [route for router in (routes.session, routes.router) for route in router.routes]


def test_every_route_of_the_server_is_the_vendors_with_its_parameters(vendor: VendorDocument) -> None:
    checked = 0
    for route in _server_routes():
        (method,) = route.methods
        assert vendor.operation(method, route.path), (method, route.path)
        names = {field.alias for field in route.dependant.query_params}
        assert names - set(vendor.parameters(method, route.path, "query")) == set(), (method, route.path)
        bodies = [field.field_info.annotation.__name__ for field in route.dependant.body_params]
        request = vendor.request(method, route.path)
        assert bodies == ([] if request is None else [name_of(request)]), (method, route.path)
        checked += 1
    assert checked >= 22


def test_the_client_has_every_operation_of_the_server() -> None:
    ours = {(row.method, row.path) for row in catalogue.tables()}
    served = {(method, route.path) for route in _server_routes() for method in route.methods}
    assert served - ours == set()


def test_the_server_accepts_the_vendors_request_fields(vendor: VendorDocument) -> None:
    for model in vars(lab_requests).values():
        if isinstance(model, type) and issubclass(model, lab_requests.Request) and model is not lab_requests.Request:
            fields = vendor.schemas[model.__name__]["properties"]
            assert set(model.model_fields) == set(fields), model
            required = {name for name, field in model.model_fields.items() if field.is_required()}
            assert set(vendor.schemas[model.__name__].get("required", [])) <= required, model


async def test_every_answer_of_the_server_has_the_vendors_shape(
    vendor: VendorDocument, client: Any, platform_lab: Any
) -> None:
    """A desk pool's whole life on the wire, each answer held against the vendor's schema."""
    checked: set[tuple[str, str]] = set()

    async with httpx.AsyncClient(base_url=platform_lab.url, trust_env=False, timeout=60) as http:

        async def ask(method: str, path: str, body: Any = None, *, query: str = "", **ids: str) -> Any:
            answer = await http.request(method, path.format(**ids) + query, json=body)
            value = answer.json()
            schema = vendor.answer(method, path)
            assert schema is not None
            assert vendor.deviations(value, schema, f"{method} {path}", null_is_missing=False) == []
            assert value["status"] == 0, value
            checked.add((method, path))
            return value.get("data")

        prefix = operations.PREFIX
        login = {"username": "admin", "password": hashlib.md5(b"a lab's p4ssword").hexdigest()}
        http.headers["Token"] = (await ask("POST", f"{prefix}/login", login))["token"]
        hosts = await ask("GET", f"{prefix}/host/all")
        assert (await ask("GET", f"{prefix}/host"))["total"] == len(hosts) == 2
        await ask("GET", f"{prefix}/host/{{id}}", id=hosts[0]["id"])
        model = (await ask("GET", f"{prefix}/model", query="?keyword=usb"))["list"][0]
        assert len(await ask("GET", f"{prefix}/model/all")) == 3
        order = {"name": "契约", "amount": 2, "type": 1, "modelId": model["id"], "remark": "r"}
        event = (await ask("POST", f"{prefix}/desk-pool", order))["eventId"]
        await ask("GET", f"{prefix}/event/{{id}}", id=event)  # perhaps still under way
        await client.events.finish(event, 60)
        await ask("GET", f"{prefix}/event/{{id}}", id=event)
        (pool,) = (await ask("GET", f"{prefix}/desk-pool", query="?type=1"))["list"]
        for action in ("enable", "disable"):
            await ask("POST", f"{prefix}/desk-pool/{{id}}/{action}", id=pool["id"])
        vms = await ask("GET", f"{prefix}/desk-pool/{{id}}/domain/list", id=pool["id"])
        ids = [vm["id"] for vm in vms]
        started = await ask("POST", f"{prefix}/domain/start", {"idList": [*ids, "nobody"]})
        assert [len(started["eventIdList"]), len(started["errorList"])] == [2, 1]
        for event in started["eventIdList"]:
            await client.events.finish(event, 60)
        assert len(await ask("GET", f"{prefix}/domain/{{id}}/port", id=ids[0])) == 2
        await ask("GET", f"{prefix}/domain/{{id}}", id=ids[0])
        assert (await ask("GET", f"{prefix}/domain", query="?status=1"))["total"] == 2
        await ask("POST", f"{prefix}/domain/reboot", {"idList": ids[:1]})
        closed = await ask("POST", f"{prefix}/domain/close", {"idList": ids[1:], "isForce": 1})
        await client.events.finish(closed["eventIdList"][0], 60)
        await ask("POST", f"{prefix}/domain/delete", {"domainIdList": ids[1:], "isRecycle": 0})
        await ask("DELETE", f"{prefix}/desk-pool/{{id}}", id=pool["id"])
        assert (await ask("GET", f"{prefix}/event", query="?pageSize=100"))["total"] > 5
        await ask("POST", f"{prefix}/logout")
    served = {(method, route.path) for route in _server_routes() for method in route.methods}
    assert checked == served
