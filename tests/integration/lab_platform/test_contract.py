"""The server held against the vendor's own API document: each route, what it accepts, and what it answers."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

import pytest
from typing_extensions import is_typeddict

from ATPLibrary.lab.platform import codes as lab_codes
from ATPLibrary.lab.platform import requests, shapes
from ATPLibrary.lab.platform.requests.base import Request
from ATPLibrary.lab.platform.routes import ROUTERS
from ATPLibrary.vdi import catalogue, codes
from ATPLibrary.vdi.document import name_of

pytestmark = pytest.mark.integration

API = "/ocloud/v1"
PASSWORD = "a lab's p4ssword"


def routes_of(*routers: Any) -> list[Any]:
    return [route for router in routers for route in router.routes]


def submodules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]


def test_every_route_is_the_vendors_with_its_parameters(vendor: Any) -> None:
    for route in routes_of(*ROUTERS):
        (method,) = route.methods
        assert vendor.operation(method, route.path), (method, route.path)
        names = {field.alias for field in route.dependant.query_params}
        assert names - set(vendor.parameters(method, route.path, "query")) == set(), (method, route.path)
        bodies = [field.field_info.annotation.__name__ for field in route.dependant.body_params]
        request = vendor.request(method, route.path)
        assert bodies == ([] if request is None else [name_of(request) or _plain(request)]), (method, route.path)


def _plain(schema: Any) -> str:
    """A body without a name of its own: a file, or JSON of any shape."""
    return "bytes" if schema.get("type") == "string" else "dict"


def test_no_path_hides_another() -> None:
    """A path with an id in it is tried after those that have a word there."""
    seen: list[tuple[str, Any]] = []
    for route in routes_of(*ROUTERS):
        (method,) = route.methods
        for other_method, earlier in seen:
            hidden = other_method == method and earlier.path_regex.match(route.path) and earlier.path != route.path
            assert not hidden, (route.path, earlier.path)
        seen.append((method, route))


def test_the_codes_of_the_lab_are_among_the_clients() -> None:
    assert {int(code) for code in lab_codes.VmStatus} <= {int(code) for code in codes.VmStatus}
    assert lab_codes.Status.INVALID_TOKEN == codes.INVALID_TOKEN


def test_the_client_has_every_operation_of_the_server() -> None:
    ours = {(row.method, row.path) for row in catalogue.tables()}
    served = {(method, route.path) for route in routes_of(*ROUTERS) for method in route.methods}
    # These are in none of the client's groups; its free call reaches them.
    others = {
        "/config/version",
        "/vmc/active",
        "/ovs",
        "/ovs/all",
        "/vlan",
        "/vlan/all",
        "/term/domain/{domainId}/snapshot",
    }
    paths = {path for _, path in served - ours}
    assert paths - {API + other for other in others} - {"/ocloud/usermodule/userlogin2"} == set()


def test_the_server_accepts_the_vendors_request_fields(vendor: Any) -> None:
    accepted = [
        model
        for module in submodules(requests)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Request) and model is not Request
    ]
    assert len(accepted) > 50
    for model in accepted:
        assert set(model.model_fields) == set(vendor.schemas[model.__name__]["properties"]), model
        required = {name for name, field in model.model_fields.items() if field.is_required()}
        assert set(vendor.schemas[model.__name__].get("required", [])) <= required, model


def test_every_field_of_an_answer_is_the_vendors(vendor: Any) -> None:
    for module in submodules(shapes):
        for shape in vars(module).values():
            if (
                is_typeddict(shape)
                and shape.__module__ == module.__name__
                and shape.__name__ not in ("Envelope", "BaseEnvelope", "PageResult")
            ):
                name = {"ResultClient": "ResultClient«object»", "Result": "Result«object»"}.get(
                    shape.__name__, shape.__name__
                )
                assert set(shape.__annotations__) - set(vendor.schemas[name]["properties"]) == set(), shape
