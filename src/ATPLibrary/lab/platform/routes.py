"""The vendor's paths. Each is thin: check, do, answer in the vendor's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request

from ATPLibrary.lab.platform import answers
from ATPLibrary.lab.platform.accounts import Accounts
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.codes import API, FAILURE, SUCCESS, Refusal, Status
from ATPLibrary.lab.platform.machines import Machines
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.requests import BatchDelDomainReq, DeskPoolCreateDto, DomainBatchTaskDto, LoginDto
from ATPLibrary.lab.platform.store import Store

Answer = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """The parts of a running server, for the routes."""

    store: Store
    accounts: Accounts
    machines: Machines
    batches: Batches
    pools: Pools


def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


def _known_filters(request: Request) -> None:
    """A filter that the server doesn't know must not be taken for one that let everything through."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    if unknown := sorted(set(request.query_params) - known):
        raise Refusal(
            f"实验平台不支持的参数: {', '.join(unknown)} (parameters the lab doesn't know)", Status.BAD_REQUEST
        )


ThePlatform = Annotated[Platform, Depends(_platform)]
PageNumber = Annotated[int, Query(alias="pageNum")]
PageSize = Annotated[int, Query(alias="pageSize")]
Codes = Annotated[str | None, Query(pattern=r"^\d+(,\d+)*$")]

session = APIRouter(prefix=API)
router = APIRouter(prefix=API, dependencies=[Depends(_known_filters)])


@session.post("/login")
async def login(body: LoginDto, platform: ThePlatform) -> Answer:
    token = platform.accounts.login(body.username, body.password)
    data = {"token": token, "username": body.username, "roleLevel": "1", "resourcePri": 1, "userPri": 1}
    return answers.envelope(data)


@session.post("/logout")
async def logout(platform: ThePlatform, token: Annotated[str, Header()] = "") -> Answer:
    platform.accounts.logout(token)
    return answers.envelope()


