"""Every operation of the client held against the vendor's own document. It is no part of the project: without it these skip."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from ATPLibrary.secrets import Secret
from ATPLibrary.vdi import catalogue, codes
from ATPLibrary.vdi.document import VendorDocument, name_of
from ATPLibrary.vdi.operations import LOGIN, Anything, Done, Download, Operation
from ATPLibrary.vdi.session import question
from ATPLibrary.vdi.shapes.base import Page, VendorModel

from .made_up import filled_in, is_model, made_up, sent_name

pytestmark = pytest.mark.unit

ROWS = catalogue.tables()

# Which of the vendor's paths each group of the client has, all of them. A path belongs to the longest beginning that fits.
GROUPS = {
    "domains": ("domain", "recycle", "nic"),
    "desk_pools": ("desk-pool",),
    "hosts": ("host", "/ocloud/host"),
    "models": ("model",),
    "users": ("user", "/ocloud/usermodule/userlogin2"),
    "groups": ("group",),
    "snapshots": ("snapshot", "domain/{id}/snapshot"),
    "storage": ("storage-pool", "storage-volume", "iso"),
    "pools": ("pool",),
    "panel": ("panel",),
    "events": ("event",),
    "alarms": ("alarm", "alarm-code", "alarm-history"),
    "terminals": ("terminal", "terminal-group"),
    "usb": ("usb",),
    "logs": ("log", "loginapp-login-log", "access-log"),
}


def belongs_to(path: str) -> str | None:
    fits = [
        (len(beginning), group)
        for group, beginnings in GROUPS.items()
        for beginning in beginnings
        if re.match(re.escape(beginning if beginning[0] == "/" else f"/ocloud/v1/{beginning}") + r"(/|$)", path)
    ]
    return max(fits)[1] if fits else None


def always_sent(model: type[BaseModel]) -> set[str]:
    return {
        sent_name(name, field)
        for name, field in model.model_fields.items()
        if field.is_required() or field.default is not None
    }


def test_the_client_has_every_operation_of_its_groups(vendor: VendorDocument) -> None:
    ours = {str(row) for row in ROWS}
    wanted = [f"{method} {path}" for method, path in vendor.operations() if belongs_to(path)]
    assert [each for each in wanted if each not in ours] == []
    assert len(wanted) > 200


def test_each_operation_is_in_the_group_that_it_belongs_to() -> None:
    for method, rows in catalogue.methods().items():
        for row in rows:
            if method not in ("login", "logout"):
                # A VM's snapshots are found under the VM, a user's VMs under the user: the path decides.
                assert belongs_to(row.path) == method.split(".")[0], (method, str(row))


def test_every_row_of_the_tables_is_used_by_a_method() -> None:
    used = {row for rows in catalogue.methods().values() for row in rows}
    assert [str(row) for row in ROWS if row not in used] == []
    assert len({str(row) for row in ROWS}) == len(ROWS)


def test_the_desk_pools_have_all_18_operations_of_the_vendor() -> None:
    assert len([row for row in ROWS if belongs_to(row.path) == "desk_pools"]) == 18


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_operation_is_the_vendors_with_its_parameters_and_types(vendor: VendorDocument, row: Operation[Any]) -> None:
    assert vendor.operation(row.method, row.path), "the vendor has no such operation"
    in_path = re.findall(r"\{(.*?)\}", row.path)
    # The document names one path's parameter twice and the other not at all.
    documented = vendor.parameters(row.method, row.path, "path")
    assert set(documented) <= set(in_path)

    parameters = {name: each["schema"] for name, each in vendor.parameters(row.method, row.path, "query").items()}
    paging = {"pageNum", "pageSize"} & set(parameters)
    query: dict[str, Any] = {}
    if row.query is not None:
        query = question(
            row, *("7" for _ in in_path), query=filled_in(vendor, row.query, parameters, f"{row} query")
        ).query
        paging -= set(query)
    assert set(parameters) - paging == set(query), "the query has these parameters"
    required = {name for name, each in vendor.parameters(row.method, row.path, "query").items() if each.get("required")}
    assert required <= (always_sent(row.query) if row.query else set())

    body: Any = None
    schema = vendor.request(row.method, row.path)
    assert (schema is None) == (row.request is None)
    if is_model(row.request):
        resolved = vendor.resolved(schema)
        assert name_of(schema) in (row.request.__doc__ or ""), "the docstring names the vendor's schema"
        request = filled_in(vendor, row.request, resolved["properties"], f"{row} body")
        assert set(resolved.get("required", ())) <= always_sent(row.request)
        body = json.loads(question(row, *("7" for _ in in_path), body=request).content or b"")
    elif row.request is not None and row.request is not bytes:
        body = TypeAdapter(row.request).validate_python(made_up(vendor, schema))
    if row.request is not bytes:
        assert vendor.request_deviations(row.method, row.path, query, body) == []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_answer_as_the_document_describes_it_is_read_whole(vendor: VendorDocument, row: Operation[Any]) -> None:
    schema = vendor.answer(row.method, row.path)
    assert row.answer is not Anything
    assert (schema is None) == (row.answer is Download)
    if schema is None:
        return
    answer = made_up(vendor, schema)
    if row is LOGIN:
        answer["data"]["token"] = "a header can carry it"
    assert vendor.answer_deviations(row.method, row.path, answer) == []
    assert ("data" in answer) == (row.answer is not Done and not row.is_its_own_envelope)
    read = row.envelope.validate_python({**answer, row.status_field: 0})
    if row.is_its_own_envelope:
        assert lost(read, {**answer, row.status_field: 0}, "answer") == []
        assert unknown(read, answer, "answer") == []
    elif row.answer is not Done:
        assert lost(read.data, answer["data"], "data") == []
        assert unknown(read.data, answer["data"], "data") == []


def lost(read: Any, answered: Any, where: str) -> list[str]:
    """What the platform answered and our model has no field for, or another value."""
    if isinstance(read, BaseModel):
        names = {sent_name(name, field): name for name, field in type(read).model_fields.items()}
        found = [f"{where}.{name}" for name in answered if name not in names]
        # A moment is one number that the platform writes in ten ways.
        if type(read).__name__ == "Timestamp":
            return []
        return found + [
            line
            for name, ours in names.items()
            if name in answered
            for line in lost(getattr(read, ours), answered[name], f"{where}.{name}")
        ]
    if isinstance(read, list):
        pairs = zip(read, answered, strict=True)
        return [line for number, (x, y) in enumerate(pairs) for line in lost(x, y, f"{where}[{number}]")]
    if isinstance(read, Secret):
        read = read.reveal()
    return [] if read == answered else [f"{where}: {read!r} instead of {answered!r}"]


def unknown(read: Any, answered: Any, where: str) -> list[str]:
    """What our model has and the vendor doesn't. A shape that reads and writes, or several answers, may have more."""
    if isinstance(read, list):
        return [line for x, y in zip(read, answered, strict=True) for line in unknown(x, y, f"{where}[]")]
    if not isinstance(read, BaseModel):
        return []
    found = []
    for name, field in type(read).model_fields.items():
        vendors = sent_name(name, field)
        if vendors in answered:
            found += unknown(getattr(read, name), answered[vendors], f"{where}.{vendors}")
        elif vendors != "multicastFullscreen":
            found.append(f"{where}.{vendors}")
    return found


