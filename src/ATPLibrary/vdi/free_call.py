"""Any operation of the platform, by its method and path: for what the client has no method of its own for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

from ATPLibrary.errors import InputError
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
    )
    ids = [parameters[name] for name in named]
    return await session.call(operation, *ids, query=query, body=fields if body is None else body, timeout=timeout)


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