@router.get("/host")
async def list_hosts(
    platform: ThePlatform,
    *,
    name: str | None = None,
    status: Codes = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    hosts = await _hosts(platform, name, status)
    return answers.envelope(answers.page(hosts, number, size))


@router.get("/host/all")
async def all_hosts(platform: ThePlatform, name: str | None = None, status: Codes = None) -> Answer:
    return answers.envelope(await _hosts(platform, name, status))


@router.get("/host/{id}")
async def show_host(id: str, platform: ThePlatform) -> Answer:
    for view in await platform.batches.host_views():
        if view.id == id:
            return answers.envelope(answers.host(view, detail=True))
    raise Refusal(f"主机不存在: {id} (no such host)")


@router.get("/model")
async def list_models(platform: ThePlatform, keyword: str = "", number: PageNumber = 1, size: PageSize = 10) -> Answer:
    answers.check_page(number, size)
    return answers.envelope(answers.page(_models(platform, keyword), number, size))


@router.get("/model/all")
async def all_models(platform: ThePlatform) -> Answer:
    return answers.envelope(_models(platform, ""))


@router.get("/desk-pool")
async def list_desk_pools(
    platform: ThePlatform,
    *,
    keyword: str = "",
    type: int | None = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    vms = platform.store.vms()
    pools = [
        answers.pool(pool, [vm for vm in vms if vm.pool_id == pool.id])
        for pool in platform.store.pools()
        if keyword.lower() in pool.name.lower() and type in (None, pool.type)
    ]
    return answers.envelope(answers.page(pools, number, size))


@router.post("/desk-pool")
async def create_desk_pool(body: DeskPoolCreateDto, platform: ThePlatform) -> Answer:
    return answers.envelope({"eventId": platform.pools.create(body)})


@router.delete("/desk-pool/{id}")
async def delete_desk_pool(id: str, platform: ThePlatform) -> Answer:
    await platform.pools.delete(id)
    return answers.envelope()


@router.post("/desk-pool/{id}/enable")
async def enable_desk_pool(id: str, platform: ThePlatform) -> Answer:
    platform.store.change_pool(platform.pools.get(id).id, enabled=1)
    return answers.envelope()


@router.post("/desk-pool/{id}/disable")
async def disable_desk_pool(id: str, platform: ThePlatform) -> Answer:
    platform.store.change_pool(platform.pools.get(id).id, enabled=0)
    return answers.envelope()


@router.get("/desk-pool/{id}/domain/list")
async def list_desk_pool_vms(id: str, platform: ThePlatform) -> Answer:
    views = await platform.batches.views(platform.store.vms(platform.pools.get(id).id))
    return answers.envelope([answers.vm(view) for view in views])


@router.get("/domain")
async def list_vms(
    platform: ThePlatform,
    *,
    keyword: str = "",
    host_id: Annotated[str | None, Query(alias="hostId")] = None,
    model_id: Annotated[str | None, Query(alias="motherId")] = None,
    status: Codes = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    rows = [
        row
        for row in platform.store.vms()
        if keyword.lower() in row.name.lower()
        and host_id in (None, row.host_id)
        and model_id in (None, answers.MODEL_IDS[row.model])
    ]
    if status is None:  # libvirt is asked about this page's VMs only
        page = answers.page(rows, number, size)
        page["list"] = [answers.vm(view) for view in await platform.batches.views(page["list"])]
        return answers.envelope(page)
    wanted = _numbers(status)
    vms = [answers.vm(view) for view in await platform.batches.views(rows) if view.status in wanted]
    return answers.envelope(answers.page(vms, number, size))


@router.post("/domain/start")
async def start_vms(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
    return answers.envelope(await platform.batches.start(body))


@router.post("/domain/close")
async def close_vms(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
    return answers.envelope(await platform.batches.close(body))


@router.post("/domain/reboot")
async def reboot_vms(body: DomainBatchTaskDto, platform: ThePlatform) -> Answer:
    return answers.envelope(await platform.batches.reboot(body))


@router.post("/domain/delete")
async def delete_vms(body: BatchDelDomainReq, platform: ThePlatform) -> Answer:
    await platform.batches.delete(body)
    return answers.envelope()


@router.get("/domain/{id}")
async def show_vm(id: str, platform: ThePlatform) -> Answer:
    return answers.envelope(answers.vm(await platform.batches.view(id)))


@router.get("/domain/{id}/port")
async def list_vm_ports(id: str, platform: ThePlatform) -> Answer:
    view = await platform.batches.view(id)
    ports = await platform.machines.ports(view)
    return answers.envelope([{"type": type, "value": port} for type, port in ports])


@router.get("/event")
async def list_events(
    platform: ThePlatform,
    *,
    vm_name: Annotated[str | None, Query(alias="domainName")] = None,
    ip: str | None = None,
    succeeded: Annotated[int | None, Query(alias="isSuccess", ge=0, le=1)] = None,
    operate: Annotated[int | None, Query(alias="operateType")] = None,
    number: PageNumber = 1,
    size: PageSize = 10,
) -> Answer:
    answers.check_page(number, size)
    # The vendor's filter has 1 for success, while the field has 0.
    success = None if succeeded is None else SUCCESS if succeeded == 1 else FAILURE
    events, total = platform.store.events(
        vm_name=vm_name, ip=ip, success=success, operate=operate, offset=(number - 1) * size, limit=size
    )
    return answers.envelope(answers.page([answers.event(event) for event in events], number, size, total))


@router.get("/event/{id}")
async def show_event(id: str, platform: ThePlatform) -> Answer:
    event = platform.store.event(id)
    if event is None:
        raise Refusal(f"事件不存在: {id} (no such event)")
    return answers.envelope(answers.event(event))


async def _hosts(platform: Platform, name: str | None, status: str | None) -> list[Answer]:
    hosts = [answers.host(view) for view in await platform.batches.host_views()]
    wanted = None if status is None else _numbers(status)
    return [
        host
        for host in hosts
        if (name or "").lower() in host["name"].lower() and (wanted is None or host["status"] in wanted)
    ]


def _models(platform: Platform, keyword: str) -> list[Answer]:
    models = [vm.model for vm in platform.store.vms()]
    first_host = platform.machines.hosts[0].id
    return [
        answers.model(name, models.count(name), first_host)
        for name in answers.MODEL_IDS
        if keyword.lower() in name.lower()
    ]


def _numbers(codes: str) -> set[int]:
    return {int(code) for code in codes.split(",")}
