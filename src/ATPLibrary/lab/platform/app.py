"""The web application: builds the server's parts, checks the token first, turns every failure into the vendor's envelope."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ATPLibrary.errors import ATPError
from ATPLibrary.events import EventBus
from ATPLibrary.lab.platform import answers, faults
from ATPLibrary.lab.platform.accounts import TOKEN_SECONDS, Accounts
from ATPLibrary.lab.platform.alarms import Alarms
from ATPLibrary.lab.platform.batches import Batches
from ATPLibrary.lab.platform.clones import Clones
from ATPLibrary.lab.platform.codes import API, Refusal, Status
from ATPLibrary.lab.platform.disks import Disks
from ATPLibrary.lab.platform.faults import Faults
from ATPLibrary.lab.platform.hosts import Hosts
from ATPLibrary.lab.platform.machines import DETACH_SECONDS, Machines
from ATPLibrary.lab.platform.making import Making
from ATPLibrary.lab.platform.migrating import Migrating
from ATPLibrary.lab.platform.model_making import ModelMaking
from ATPLibrary.lab.platform.models import Models
from ATPLibrary.lab.platform.operations import Operations
from ATPLibrary.lab.platform.people import People
from ATPLibrary.lab.platform.pools import Pools
from ATPLibrary.lab.platform.recovery import Left, recover
from ATPLibrary.lab.platform.routes import ROUTERS
from ATPLibrary.lab.platform.routes.common import Platform
from ATPLibrary.lab.platform.shares import Shares
from ATPLibrary.lab.platform.storage import Storage
from ATPLibrary.lab.platform.store import Store
from ATPLibrary.lab.settings import LabSettings
from ATPLibrary.secrets import Secret, redact

LOG = logging.getLogger(__name__)

LARGEST_REQUEST_BYTES = 1024 * 1024
STOP_SECONDS = 3.0
USERS_PREFIX = "/ocloud/usermodule/"
WITHOUT_TOKEN = (
    f"{API}/login",
    f"{API}/desk-pool/class/model",
    f"{API}/desk-pool/class/switch-model",
    f"{API}/event/class/queryById",
    f"{USERS_PREFIX}userlogin2",
)

Next = Callable[[Request], Coroutine[Any, Any, Response]]


def create_app(
    directory: Path,
    settings: LabSettings,
    token_lifetime: float | None = None,
    *,
    detach_seconds: float | None = None,
    with_faults: bool = False,
) -> FastAPI:
    """The server of the lab in `directory`, with the endpoint that orders faults if wanted. Nothing is opened before it serves."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(directory)
        machines = Machines(settings, EventBus(), detach_seconds or DETACH_SECONDS)
        platform = build(store, machines, settings, token_lifetime or TOKEN_SECONDS)
        app.state.platform = platform
        if failed := platform.operations.recover():
            LOG.warning("%d operations of the last run had not ended: they count as failed", failed)
        platform.pools.forget_other_labs()
        for part in (platform.hosts, platform.models, platform.storage, platform.people, platform.alarms):
            part.prepare()
        recovering = asyncio.create_task(
            recover(platform, Left.of(platform)),
            name="finish what a killed server left",
        )
        try:
            yield
        finally:
            recovering.cancel()
            await platform.operations.stop(STOP_SECONDS)
            await machines.close(STOP_SECONDS)
            store.close()

    app = FastAPI(title="ATPLibrary lab platform", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.state.faults = Faults() if with_faults else None
    if with_faults:
        app.include_router(faults.router(app.state.faults))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ATPError, _failed)
    app.middleware("http")(_guard)
    return app


def build(store: Store, machines: Machines, settings: LabSettings, token_lifetime: float) -> Platform:
    """The server's parts, each given those that it stands on."""
    account = settings.platform
    accounts = Accounts(store, account.username, Secret(account.password), token_lifetime)
    hosts = Hosts(store, machines)
    alarms = Alarms(store)
    operations = Operations(store, alarms.operation_failed)
    batches = Batches(store, machines, hosts, operations)
    models = Models(store, hosts)
    clones = Clones(store, machines, models)
    pools = Pools(store=store, machines=machines, operations=operations, batches=batches, models=models, clones=clones)
    storage = Storage(store, machines, hosts)
    disks = Disks(machines, storage)
    making = Making(
        store=store,
        machines=machines,
        operations=operations,
        batches=batches,
        models=models,
        clones=clones,
        storage=storage,
        disks=disks,
    )
    model_making = ModelMaking(
        store=store,
        machines=machines,
        operations=operations,
        batches=batches,
        models=models,
        clones=clones,
        pools=pools,
    )
    return Platform(
        store=store,
        accounts=accounts,
        machines=machines,
        hosts=hosts,
        operations=operations,
        batches=batches,
        models=models,
        clones=clones,
        pools=pools,
        storage=storage,
        disks=disks,
        making=making,
        model_making=model_making,
        migrating=Migrating(
            store=store, machines=machines, hosts=hosts, batches=batches, models=models, storage=storage
        ),
        people=People(store),
        shares=Shares(store.records),
        alarms=alarms,
    )


async def _guard(request: Request, following: Next) -> Response:
    """Token before path and body: who isn't logged in learns nothing. And no failure leaves as a bare page."""
    try:
        if int(request.headers.get("content-length") or 0) > LARGEST_REQUEST_BYTES:
            raise Refusal("请求过大 (the request is larger than 1 MiB)", Status.BAD_REQUEST)
        if "transfer-encoding" in request.headers:
            raise Refusal("请求必须有 Content-Length (the request must say its length)", Status.BAD_REQUEST)
        if request.url.path not in WITHOUT_TOKEN:
            request.app.state.platform.accounts.check(request.headers.get("token", ""))
        ordered: Faults | None = request.app.state.faults
        return await (following(request) if ordered is None else ordered.answer(request, following))
    except Refusal as refusal:
        return await _refused(request, refusal)
    except Exception as error:  # noqa: BLE001 - the last line before the wire: logged whole, answered without its words
        LOG.error("%s %s failed:\n%s", request.method, request.url.path, "".join(traceback.format_exception(error)))
        return _answer(request, "服务器内部错误 (internal error: see the platform's log)", Status.FAILED, http=500)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _answer(request, error.message, error.status)


async def _invalid(request: Request, error: Exception) -> Response:
    """Wrong input: which field and why, without the value (it may be a password)."""
    assert isinstance(error, RequestValidationError)
    problems = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'body'}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )
    return _answer(request, f"参数错误: {problems}", Status.BAD_REQUEST)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's word for a body in no encoding that JSON has
        return _answer(request, "参数错误: 请求体无法解析 (the body can't be read as JSON)", Status.BAD_REQUEST)
    message = f"接口不存在: {request.method} {request.url.path} (no such operation)"
    return _answer(request, message, Status.NOT_FOUND, http=error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    """A host that doesn't answer, an overlay that can't be made: the platform works, what it was asked to do didn't."""
    LOG.error("%s %s: %s", request.method, request.url.path, redact(str(error)))
    return _answer(request, f"操作失败: {redact(str(error))}", Status.FAILED)


def _answer(request: Request, message: str, status: Status, http: int = 200) -> Response:
    """In the vendor's envelope; what a user's client asks has another one."""
    if request.url.path.startswith(USERS_PREFIX):
        return JSONResponse({"returnCode": int(status), "msg": message}, status_code=http)
    return JSONResponse(answers.envelope(status=status, message=message), status_code=http)
