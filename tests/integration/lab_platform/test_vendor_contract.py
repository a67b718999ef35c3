"""Client and server, held against the vendor's own API document. The document is no part of the project: without it these skip."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from ATPLibrary.lab.platform import codes as lab_codes
from ATPLibrary.lab.platform import requests as lab_requests
from ATPLibrary.lab.platform import routes
from ATPLibrary.vdi import codes, models, operations

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[3]
VENDOR = Path(os.environ.get("ATP_VENDOR_DIR") or REPOSITORY.parent / "shared" / "vendor")

# Which of the vendor's schemas each of the client's models is.
SCHEMAS: dict[type[BaseModel], str] = {
    models.LoginRequest: "LoginDto",
    models.LoginAnswer: "LoginVO",
    models.Host: "HostVO",
    models.Vm: "DomainVO",
    models.Model: "DomainVO",
    models.Port: "DomainPortVO",
    models.ModelReference: "ModelVO0",
    models.DeskPool: "DesktopPoolVO",
    models.DeskPoolRequest: "DeskPoolCreateDto",
    models.BatchRequest: "DomainBatchTaskDto",
    models.DeleteRequest: "BatchDelDomainReq",
    models.EventTicket: "EventIdVO",
    models.Refusal: "ErrorInfo",
    models.BatchAnswer: "DomainBatchTaskVO",
    models.PlatformEvent: "EventVO",
    models.Page: "PageResult«HostVO»",
}
# What each operation sends and answers, by the names of the vendor's schemas.
EXCHANGES = {
    operations.LOGIN: ("LoginDto", "ResponseVO«LoginVO»"),
    operations.LOGOUT: (None, "BaseResponseVO"),
    operations.LIST_HOSTS: (None, "ResponseVO«PageResult«HostVO»»"),
    operations.GET_HOST: (None, "ResponseVO«HostDetailVO»"),
    operations.LIST_MODELS: (None, "ResponseVO«PageResult«DomainVO»»"),
    operations.LIST_DESK_POOLS: (None, "ResponseVO«PageResult«DesktopPoolVO»»"),
    operations.CREATE_DESK_POOL: ("DeskPoolCreateDto", "ResponseVO«EventIdVO»"),
    operations.DELETE_DESK_POOL: (None, "BaseResponseVO"),
    operations.ENABLE_DESK_POOL: (None, "BaseResponseVO"),
    operations.DISABLE_DESK_POOL: (None, "BaseResponseVO"),
    operations.LIST_DESK_POOL_VMS: (None, "ResponseVO«List«DomainVO»»"),
    operations.LIST_VMS: (None, "ResponseVO«PageResult«DomainVO»»"),
    operations.GET_VM: (None, "ResponseVO«DomainVO»"),
    operations.START_VMS: ("DomainBatchTaskDto", "ResponseVO«DomainBatchTaskVO»"),
    operations.CLOSE_VMS: ("DomainBatchTaskDto", "ResponseVO«DomainBatchTaskVO»"),
    operations.REBOOT_VMS: ("DomainBatchTaskDto", "ResponseVO«DomainBatchTaskVO»"),
    operations.DELETE_VMS: ("BatchDelDomainReq", "BaseResponseVO"),
    operations.LIST_VM_PORTS: (None, "ResponseVO«List«DomainPortVO»»"),
    operations.LIST_EVENTS: (None, "ResponseVO«PageResult«EventVO»»"),
    operations.GET_EVENT: (None, "ResponseVO«EventVO»"),
}


class VendorDocument:
    """The OpenAPI document, as far as it is needed here."""

    def __init__(self, path: Path) -> None:
        self.document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.schemas: dict[str, Any] = self.document["components"]["schemas"]

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.document["paths"].get(path, {}).get(method.lower())
        return found

    def request(self, method: str, path: str) -> str | None:
        body = (self.operation(method, path) or {}).get("requestBody")
        return _referred(body["content"]["application/json"]["schema"]) if body else None

    def answer(self, method: str, path: str) -> str:
        operation = self.operation(method, path)
        assert operation is not None
        return _referred(next(iter(operation["responses"]["200"]["content"].values()))["schema"])

    def query_names(self, method: str, path: str) -> set[str]:
        parameters = (self.operation(method, path) or {}).get("parameters", [])
        return {parameter["name"] for parameter in parameters if parameter["in"] == "query"}

    def fields(self, schema: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.schemas[schema]["properties"]
        return properties

    def deviations(self, value: Any, schema: dict[str, Any], where: str) -> list[str]:
        """How `value` differs from `schema`: fields that it doesn't know, and values of another type."""
        if "$ref" in schema:
            schema = self.schemas[_referred(schema)]
        kind = schema.get("type", "object" if "properties" in schema else None)
        if kind == "object" and isinstance(value, dict):
            known = schema.get("properties", {})
            found = [f"{where}.{name}: no such field" for name in value if name not in known]
            for name in value.keys() & known.keys():
                found += self.deviations(value[name], known[name], f"{where}.{name}")
            return found
        if kind == "array" and isinstance(value, list):
            return [
                line
                for index, item in enumerate(value)
                for line in self.deviations(item, schema["items"], f"{where}[{index}]")
            ]
        types = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
        right = kind in types and isinstance(value, types[kind]) and (kind == "boolean") == isinstance(value, bool)
        return [] if right else [f"{where}: {value!r} should be {kind}"]