def test_every_operation_but_what_9_0_brought_is_on_the_older_live_system_too(older_vendor: VendorDocument) -> None:
    missing = [str(row) for row in ROWS if older_vendor.operation(row.method, row.path) is None]
    assert missing == ["GET /ocloud/v1/user/cloud-app"]


@pytest.mark.parametrize(
    ("codes_", "schema", "field"),
    [
        (codes.HostStatus, "HostVO", "status"),
        (codes.DeskPoolType, "DesktopPoolVO", "type"),
        (codes.DeskPoolStatus, "DesktopPoolVO", "status"),
        (codes.EventType, "EventVO", "eventType"),
        (codes.MonitorState, "DomainStartMonitorVO", "status"),
        (codes.SerialKind, "DomainSerialAddDto", "serialModel"),
        (codes.PoolStatus, "PoolUpdateDto", "status"),
        (codes.UsbRedirection, "UsbRedirectDto", "operate"),
    ],
)
def test_the_codes_are_the_vendors(vendor: VendorDocument, codes_: Any, schema: str, field: str) -> None:
    documented = vendor.schemas[schema]["properties"][field]["description"]
    assert {int(code) for code in codes_} == {int(number) for number in re.findall(r"\d", documented)}


@pytest.mark.parametrize(
    ("codes_", "path", "name"),
    [
        (codes.VmStatus, "/ocloud/v1/domain", "status"),
        (codes.RestorePoint, "/ocloud/v1/domain", "freeze"),
        (codes.PolicyOf, "/ocloud/v1/user/access-policy", "type"),
    ],
)
def test_the_codes_in_queries_are_the_vendors(vendor: VendorDocument, codes_: Any, path: str, name: str) -> None:
    documented = vendor.parameters("GET", path, "query")[name]["description"]
    assert {int(code) for code in codes_} == {int(number) for number in re.findall(r"\d", documented)}


def test_every_shape_says_in_its_docstring_which_of_the_vendors_it_is(vendor: VendorDocument) -> None:
    """The first word in backquotes is a schema of the document, or a path whose query it is."""
    names = set(vendor.schemas) | {"PageResult", "ResponseVO"}
    for shape in _subclasses(VendorModel):
        if "[" in shape.__name__ or shape.__name__ in ("Request", "NewStoragePool", "Model", "ClientOutcome"):
            continue
        assert shape.__doc__, shape
        first = re.search(r"`(.*?)`", shape.__doc__)
        is_period = shape.__name__ == "Period"
        assert is_period or (
            first and (first[1] in names or first[1].startswith("GET /") or "export" in shape.__doc__)
        ), shape


def _subclasses(cls: type) -> set[type]:
    return {cls} - {VendorModel} | {each for sub in cls.__subclasses__() for each in _subclasses(sub)}


def test_a_page_is_the_vendors(vendor: VendorDocument) -> None:
    fields = {sent_name(name, field) for name, field in Page.model_fields.items()}
    assert fields == set(vendor.schemas["PageResult«HostVO»"]["properties"])
