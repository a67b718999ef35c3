"""Any operation of the platform, by its method and path: for what the client has no method of its own for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import Secret
from ATPLibrary.vdi.operations import Anything, Method, Operation
from ATPLibrary.vdi.session import PlatformSession

_WRITTEN = re.compile(r"([A-Za-z]+)\s+(/\S*)")
_IN_PATH = re.compile(r"\{([^{}]+)\}")
# Methods whose parameters are in the query where no document says otherwise.
_BY_QUERY = ("GET", "DELETE")


async def free_call(
    session: PlatformSession, written: str, parameters: Mapping[str, Any], body: Any, timeout: float | None
) -> Any:
    """Carry out `written` ("GET /ocloud/v1/host/{id}"): see `VdiClient.call`."""
    match = _WRITTEN.fullmatch(written.strip())
    method = match[1].upper() if match else ""
    if match is None or method not in get_args(Method):
        raise InputError.about(
            "An operation of the platform",
            wanted="be a method and a path, like 'GET /ocloud/v1/host/{id}'",
            got=f"is {written!r}",
        )
    path = match[2]
    named = _IN_PATH.findall(path)
    missing = [name for name in named if name not in parameters]
    if missing:
        raise InputError.about(
            f"'{method} {path}'",
            wanted=f"be called with {', '.join(missing)}",
            got="those are in its path and not given",
        )
    others = {name: value for name, value in parameters.items() if name not in named and value is not None}
    query, fields = _placed(session, method, path, others, has_body=body is not None)
    operation: Operation[object] = Operation(
        f"carry out {method} {path}",
        method,  # type: ignore[arg-type]
        path,
        Anything,
        idempotent=method == "GET",
        secret_names=_secret_names(method, path),
    )
    ids = [parameters[name] for name in named]
    answer = await session.call(operation, *ids, query=query, body=fields if body is None else body, timeout=timeout)
    return _with_secrets(answer, operation.secret_names)


def _secret_names(method: str, path: str) -> frozenset[str]:
    """What is a password or key in the answer of an operation that the client knows; `path` may be filled in already."""
    from ATPLibrary.vdi.catalogue import tables

    names: set[str] = set()
    for row in tables():
        if row.method == method and row.holds_secrets:
            known = "[^/]+".join(map(re.escape, re.split(r"\{[^{}]+\}", row.path)))
            if re.fullmatch(known, path.partition("?")[0].rstrip("/")):
                names |= row.vendor_secrets
    return frozenset(names)


def _with_secrets(data: Any, names: frozenset[str]) -> Any:
    """`data` with the texts of these names, wherever they stand, as secrets."""
    if not names:
        return data
    if isinstance(data, list):
        return [_with_secrets(each, names) for each in data]
    if isinstance(data, dict):
        return {
            name: Secret(value) if name in names and isinstance(value, str) else _with_secrets(value, names)
            for name, value in data.items()
        }
    return data


def _placed(
    session: PlatformSession, method: str, path: str, others: Mapping[str, Any], *, has_body: bool
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What of `others` goes into the query, and what into the body."""
    document = session.findings.document
    if has_body:
        in_query = set(others)
    elif document is not None and document.operation(method, path) is not None:
        in_query = set(document.parameters(method, path, "query"))
        if document.request(method, path) is None:
            in_query |= set(others)
    else:
        in_query = set(others) if method in _BY_QUERY else set()
    query = {name: value for name, value in others.items() if name in in_query}
    fields = {name: value for name, value in others.items() if name not in in_query}
    return query, fields or None
