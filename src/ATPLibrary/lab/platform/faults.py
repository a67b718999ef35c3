"""Faults on demand, for tests of clients: a server started with `--faults` has an endpoint of the lab's own that orders them.

`POST /lab/faults` orders one, `GET` lists what is left of them, `DELETE` ends them all. Without the switch there is no such path.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.codes import Refusal, Status

PATH = "/lab/faults"
ORDERED = "按要求失败 (it fails because a fault was ordered)"

Kind = Literal["slow", "http", "expired-token", "truncated", "wrong-type", "event-fails", "event-never-ends"]

# What becomes of the operations that the present request begins.
_EVENT_FAULT: ContextVar[str] = ContextVar("event fault", default="")

Work = Callable[[Callable[[str], None]], Coroutine[Any, Any, None]]


class Fault(BaseModel):
    """For the next `times` requests of `method` ("" for any) whose path begins with `path`.

    `seconds` is how slow, `code` which HTTP status, `field` what gets a wrong type ("data.list.0.id"; numbers count from 0).
    """

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    method: str = ""
    path: str = "/ocloud"
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    code: Annotated[int, Field(ge=500, le=599)] = 503
    field: str = "data"


@dataclass
class Faults:
    """The faults that are ordered, in the order in which they were."""

    ordered: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        """The first one for this request; it counts as used."""
        for fault in self.ordered:
            if fault.method in ("", method) and path.startswith(fault.path):
                fault.times -= 1
                if not fault.times:
                    self.ordered.remove(fault)
                return fault
        return None

    async def answer(self, request: Request, following: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
        """What `following` answers, unless a fault is ordered for this request."""
        fault = None if request.url.path == PATH else self.take(request.method, request.url.path)
        if fault is None:
            return await following(request)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault.kind == "http":
            return Response(f"<html><body>{fault.code}</body></html>", fault.code, media_type="text/html")
        elif fault.kind == "expired-token":
            raise Refusal("token校验失败 (missing, unknown or expired token)", Status.INVALID_TOKEN)
        elif fault.kind in ("event-fails", "event-never-ends"):
            _EVENT_FAULT.set(fault.kind)
        answer = await following(request)
        if fault.kind not in ("truncated", "wrong-type"):
            return answer
        body = b"".join([bytes(part) async for part in answer.body_iterator])  # type: ignore[attr-defined]  # a streaming response
        if fault.kind == "truncated":
            return Response(body[: max(1, len(body) * 2 // 3)], media_type="application/json")
        wrong = json.dumps(_with_wrong_type(json.loads(body), fault.field.split(".")), ensure_ascii=False)
        return Response(wrong, media_type="application/json")


def faulty(work: Work, *, in_steps: bool) -> tuple[Work, bool]:
    """The work of an operation, or what a fault makes of it; and whether that only waits.

    Work `in_steps`, which reports each, fails at its first and clears up as it does when that goes wrong; other isn't begun.
    """
    kind = _EVENT_FAULT.get()

    def stop(_: str) -> None:
        raise Refusal(ORDERED)

    async def fail(report: Callable[[str], None]) -> None:
        if in_steps:
            await work(stop)
        raise Refusal(ORDERED)

    async def hang(report: Callable[[str], None]) -> None:
        await asyncio.Event().wait()

    if kind == "event-fails":
        return fail, False
    return (hang, True) if kind == "event-never-ends" else (work, False)


def router(faults: Faults) -> APIRouter:
    """The lab's own endpoint. It needs a token as all others do."""
    own = APIRouter(prefix=PATH)

    @own.post("")
    async def order(fault: Fault) -> dict[str, Any]:
        faults.ordered.append(fault)
        return answers.envelope()

    @own.get("")
    async def ordered() -> dict[str, Any]:
        return answers.envelope([fault.model_dump() for fault in faults.ordered])

    @own.delete("")
    async def end() -> dict[str, Any]:
        faults.ordered.clear()
        return answers.envelope()

    return own


def _with_wrong_type(value: Any, way: list[str]) -> Any:
    """The same JSON with one value of another type, as far as the way to it goes."""
    if not way:
        return 7 if isinstance(value, str) else "seven"
    step, *rest = way
    if isinstance(value, dict) and step in value:
        return {**value, step: _with_wrong_type(value[step], rest)}
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        at = int(step)
        return [*value[:at], _with_wrong_type(value[at], rest), *value[at + 1 :]]
    return value
