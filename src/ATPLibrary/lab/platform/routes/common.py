"""What the routes share: the server's parts, paging, the refusal of filters that nobody knows."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.accounts import Accounts
from ATPLibrary.lab.platform.alarms import Alarms
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import API, Refusal, Status
from ATPLibrary.lab.platform.disks import Disks
from ATPLibrary.lab.platform.hosts import Hosts
from ATPLibrary.lab.platform.machines import Machines, VmView
from ATPLibrary.lab.platform.making import Making
from ATPLibrary.lab.platform.migrating import Migrating
from ATPLibrary.lab.platform.model_making import ModelMaking
from ATPLibrary.lab.platform.models import Models
from ATPLibrary.lab.platform.operations import Operations
from ATPLibrary.lab.platform.people import People
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.shapes.base import answering
from ATPLibrary.lab.platform.shapes.vms import DomainVO
from ATPLibrary.lab.platform.shares import Shares
from ATPLibrary.lab.platform.storage import Storage
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.platform.tables import VmRow

Answer = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """The parts of a running server, for the routes."""

    store: Store
    accounts: Accounts
    machines: Machines
    hosts: Hosts
    operations: Operations
    batches: Batches
    models: Models
    clones: Clones
    pools: Pools
    storage: Storage
    disks: Disks
    making: Making
    model_making: ModelMaking
    migrating: Migrating
    people: People
    shares: Shares
    alarms: Alarms

    async def vms(self, rows: Sequence[VmRow]) -> list[DomainVO]:
        """The VMs as they are now."""
        return self.shown(await self.batches.views(rows))

    def shown(self, views: Sequence[VmView]) -> list[DomainVO]:
        names = {model.id: model.name for model in self.models.all()}
        pools = {host.id: str(self.hosts.settings(host.id).get("pool", "")) for host in self.machines.hosts}
        return [answers.vm(view, names, pools[view.host.id]) for view in views]


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def known_filters(request: Request) -> None:
    """A filter that the server doesn't know must not be taken for one that let everything through."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    if unknown := sorted(set(request.query_params) - known):
        raise Refusal(
            f"实验平台不支持的参数: {', '.join(unknown)} (parameters the lab doesn't know)", Status.BAD_REQUEST
        )


def group(prefix: str = API) -> APIRouter:
    """A router for one group of the vendor's operations."""
    return APIRouter(prefix=prefix, dependencies=[Depends(known_filters)])


def absent(router: APIRouter, unknown: Callable[[Any], Refusal], orders: Mapping[str, type[BaseModel]]) -> None:
    """Routes by which things are ordered of which the lab has none: what they name is `unknown`. A path and its body each."""

    def order(request: type[BaseModel]) -> Callable[..., Awaitable[Answer]]:
        async def refuse(body: BaseModel) -> Answer:
            raise unknown(body)

        parameter = inspect.Parameter("body", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=request)
        refuse.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]  # what FastAPI reads
        return refuse

    for path, request in orders.items():
        name = path.strip("/").replace("/", " ").replace("-", " ")
        router.add_api_route(path, order(request), methods=["POST"], name=name, **answering())


ThePlatform = Annotated[Platform, Depends(_platform)]
PageNumber = Annotated[int, Query(alias="pageNum")]
PageSize = Annotated[int, Query(alias="pageSize")]
Codes = Annotated[str | None, Query(pattern=r"^[0-9]{1,3}(,[0-9]{1,3})*$", max_length=100)]


def numbers(codes: str) -> set[int]:
    return {int(code) for code in codes.split(",")}


def paged(items: Sequence[Any], number: int, size: int) -> Answer:
    """One page of `items`, in its envelope."""
    answers.check_page(number, size)
    return answers.envelope(answers.page(items, number, size))


def done() -> Answer:
    return answers.envelope()


def has(keyword: str | None, *texts: str | None) -> bool:
    """Whether one of the texts has the keyword in it, whatever its case."""
    return not keyword or any(keyword.lower() in (text or "").lower() for text in texts)
