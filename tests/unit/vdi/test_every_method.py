"""Every method of the client is called once: what it sends is what its row and the vendor's document say."""

from __future__ import annotations

import asyncio
import collections.abc
import enum
import inspect
import re
import typing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from pydantic import BaseModel

from ATPLibrary.errors import PlatformError
from ATPLibrary.vdi import VdiClient, catalogue
from ATPLibrary.vdi.document import VendorDocument
from ATPLibrary.vdi.long import Batch, LongOperation
from ATPLibrary.vdi.operations import LOGIN, Download
from ATPLibrary.vdi.pages import Pages
from ATPLibrary.vdi.shapes.desk_pools import DeskPool
from ATPLibrary.vdi.shapes.policies import Policy

from .made_up import TEXT, filled_in, inner, is_model, made_up

pytestmark = pytest.mark.unit

# These wait for what others begin.
WAITING = ("events.batch", "events.operation", "events.finish", "events.finish_all")
METHODS = sorted(
    f"{name}.{method}"
    for name, group in catalogue.groups().items()
    for method, _ in inspect.getmembers(group, inspect.isfunction)
    if not method.startswith("_") and f"{name}.{method}" not in WAITING
)
FITS = [(re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(row.path))), row) for row in catalogue.tables()]


def row_of(request: httpx.Request) -> Any:
    """The row whose path this is; one that is written out goes before one with a parameter in that place."""
    path = request.url.raw_path.decode().split("?")[0]
    fits = [row for pattern, row in FITS if row.method == request.method and pattern.fullmatch(path)]
    return min(fits, key=lambda row: row.path.count("{"))


def argument(vendor: VendorDocument, annotation: Any) -> Any:
    """A value of that type; a shape has every field that the vendor's schema of its name has."""
    annotation = inner(annotation)
    origin = typing.get_origin(annotation)
    if origin in (collections.abc.Iterable, collections.abc.Sequence):
        return [argument(vendor, typing.get_args(annotation)[0])]
    if origin is collections.abc.Mapping:
        return {"some name": TEXT}
    if typing.get_args(annotation):  # one of several shapes
        return argument(vendor, typing.get_args(annotation)[0])
    if annotation in (DeskPool, Policy):
        schema = {DeskPool: "DesktopPoolVO", Policy: "RedirectRuleVO"}[annotation]
        return annotation.model_validate(made_up(vendor, vendor.schemas[schema]))
    if is_model(annotation):
        return shape(vendor, annotation)
    if inspect.isclass(annotation) and issubclass(annotation, enum.IntEnum):
        return next(iter(annotation))
    return {str: TEXT, int: 1, bool: True, bytes: b"sheet", object: TEXT}[annotation]


def shape(vendor: VendorDocument, model: type[BaseModel]) -> BaseModel:
    named = re.search(r"`(?:GET )?(.*?)`", model.__doc__ or "")
    assert named
    if named[1] in vendor.schemas:
        return filled_in(vendor, model, vendor.schemas[named[1]]["properties"], model.__name__)
    # A query: that of the row that takes it.
    row = next(row for row in catalogue.tables() if row.query is model)
    parameters = vendor.parameters(row.method, row.path, "query")
    return filled_in(vendor, model, {name: each["schema"] for name, each in parameters.items()}, model.__name__)


@pytest.mark.parametrize("method", METHODS)
async def test_a_method_sends_what_its_row_says(
    vendor: VendorDocument, vendor_file: Path, settings: Any, platform: Any, method: str
) -> None:
    asked: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        row = row_of(request)
        asked.append((row, request))
        if row.answer is Download:
            return httpx.Response(200, content=b"PK", headers={"Content-Type": "application/octet-stream"})
        made = {**made_up(vendor, vendor.answer(row.method, row.path)), row.status_field: 0}
        if row is LOGIN:
            made["data"]["token"] = "token"
        return httpx.Response(200, json=made)

    checked = settings.model_copy(update={"api_document": vendor_file})
    client = VdiClient(checked, event_bus=platform.bus, transport=httpx.MockTransport(answer))
    client._session.findings._document = vendor  # the same, without reading it 200 times
    await client.login()
    asked.clear()
    group, name = method.split(".")
    function = getattr(getattr(client, group), name)
    hints = typing.get_type_hints(function)
    values = {
        each: argument(vendor, hints[each]) for each in inspect.signature(function).parameters if each != "timeout"
    }
    left_out = ""
    answered: Any = None
    try:
        async with asyncio.timeout(10):
            answered = function(**values)
            if isinstance(answered, collections.abc.AsyncGenerator):
                answered = [each async for each in answered]
            else:
                answered = await (answered.collect() if isinstance(answered, Pages) else answered)
    except PlatformError as error:
        left_out = str(error)
    assert not left_out or "did not" in left_out  # the answer that was made up names a VM as left out
    rows = {row for row, _ in asked}
    expected = set(catalogue.methods()[method])
    if method == "storage.create":  # the shape decides which one
        assert len(rows & expected) == len(rows) == 1
    else:
        # Names for the sentence are looked up in the list of VMs.
        assert rows - (set(catalogue.methods()["domains.list"]) if left_out else set()) == expected
    assert [str(finding) for finding in client.findings] == []
    if hints["return"] is Batch or typing.get_origin(hints["return"]) is LongOperation:
        assert isinstance(answered, Batch | LongOperation)
    # Everything that was given has gone out somewhere, ids in the path included.
    sent = unquote(" ".join(f"{request.url} {request.content.decode()}" for _, request in asked))
    is_looked_up = {"name_or_id", "names_or_ids"} & set(values)  # in the list, here
    assert TEXT in sent or TEXT not in str(values) or is_looked_up
    await client.close()