def _referred(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def read(name: str) -> Path:
    path = VENDOR / name
    if not path.is_file():
        pytest.skip(f"the vendor's document {path} isn't here (set ATP_VENDOR_DIR to the folder that has it)")
    return path


@pytest.fixture(scope="module")
def vendor() -> VendorDocument:
    return VendorDocument(read("ocloudview-9.0-openapi.json"))


def sent_names(model: type[BaseModel]) -> set[str]:
    return {field.serialization_alias or field.alias or name for name, field in model.model_fields.items()}


def test_every_operation_of_the_client_is_the_vendors_with_these_shapes(vendor: VendorDocument) -> None:
    assert set(EXCHANGES) == set(operations.ALL)
    for operation, (request, answer) in EXCHANGES.items():
        assert vendor.operation(operation.method, operation.path), operation
        assert (vendor.request(operation.method, operation.path), vendor.answer(operation.method, operation.path)) == (
            request,
            answer,
        ), operation


def test_every_operation_of_the_client_is_on_the_older_live_system_too() -> None:
    live = json.loads(read("ocloudview-live-swagger.json").read_text(encoding="utf-8"))["paths"]
    assert [
        str(operation) for operation in operations.ALL if operation.method.lower() not in live.get(operation.path, {})
    ] == []


def test_every_field_of_the_clients_models_is_the_vendors(vendor: VendorDocument) -> None:
    ours = {
        model
        for model in vars(models).values()
        if isinstance(model, type) and issubclass(model, models.VendorModel) and model is not models.VendorModel
    }
    assert ours == set(SCHEMAS)
    for model, schema in SCHEMAS.items():
        assert sent_names(model) - set(vendor.fields(schema)) == set(), model
        if schema.endswith(("Dto", "Req")):
            assert set(vendor.schemas[schema].get("required", [])) - sent_names(model) == set(), model


@pytest.mark.parametrize(
    ("enum", "schema", "field"),
    [
        (codes.HostStatus, "HostVO", "status"),
        (codes.DeskPoolType, "DesktopPoolVO", "type"),
        (codes.DeskPoolStatus, "DesktopPoolVO", "status"),
        (codes.EventType, "EventVO", "eventType"),
    ],
)
def test_the_clients_codes_are_the_vendors(vendor: VendorDocument, enum: Any, schema: str, field: str) -> None:
    documented = {int(number) for number in re.findall(r"\d", vendor.fields(schema)[field]["description"])}
    assert {int(code) for code in enum} == documented


def test_the_vm_codes_are_the_vendors_and_the_labs_are_among_them(vendor: VendorDocument) -> None:
    operation = vendor.operation("GET", "/ocloud/v1/domain")
    assert operation is not None
    (filter_,) = [parameter for parameter in operation["parameters"] if parameter["name"] == "status"]
    assert {int(code) for code in codes.VmStatus} == {
        int(number) for number in re.findall(r"\d", filter_["description"])
    }
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
        assert names - vendor.query_names(method, route.path) == set(), (method, route.path)
        bodies = [field.field_info.annotation.__name__ for field in route.dependant.body_params]
        assert bodies == [name for name in [vendor.request(method, route.path)] if name], (method, route.path)
        checked += 1
    assert checked == len(operations.ALL) + 2  # host/all and model/all, which the client doesn't need


def test_the_server_has_every_operation_that_the_client_uses() -> None:
    served = {(method, route.path) for route in _server_routes() for method in route.methods}
    assert [str(operation) for operation in operations.ALL if (operation.method, operation.path) not in served] == []


def test_the_server_accepts_the_vendors_request_fields(vendor: VendorDocument) -> None:
    for model in vars(lab_requests).values():
        if isinstance(model, type) and issubclass(model, lab_requests.Request) and model is not lab_requests.Request:
            fields = vendor.fields(model.__name__)
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
            schema = {"$ref": f"#/components/schemas/{vendor.answer(method, path)}"}
            assert vendor.deviations(value, schema, f"{method} {path}") == []
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
