"""The server held against the vendor's own API document: each route, what it accepts, and what it answers on the wire."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import pytest
from typing_extensions import is_typeddict

from ATPLibrary.lab.platform import codes as lab_codes
from ATPLibrary.lab.platform import requests, shapes
from ATPLibrary.lab.platform.requests.base import Request
from ATPLibrary.lab.platform.routes import (
    ROUTERS,
    desk_pools,
    devices,
    disks,
    domain_life,
    domains,
    events,
    hosts,
    house,
    models,
    panel,
    resource_pools,
    sessions,
    snapshots,
    storage,
    users,
)
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


# -- what the routes say of themselves


def test_every_route_is_the_vendors_with_its_parameters(vendor: Any) -> None:
    for route in routes_of(*ROUTERS):
        (method,) = route.methods
        assert vendor.operation(method, route.path), (method, route.path)
        names = {field.alias for field in route.dependant.query_params}
        assert names - set(vendor.parameters(method, route.path, "query")) == set(), (method, route.path)
        bodies = [field.field_info.annotation.__name__ for field in route.dependant.body_params]
        request = vendor.request(method, route.path)
        assert bodies == ([] if request is None else [name_of(request) or "dict"]), (method, route.path)


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


# -- what they do on the wire


class Wire:
    """Every answer is held against the vendor's schema for that operation."""

    def __init__(self, vendor: Any, http: httpx.AsyncClient) -> None:
        self._vendor = vendor
        self._http = http
        self.asked: set[tuple[str, str]] = set()

    async def ask(
        self, method: str, path: str, body: Any = None, *, query: str = "", refused: str = "", **ids: Any
    ) -> Any:
        """The answer's data. With `refused` the platform must say no, with these words in it."""
        full = path if path.startswith("/ocloud") else API + path
        answer = await self._http.request(method, full.format(**ids) + query, json=body)
        value = answer.json()
        schema = self._vendor.answer(method, full)
        assert self._vendor.deviations(value, schema, f"{method} {full}", null_is_missing=False) == []
        self.asked.add((method, full))
        status = value["status"] if "status" in value else value["returnCode"]
        assert (status == 0) == (not refused), value
        assert refused in value["msg"], value
        return value.get("data")

    async def bare(self, method: str, path: str, body: Any = None, *, refused: str = "") -> Any:
        """The whole answer, held against the schema too."""
        answer = (await self._http.request(method, path, json=body)).json()
        schema = self._vendor.answer(method, path.partition("?")[0])
        assert self._vendor.deviations(answer, schema, f"{method} {path}", null_is_missing=False) == []
        assert refused in answer["msg"]
        return answer

    async def finish(self, event: str, refused: str = "") -> Any:
        """Wait for an operation; it must succeed, or fail with these words."""
        while "isSuccess" not in (seen := await self.ask("GET", "/event/{id}", id=event)):
            pass
        assert (seen["isSuccess"] == 0) == (not refused), seen["errorReason"]
        assert refused in seen["errorReason"], seen
        return seen

    async def batch(self, name: str, ids: list[str], **more: Any) -> None:
        """A batch that is refused for none of the VMs, to its end."""
        data = await self.ask("POST", f"/domain/{name}", {"idList": ids, **more})
        assert data["errorList"] == []
        for event in data["eventIdList"]:
            await self.finish(event)

    async def pool(self, name: str, amount: int, **more: Any) -> tuple[str, list[str]]:
        """A desk pool that is ready: its id and its VMs'."""
        (model, *_) = await self.ask("GET", "/model/all")
        order = {"name": name, "amount": amount, "type": 1, "modelId": model["id"], **more}
        await self.finish((await self.ask("POST", "/desk-pool", order))["eventId"])
        (pool,) = (await self.ask("GET", "/desk-pool", query=f"?keyword={name}"))["list"]
        return pool["id"], [vm["id"] for vm in await self.ask("GET", "/desk-pool/{id}/domain/list", id=pool["id"])]

    def covers(self, *modules: ModuleType) -> None:
        """Every route of these groups has been asked."""
        served = {(method, route.path) for route in routes_of(*(m.router for m in modules)) for method in route.methods}
        assert served - self.asked == set()


@pytest.fixture
async def wire(vendor: Any, platform_lab: Any) -> AsyncIterator[Wire]:
    """Logged in; the desk pools and VMs that a test leaves are deleted after it."""
    async with httpx.AsyncClient(base_url=platform_lab.url, trust_env=False, timeout=60) as http:
        wire = Wire(vendor, http)
        login = {"username": "admin", "password": hashlib.md5(PASSWORD.encode()).hexdigest()}
        http.headers["Token"] = (await wire.ask("POST", "/login", login))["token"]
        yield wire
        http.headers["Token"] = (await wire.ask("POST", "/login", login))["token"]  # the test may have logged out
        for pool in (await http.get(f"{API}/desk-pool?pageSize=100")).json()["data"]["list"]:
            await http.delete(f"{API}/desk-pool/{pool['id']}")
        vms = (await http.get(f"{API}/domain?pageSize=100")).json()["data"]["list"]
        if vms:
            await http.post(f"{API}/domain/delete", json={"domainIdList": [vm["id"] for vm in vms], "isRecycle": 0})
        assert platform_lab.left() == []


async def test_sessions_and_events(wire: Wire) -> None:
    pool, vms = await wire.pool("契约", 1)
    await wire.batch("start", vms)
    assert (await wire.ask("GET", "/event", query="?pageSize=100&isSuccess=1"))["total"] >= 2
    event = (await wire.ask("GET", "/event", query="?domainName=契约-001"))["list"][0]
    assert await wire.ask("GET", "/event/class/queryById", query=f"?id={event['id']}") == event
    await wire.ask("DELETE", "/desk-pool/{id}", id=pool)
    await wire.ask("POST", "/logout")
    wire.covers(sessions, events)


async def test_desk_pools(wire: Wire) -> None:
    first, second, third = await wire.ask("GET", "/model/all")
    pool, vms = await wire.pool("教学", 1, type=2, modelId=f"{first['id']},{second['id']}", classNo="8")
    assert [model["active"] for model in await wire.ask("GET", "/desk-pool/class/model", query="?class_no=8")] == [1, 0]
    for action in ("enable", "disable", "file"):
        await wire.ask("POST", f"/desk-pool/{{id}}/{action}", id=pool)
    (shown,) = (await wire.ask("GET", "/desk-pool", query="?type=2"))["list"]
    assert (shown["status"], shown["enabled"]) == (2, 0)
    data = await wire.ask("POST", "/domain/start", {"idList": vms})
    assert "桌面池已归档" in data["errorList"][0]["errorMsg"]
    await wire.ask("POST", "/desk-pool/{id}/enable", id=pool, refused="桌面池已归档")
    await wire.ask("POST", "/desk-pool/{id}/active", id=pool)

    event = await wire.ask("PATCH", "/desk-pool/{id}", {"name": "教学二", "amount": 3}, id=pool)
    await wire.finish(event["eventId"])
    vms = [vm["id"] for vm in await wire.ask("GET", "/desk-pool/{id}/domain/list", id=pool)]
    assert len(vms) == 3
    await wire.ask("PATCH", "/desk-pool/{id}", {"name": "教学二", "amount": 1}, id=pool, refused="不能减少到 1")

    switch = {"deskPoolId": pool, "modelId": second["id"]}
    await wire.finish((await wire.ask("POST", "/desk-pool/switch-model", switch))["eventId"])
    (shown,) = (await wire.ask("GET", "/desk-pool", query="?typeList=2&typeList=0"))["list"]
    assert (shown["curModelName"], shown["status"]) == (second["name"], 0)
    await wire.ask("POST", "/desk-pool/switch-model", switch, refused="已是当前模板")
    await wire.ask("POST", "/desk-pool/switch-model", {**switch, "modelId": third["id"]}, refused="不属于该桌面池")
    back = {"deskPoolId": pool, "modelId": first["id"], "classNo": "8"}
    await wire.finish((await wire.ask("POST", "/desk-pool/class/switch-model", back))["eventId"])
    await wire.ask("POST", "/desk-pool/class/switch-model", {**back, "classNo": "9"}, refused="教学池不存在")

    await wire.ask("DELETE", "/desk-pool/domain", {"id": pool, "domainIdList": vms[:1]})
    assert len(await wire.ask("GET", "/desk-pool/{id}/domain/list", id=pool)) == 2
    assert await wire.ask("POST", "/desk-pool/domain", {"id": pool, "domainIdList": [*vms, "x"]}) == [*vms[1:], "x"]
    assert await wire.ask("POST", "/desk-pool/group", {"id": pool, "groupNameList": ["nobody"]}) == ["nobody"]
    await wire.ask("DELETE", "/desk-pool/group", {"id": pool, "groupNameList": ["nobody"]})
    assert (await wire.ask("GET", "/desk-pool/vgpu-count"))[0]["vGpuCount"] == 0
    gpu = {"id": pool, "name": "教学二", "total": 1, "vGpuCount": 1, "graphicsList": []}
    await wire.ask("POST", "/desk-pool/pass-through-vgpu", gpu, refused="没有显卡可透传")
    await wire.ask("DELETE", "/desk-pool/{id}", id=pool)
    wire.covers(desk_pools)


async def test_vms_live(wire: Wire) -> None:
    pool, (one, two) = await wire.pool("生命", 2)
    both = [one, two]
    await wire.batch("start", both)
    for there, back, status in (("suspend", "resume", 2), ("sleep", "wakeup", 0)):
        await wire.batch(there, both)
        assert [vm["status"] for vm in await wire.ask("GET", "/desk-pool/{id}/domain/list", id=pool)] == [status] * 2
        refused = await wire.ask("POST", f"/domain/{there}", {"idList": both})
        assert len(refused["errorList"]) == 2
        await wire.batch(back, both)
    await wire.ask("POST", "/domain/reboot", {"idList": [two]})  # this guest has no ear for it
    await wire.batch("close", [one], isForce=1)

    await wire.ask("PATCH", "/domain/mem-cpu", {"listId": [one], "cpu": 2, "memory": 128})
    await wire.ask("PATCH", "/domain/mem-cpu", {"listId": [one, two], "cpu": 1}, refused="生命-002: 虚机正在操作中")
    await wire.ask("PATCH", "/domain", {"idList": [one], "nestedVirtual": 1})
    await wire.ask("PATCH", "/domain/{id}", {"name": "新名", "remark": "备注", "mouseMode": 1}, id=one)
    await wire.ask("PATCH", "/domain/{id}", {"name": "生命-002"}, id=one, refused="虚机名称已存在: 生命-002")
    shown = await wire.ask("GET", "/domain/{id}", id=one)
    assert [shown[name] for name in ("name", "cpu", "memory", "remark", "nestedVirtual", "mouseMode")] == [
        "新名", 2, 128, "备注", 1, "1",
    ]  # fmt: skip
    await wire.ask("POST", "/domain/{id}/sync-status", {"syncType": 1}, id=one)

    assert await wire.ask("POST", "/domain/freeze", {"idList": [one], "freezeType": 1}) == []
    assert await wire.ask("POST", "/domain/freeze", {"idList": [one], "freezeType": 2}) == [one]
    assert [vm["id"] for vm in (await wire.ask("GET", "/domain", query="?freeze=1"))["list"]] == [one]
    await wire.batch("start", [one])
    await wire.batch("close", [one], isForce=1)
    await wire.ask("POST", "/domain/restore", {"idList": [one]})
    await wire.ask("POST", "/domain/restore", {"idList": [one]}, refused="没有还原点")
    await wire.ask("POST", "/domain/rebase", {"idList": [one]})

    await wire.ask("POST", "/domain/bind-user", {"userId": "nobody", "domainIdList": [one]}, refused="用户不存在")
    await wire.ask("POST", "/domain/unbind-user", {"domainIdList": [one]})

    await wire.ask("POST", "/domain/delete", {"domainIdList": [one], "isRecycle": 1})
    await wire.ask("GET", "/domain/{id}", id=one, refused="虚机在回收站中")
    (recycled,) = (await wire.ask("GET", "/recycle"))["list"]
    assert (recycled["id"], recycled["isRecycle"]) == (one, 1)
    await wire.ask("POST", "/recycle/restore", {"idList": [one]})
    await wire.ask("POST", "/recycle/restore", {"idList": [one]}, refused="不在回收站中")
    await wire.ask("POST", "/domain/delete", {"domainIdList": [one], "isRecycle": 1})
    await wire.ask("POST", "/recycle/delete", {"idList": [one]})
    await wire.ask("POST", "/domain/delete", {"domainIdList": [two], "isRecycle": 0})
    wire.covers(domain_life)


async def test_vms_are_asked_about(wire: Wire) -> None:
    _, (one,) = await wire.pool("查询", 1)
    (listed,) = (await wire.ask("GET", "/domain", query="?keyword=查询&status=0,1&isBindUser=0"))["list"]
    assert listed["id"] == one
    await wire.ask("GET", "/domain/{id}/spice-key", id=one, refused="虚机未运行")
    await wire.ask("GET", "/domain/{id}/task-manager", id=one, refused="虚机已经关机")
    assert len(await wire.ask("GET", "/pool/{id}/domain-inactive", id=listed["poolId"])) == 1
    await wire.batch("start", [one])
    assert (await wire.ask("GET", "/domain/{id}", id=one))["hasSnapshot"] == 0
    ports = {port["type"]: port["value"] for port in await wire.ask("GET", "/domain/{id}/port", id=one)}
    assert (await wire.ask("GET", "/domain/{id}/spice-key", id=one))["port"] == str(ports["spice"])
    assert (await wire.ask("GET", "/domain/{id}/vnc-password", id=one))["password"] == ""
    assert one in await wire.ask("GET", "/domain/{id}/xml", id=one)
    await wire.ask("GET", "/domain/{id}/task-manager", id=one, refused="虚机代理没有应答")
    assert [vm["id"] for vm in await wire.ask("GET", "/domain/{id}/child", id=listed["motherId"])] == [one]
    assert (await wire.ask("GET", "/domain/{id}/ip-all", id=one))[0]["ip"] == listed["ip"]
    (storage,) = await wire.ask("GET", "/domain/common-storage-pool", query=f"?idList={one}")
    assert storage["hostId"] == listed["hostId"]
    assert (await wire.ask("GET", "/domain/active-user"))["list"] == []
    assert await wire.ask("GET", "/domain/agent-version") == []
    assert (await wire.ask("GET", "/domain/user-stat"))["in"] == 0
    wire.covers(domains)


async def test_hosts(wire: Wire) -> None:
    first, _second = await wire.ask("GET", "/host/all", query="?status=1")
    assert (await wire.ask("GET", "/host", query="?arch=x86_64"))["total"] == 2
    assert (await wire.ask("GET", "/host/{id}", id=first["id"]))["hostNum"] == 2
    assert (await wire.ask("GET", "/host/{id}/hardware", id=first["id"]))["arch"] == "x86_64"
    assert (await wire.ask("GET", "/host/{id}/uptime", id=first["id"]))["uptime"] > 0
    assert "libvirt" in (await wire.ask("GET", "/host/{id}/version", id=first["id"]))["agentVersion"]
    assert (await wire.ask("GET", "/host/{id}/ip-info", id=first["id"]))["ip"] == first["ip"]
    await wire.ask("POST", "/host/{id}/ip-info", {}, id=first["id"], refused="地址是固定的")
    await wire.ask("DELETE", "/host/{id}", id=first["id"], refused="主机是固定的")
    await wire.ask("PATCH", "/host/{id}/extranet-ip", {"ip": "192.0.2.1"}, id=first["id"])
    await wire.ask("POST", "/host/{id}/sync-status", id=first["id"])
    await wire.ask("POST", "/host/{id}/pool-join", {"poolId": first["poolId"]}, id=first["id"], refused="已在资源池中")
    await wire.ask("POST", "/host/{id}/pool-remove", id=first["id"])
    assert len(await wire.ask("GET", "/host/all", query="?notBindPool=1")) == 1
    await wire.ask("POST", "/host/{id}/pool-join", {"poolId": first["poolId"]}, id=first["id"])

    _, (one, _two, three) = await wire.pool("主机", 3)  # one and three are on the first
    await wire.ask("PATCH", "/host/{id}/domain-limit", {"limit": 1}, id=first["id"])
    data = await wire.ask("POST", "/domain/start", {"idList": [one, three]})
    assert "虚机数量上限 1" in data["errorList"][0]["errorMsg"]
    await wire.finish(data["eventIdList"][0])
    await wire.ask("PATCH", "/host/{id}/domain-limit", {"limit": 100}, id=first["id"])
    await wire.ask("PATCH", "/host/{id}/status", {"status": 0}, id=first["id"])
    data = await wire.ask("POST", "/domain/start", {"idList": [three]})
    assert "维护状态" in data["errorList"][0]["errorMsg"]
    await wire.ask("POST", "/host/{id}/close", id=first["id"])
    assert [host["status"] for host in await wire.ask("GET", "/host/all")] == [2, 1]
    assert (await wire.ask("GET", "/domain/{id}", id=one))["status"] == 0
    await wire.ask("PATCH", "/host/{id}/status", {"status": 1}, id=first["id"])
    await wire.ask("GET", "/config/version")
    await wire.ask("GET", "/vmc/active")
    wire.covers(hosts)


async def test_models_and_copies(wire: Wire) -> None:
    model = (await wire.ask("GET", "/model", query="?keyword=usb"))["list"][0]
    await wire.finish(
        (await wire.ask("POST", "/model/{id}/clone", {"name": "链接", "amount": 2}, id=model["id"]))["eventId"]
    )
    one, two = (vm["id"] for vm in (await wire.ask("GET", "/domain", query="?keyword=链接"))["list"])
    clone = await wire.ask("POST", "/domain/{id}/clone", {"name": "整机"}, id=one)
    await wire.finish(clone["eventId"])
    whole = clone["cloneUuid"]
    assert (await wire.ask("GET", "/domain/{id}", id=whole))["cloneType"] == "0"
    await wire.batch("start", [whole])
    await wire.ask("POST", "/domain/{id}/to-model", id=whole, refused="虚机已经启动")
    await wire.batch("close", [whole], isForce=1)
    await wire.ask("POST", "/domain/{id}/to-model", id=whole)
    assert "整机" in [each["name"] for each in await wire.ask("GET", "/model/all")]

    event = await wire.ask("POST", "/model/{id}/clone", {"name": "孙", "amount": 2}, id=whole)
    await wire.finish(event["eventId"])
    clones = (await wire.ask("GET", "/domain", query="?keyword=孙"))["list"]
    assert len({clone["hostId"] for clone in clones}) == 1  # where the model is
    (target,) = await wire.ask("GET", "/model/{id}/sync-list", id=whole)
    sync = {"modelList": [{"id": whole, "ip": target["ip"]}]}
    await wire.finish((await wire.ask("POST", "/model/{id}/sync", sync, id=whole))["eventId"])
    assert await wire.ask("GET", "/model/{id}/sync-list", id=whole) == []
    assert len(await wire.ask("GET", "/model/{id}/storage", id=whole)) == 2
    await wire.ask("POST", "/model/{id}/to-domain", id=whole, refused="模板有 2 台子虚机")

    upgrade = await wire.ask("POST", "/model/{id}/upgrade", id=whole)
    await wire.ask("POST", "/model/{id}/upgrade-cancel", id=whole)
    await wire.ask("POST", "/model/{id}/upgrade-cancel", id=whole, refused="没有在升级")
    upgrade = await wire.ask("POST", "/model/{id}/upgrade", id=whole)
    await wire.batch("start", [upgrade["id"]])
    await wire.batch("close", [upgrade["id"]], isForce=1)
    await wire.ask("POST", "/model/{id}/upgrade-complete", id=whole)
    share = await wire.ask("POST", "/model/{id}/upgrade-share", {"validDay": 1}, id=whole)
    assert await wire.ask("GET", "/model/{id}/upgrade-share", id=whole) == share
    check = {"shareCheck": share["shareUrl"].partition("check=")[2], "sharePassword": share["sharePassword"]}
    await wire.ask("POST", "/model/upgrade-share-check", check)
    await wire.ask("POST", "/model/upgrade-share-check", {**check, "sharePassword": "no"}, refused="分享链接无效")

    ids = [clone["id"] for clone in clones]
    # Those stand on the model's host and its new disk is on that host too.
    await wire.finish((await wire.ask("POST", "/model/{id}/rebase", id=whole))["eventId"])
    await wire.batch("start", ids)
    await wire.ask("POST", "/domain/delete", {"domainIdList": ids, "isRecycle": 0})
    await wire.ask("POST", "/model/{id}/to-domain", id=whole)
    await wire.batch("start", [whole])

    blank = {"autoJoinDomain": 0, "bootloader": "bios", "cores": 1, "graphicsCardNum": 1, "mainBoard": "pc"}
    blank |= {"sockets": 1, "threads": 1, "vgpuType": "", "name": "空机"}
    await wire.ask("POST", "/domain", blank)
    await wire.ask("POST", "/domain", blank, refused="虚机名称已存在: 空机")
    wire.covers(models)
    del two


async def test_disks(wire: Wire, platform_lab: Any) -> None:
    _, (one, two) = await wire.pool("磁盘", 2)
    shown = await wire.ask("GET", "/domain/{id}", id=one)
    (storage,) = await wire.ask("GET", "/domain/common-storage-pool", query=f"?idList={one}")
    order = {"domainIdList": [one], "storagePoolId": storage["id"], "diskSize": 2, "busType": "virtio"}
    await wire.ask("POST", "/domain/independent-disk", order)
    await wire.ask("POST", "/domain/independent-disk", {**order, "domainIdList": [two]}, refused="不在存储池的主机上")
    boot, disk = await wire.ask("GET", "/domain/{id}/disk", id=one)
    assert (boot["isStartDisk"], disk["size"], disk["busType"]) == (1, 2, "virtio")

    where = {"domainId": one, "volumeId": disk["id"]}
    await wire.ask("POST", "/domain/{domainId}/disk/{volumeId}/expand", {"expandSize": 1}, **where)
    await wire.batch("start", [one])
    await wire.ask("POST", "/domain/{domainId}/disk/{volumeId}/expand", {"expandSize": 1}, **where)
    limit = {"readBytesSec": "1048576", "writeIopsSec": "100"}
    await wire.ask("PATCH", "/domain/{domainId}/disk/{volumeId}/speed-limit", limit, **where)
    number = [host.ip for host in platform_lab.hosts].index(shown["ip"])
    connection = platform_lab.libvirt(number)
    domain = connection.lookupByUUIDString(one)
    assert domain.blockInfo("vdb")[0] == 4 * 1024**3
    assert domain.blockIoTune("vdb")["read_bytes_sec"] == 1048576
    assert domain.blockIoTune("vdb")["write_iops_sec"] == 100
    _, disk = await wire.ask("GET", "/domain/{id}/disk", id=one)
    assert (disk["size"], disk["readBytesSec"], disk["writeIopsSec"]) == (4, "1048576", "100")
    await wire.batch("close", [one], isForce=1)
    connection.close()

    event = await wire.ask("POST", "/domain/{domainId}/disk/{volumeId}/unmount", **where)
    await wire.finish(event["eventId"])
    assert len(await wire.ask("GET", "/domain/{id}/disk", id=one)) == 1
    await wire.ask("POST", "/domain/{id}/disk", {"volumeId": disk["id"]}, id=two, refused="不在虚机的主机")
    await wire.ask("POST", "/domain/{id}/disk", {"volumeId": disk["id"]}, id=one)
    await wire.ask("DELETE", "/domain/{domainId}/disk/{volumeId}", **where)
    await wire.ask("DELETE", "/domain/{domainId}/disk/{volumeId}", refused="虚机没有该磁盘", **where)
    await wire.ask("POST", "/domain/{domainId}/disk/{volumeId}/unmount", domainId=one, volumeId=boot["id"])
    wire.covers(disks)


async def test_users_and_what_they_see_at_login(wire: Wire) -> None:
    for base, name in (("", "sales"), ("ou=sales,ou=users", "north")):
        await wire.ask("POST", "/group", {"base": base, "group": name})
    await wire.ask("POST", "/group", {"group": "sales"}, refused="组织单位已存在")
    north = (await wire.ask("GET", "/group", query="?distinguishedName=north"))["distinguishedName"]
    assert north == "ou=north,ou=sales,ou=users"
    await wire.ask("POST", "/user", {"sAMAccountName": "张三", "group": north, "sn": "张", "givenName": "三"})
    await wire.ask("POST", "/user", {"sAMAccountName": "张三", "group": north}, refused="用户已存在: 张三")
    await wire.ask("POST", "/user/batch", {"sAMAccountName": "t", "group": "sales", "amount": 2})
    await wire.ask("POST", "/user/batch", {"sAMAccountName": "t", "amount": 3}, refused="用户已存在: t1, t2")
    await wire.ask("PUT", "/user", {"sAMAccountName": "张三", "mobile": "123"})
    assert (await wire.ask("GET", "/user/detail", query="?sAMAccountName=张三"))["mobile"] == "123"
    (listed,) = (await wire.ask("GET", "/user", query=f"?group={north}"))["list"]
    await wire.ask("PATCH", "/user/group", {"idList": [int(listed["id"])], "distinguishedName": "sales"})
    await wire.ask("PATCH", "/user/group", {"idList": [int(listed["id"])], "distinguishedName": north})

    async def sees(name: str, password: str = "123456") -> list[str]:
        body = {"sAMAccountName": name, "password": hashlib.md5(password.encode()).hexdigest()}
        answer = await wire.bare("POST", "/ocloud/usermodule/userlogin2", body)
        assert answer["returnCode"] == 0, answer
        return sorted(vm["name"] for vm in answer["machines"].values())

    pool, (one, two) = await wire.pool("登录", 2)
    assert await sees("张三") == []
    assert (await wire.ask("POST", "/domain/bind-user", {"userId": "张三", "domainIdList": [one]})) == {
        "notBindDomainIdList": []
    }
    other = await wire.ask("POST", "/domain/bind-user", {"userId": "t1", "domainIdList": [one, "x"]})
    assert other == {"notBindDomainIdList": [one, "x"]}
    assert await sees("张三") == []  # the pool is disabled
    await wire.ask("POST", "/desk-pool/{id}/enable", id=pool)
    assert await sees("张三") == ["登录-001"]
    assert await wire.ask("POST", "/desk-pool/group", {"id": pool, "groupNameList": ["ou=sales,ou=users"]}) == []
    assert await sees("张三") == ["登录-001", "登录-002"]  # hers, and a free one of the group around hers
    assert await sees("t1") == ["登录-002"]
    await wire.ask("PATCH", "/group/name", {"oldGroup": "sales", "group": "Vertrieb"})
    assert await sees("t1") == ["登录-002"]
    await wire.ask("DELETE", "/desk-pool/group", {"id": pool, "groupNameList": ["ou=Vertrieb,ou=users"]})
    assert await sees("t1") == []
    assert (await wire.ask("GET", "/user/domain", query="?userId=张三&status=0"))["total"] == 1
    await wire.ask("POST", "/domain/unbind-user", {"domainIdList": [one]})
    assert await sees("张三") == []
    await wire.ask("PATCH", "/user/password", {"sAMAccountName": "张三", "password": "neu"})
    assert await sees("张三", "neu") == []
    wrong = await wire.bare("POST", "/ocloud/usermodule/userlogin2", {"sAMAccountName": "张三", "password": "no"})
    assert (wrong["returnCode"], "machines" in wrong) == (1, False)
    assert [login["loginResult"] for login in (await wire.ask("GET", "/loginapp-login-log"))["list"]][:2] == [0, 1]

    await wire.ask("POST", "/user/close-domain", {"usernameList": ["张三"]})
    assert await wire.ask("GET", "/user/cloud-app", query="?userId=t1") == []
    await wire.ask("PATCH", "/user/fingerprint", {"username": "t1", "fingerprint": "f"})
    assert await wire.ask("GET", "/user/fingerprint-all") == [{"username": "t1", "fingerprint": "f"}]
    await wire.ask("GET", "/user/access-policy", query="?type=1&user=t1", refused="没有设置策略")
    text = ("allowInternet", "clipboardAccess", "diskAccess", "diskRedirect", "enableCamera", "enableDisk", "enableRedir",
            "isRebase", "isValid")  # fmt: skip
    policy = dict.fromkeys(text, "0") | {"firstLoginModifyPwd": 0, "modifyConfig": 0, "showToolMenu": 1}
    await wire.ask("PUT", "/user/access-policy", {**policy, "teachMode": 0, "user": "t1", "type": "1"})
    assert (await wire.ask("GET", "/user/access-policy", query="?type=1&user=t1"))["showToolMenu"] == 1
    await wire.ask("POST", "/group/delete", {"group": "Vertrieb"}, refused="组织单位不为空")
    for name in ("张三", "t1", "t2"):
        await wire.ask("POST", "/user/delete", {"userId": name})
    for name in ("north", "Vertrieb"):
        await wire.ask("POST", "/group/delete", {"group": name})
    (root,) = await wire.ask("GET", "/group/tree")
    assert root["list"] == []
    wire.covers(users)
    del two


async def test_snapshots(wire: Wire, platform_lab: Any) -> None:
    _, (one,) = await wire.pool("快照", 1)
    await wire.finish((await wire.ask("POST", "/domain/{id}/snapshot", {"name": "冷"}, id=one))["eventId"])
    await wire.ask("POST", "/domain/{id}/snapshot", {"name": "冷"}, id=one, refused="快照名称已存在")
    await wire.ask("POST", "/domain/freeze", {"idList": [one], "freezeType": 1}, refused="虚机有快照")
    await wire.batch("start", [one])
    await wire.ask("POST", "/term/domain/{domainId}/snapshot", {"name": "热"}, domainId=one)
    cold, hot = (await wire.ask("GET", "/domain/{id}/snapshot", id=one))["list"]
    assert [(cold["name"], cold["domainStatus"]), (hot["name"], hot["domainStatus"])] == [("冷", 0), ("热", 1)]
    assert len(await wire.ask("GET", "/term/domain/{domainId}/snapshot", domainId=one)) == 2
    await wire.ask("POST", "/snapshot/{id}/restore", id=cold["id"])
    assert (await wire.ask("GET", "/domain/{id}", id=one))["status"] == 0
    await wire.ask("POST", "/snapshot/{id}/restore", id=hot["id"])
    assert (await wire.ask("GET", "/domain/{id}", id=one))["status"] == 1
    await wire.ask("DELETE", "/snapshot/{id}", id=hot["id"])
    await wire.ask("GET", "/snapshot/{id}", id=hot["id"], refused="快照不存在")
    assert (await wire.ask("GET", "/snapshot/{id}", id=cold["id"]))["name"] == "冷"
    wire.covers(snapshots)  # and the VM goes with its snapshot


async def test_storage_and_devices(wire: Wire, platform_lab: Any) -> None:
    _, (one, two, three) = await wire.pool("设备", 3)
    host = (await wire.ask("GET", "/domain/{id}", id=one))["hostId"]
    (iso,) = [pool for pool in await wire.ask("GET", "/storage-pool/all", query="?isIso=1") if pool["hostId"] == host]
    assert (await wire.ask("GET", "/storage-pool", query="?isIso=0"))["total"] == 2
    for kind, more in (
        ("gfs", {}),
        ("gluster", {"sourceHostName": "h", "sourceName": "s"}),
        ("nfs", {"nfsIp": "192.0.2.1", "nfsPath": "/x"}),
    ):
        body = {"isIso": 0, "name": "n", "path": "/x", "vmcId": "", **more}
        await wire.ask("POST", f"/storage-pool/{kind}", body, refused="只支持本地目录存储池")
    lvm = {"hostId": host, "name": "n", "nfsPath": "/x", "sourceName": "s", "vmcId": ""}
    await wire.ask("POST", "/storage-pool/lvm", lvm, refused="只支持本地目录存储池")
    assert await wire.ask("GET", "/storage-pool/lvm-vg", query=f"?hostId={host}") == []
    (lab_host,) = [each for each in platform_lab.hosts if each.id == host]
    own = {"hostId": host, "isIso": 0, "name": "自建", "path": str(lab_host.directory / "own"), "vmcId": ""}
    await wire.ask("POST", "/storage-pool/dir", {**own, "path": "/etc"}, refused="路径必须在主机目录下")
    await wire.ask("POST", "/storage-pool/dir", {**own, "path": f"{own['path']}/../vm"}, refused="路径必须在主机目录下")
    await wire.ask("POST", "/storage-pool/dir", own)
    (pool,) = (await wire.ask("GET", "/storage-pool", query="?keyword=自建"))["list"]
    await wire.ask("PATCH", "/storage-pool/{id}/name", {"newName": "改名"}, id=pool["id"])
    await wire.ask("PATCH", "/storage-pool/{id}/unbind-pool", id=pool["id"])
    assert (await wire.ask("GET", "/storage-pool", query="?unbindPoolFlag=1"))["total"] == 1
    await wire.ask("PATCH", "/storage-pool/{id}/bind-pool", {"poolId": iso["poolId"]}, id=pool["id"])
    volume = {"busType": "virtio", "name": "卷", "size": 1, "storagePoolId": pool["id"]}
    id = (await wire.ask("POST", "/storage-volume", volume))["id"]
    await wire.ask("POST", "/storage-volume", volume, refused="存储卷名称已存在")
    assert (await wire.ask("GET", "/storage-pool/{id}", id=pool["id"]))["volumeUsed"] == 1
    assert (await wire.ask("GET", "/storage-pool/{id}/usage", id=pool["id"]))["capacity"] > 0
    assert (await wire.ask("GET", "/storage-volume", query="?isFree=1"))["total"] == 1
    blank = {"autoJoinDomain": 0, "bootloader": "bios", "cores": 1, "graphicsCardNum": 1, "mainBoard": "pc"}
    blank |= {"sockets": 1, "threads": 1, "vgpuType": "", "name": "裸机", "volumeList": [{"id": id}]}
    bare = (await wire.ask("POST", "/domain", blank))["uuid"]
    assert [disk["id"] for disk in await wire.ask("GET", "/domain/{id}/disk", id=bare)] == [id]
    await wire.ask("DELETE", "/storage-volume/{volumeId}", volumeId=id, refused="存储卷正在使用")
    await wire.ask("POST", "/domain/delete", {"domainIdList": [bare], "isRecycle": 0})
    assert (await wire.ask("GET", "/storage-volume/all", query="?isFree=1"))[0]["id"] == id
    await wire.ask("DELETE", "/storage-pool/{id}", id=pool["id"], refused="存储池不为空")
    await wire.ask("DELETE", "/storage-volume/{volumeId}", volumeId=id)
    await wire.ask("DELETE", "/storage-pool/{id}", id=pool["id"])

    for name in ("a.iso", "b.iso"):
        (lab_host.directory / "iso" / name).write_bytes(b"\0" * 4096)
    assert (await wire.ask("GET", "/storage-pool/{id}/iso", id=iso["id"]))["total"] == 2
    file = {"storagePoolId": iso["id"], "isoFilePath": "a.iso"}
    await wire.ask("POST", "/domain/{id}/iso", {**file, "isoFilePath": "../vm"}, id=one, refused="镜像不存在")
    await wire.ask("POST", "/domain/{id}/iso", file, id=one)
    await wire.batch("start", [one])
    await wire.ask(
        "PATCH", "/domain/{id}/iso", {"beforeIso": "a.iso", "nowIso": "b.iso", "storagePoolId": iso["id"]}, id=one
    )
    assert [each["isoName"] for each in await wire.ask("GET", "/domain/{id}/iso", id=one)] == ["b.iso"]
    away = {"storagePoolId": iso["id"], "isoPath": "b.iso", "delTag": 0}
    await wire.ask("POST", "/domain/{domainId}/iso/delete", {**away, "delTag": 1}, domainId=one, refused="不能删除光驱")
    await wire.ask("POST", "/domain/{domainId}/iso/delete", away, domainId=one)
    assert await wire.ask("GET", "/domain/{id}/iso", id=one) == []
    mount = {"domainIdList": [one, three], "isoPath": "a.iso", "storagePoolId": iso["id"]}
    await wire.ask("POST", "/iso/mount", mount)
    await wire.ask("POST", "/iso/unmount", {**mount, "delTag": 0})
    await wire.ask("POST", "/iso/mount", {**mount, "domainIdList": [two]}, refused="镜像不在虚机的主机")
    for name in ("a.iso", "b.iso"):
        await wire.ask("POST", "/storage-pool/delete-iso", {"path": name, "storagePoolId": iso["id"]})

    (network,) = await wire.ask("GET", "/vlan/all")
    assert (await wire.ask("GET", "/vlan"))["list"] == [network]
    assert await wire.ask("GET", "/ovs/all") == (await wire.ask("GET", "/ovs"))["list"]
    await wire.ask("POST", "/domain/{id}/nic", {"vlanId": "x"}, id=three, refused="端口组不存在")
    await wire.ask("POST", "/domain/{id}/nic", {"vlanId": network["id"]}, id=three)
    (nic,) = await wire.ask("GET", "/domain/{id}/nic", id=three)
    await wire.ask("PATCH", "/domain/{domainId}/nic", {"mac": nic["mac"], "vlanId": network["id"]}, domainId=three)
    await wire.ask("DELETE", "/domain/{domainId}/nic/{mac}", domainId=three, mac=nic["mac"])
    assert await wire.ask("GET", "/domain/{id}/nic", id=three) == []

    await wire.batch("close", [one], isForce=1)
    await wire.ask("POST", "/domain/{id}/serial", {"serialModel": 1}, id=one, refused="没有串口")
    await wire.ask("POST", "/domain/{id}/serial", {"serialModel": 2}, id=one)
    (server,) = await wire.ask("GET", "/domain/{id}/server-serial", id=three)
    join = {"serialModel": 0, "targetServer": server["id"], "targetPort": server["portList"][0]["sourcePort"]}
    await wire.ask("POST", "/domain/{id}/serial", join, id=three)
    await wire.ask("PUT", "/domain/{domainId}/serial/{serialId}", join, domainId=three, serialId=1)
    (port,) = await wire.ask("GET", "/domain/{id}/serial", id=three)
    assert (port["id"], port["targetServer"]) == (1, one)
    await wire.batch("start", [one, three])  # the ports are real: the second QEMU joins the first's socket
    await wire.batch("close", [one, three], isForce=1)
    await wire.ask("DELETE", "/domain/{domainId}/serial/{serialId}", domainId=three, serialId=1)
    await wire.ask("DELETE", "/domain/{domainId}/serial/{serialId}", domainId=three, serialId=0, refused="串口不存在")
    wire.covers(storage, devices)


async def test_resource_pools_and_the_panel(wire: Wire) -> None:
    (default,) = await wire.ask("GET", "/pool/all")
    await wire.ask("POST", "/pool", {"name": "研发", "arch": "x86_64", "vmcId": ""})
    await wire.ask("POST", "/pool", {"name": "研发", "arch": "x86_64", "vmcId": ""}, refused="资源池名称已存在")
    (pool,) = (await wire.ask("GET", "/pool", query="?name=研发&archList=x86_64&statusList=1"))["list"]
    await wire.ask("DELETE", "/pool/{id}", id=pool["id"], refused="未处于维护状态")
    await wire.ask("PATCH", "/pool/{id}", {"status": 0, "cpuOver": 2}, id=pool["id"])
    assert (await wire.ask("GET", "/pool/{id}", id=pool["id"]))["cpuOver"] == 2
    assert await wire.ask("GET", "/panel/pool-number") == {"running": 1, "maintain": 1}
    assert "virtio" in await wire.ask("GET", "/pool/{id}/disk-bus-types", id=pool["id"])
    await wire.ask("DELETE", "/pool/{id}", id=pool["id"])
    await wire.ask("PATCH", "/pool/{id}", {"status": 0}, id=default["id"])
    await wire.ask("DELETE", "/pool/{id}", id=default["id"], refused="资源池不为空")
    order = {"name": "维护", "amount": 1, "type": 0, "modelId": (await wire.ask("GET", "/model/all"))[0]["id"]}
    await wire.bare("POST", f"{API}/desk-pool", order, refused="没有可用的主机")
    await wire.ask("PATCH", "/pool/{id}", {"status": 1}, id=default["id"])

    _, (one, _two) = await wire.pool("面板", 2)
    await wire.batch("start", [one])
    await wire.batch("sleep", [one])
    assert await wire.ask("GET", "/panel/domain-number") == {
        "running": 0, "close": 1, "suspend": 0, "dormancy": 1, "doing": 0,
    }  # fmt: skip
    assert (await wire.ask("GET", "/panel/host-number"))["running"] == 2
    assert (await wire.ask("GET", "/panel/storage-pool-number"))["running"] == 4
    assert (await wire.ask("GET", "/panel/storage-pool/usage"))["capacity"] > 0
    assert (await wire.ask("GET", "/panel/alarm-number"))["number"] == 0
    assert (await wire.ask("GET", "/panel/terminal-number"))["total"] == 0
    assert (await wire.ask("GET", "/panel/host/running/performance"))["total"] > 0
    span = "?beginTime=2025-01-01&endTime=2025-01-02"
    (first, _) = await wire.ask("GET", "/panel/host/performance", query=span)
    assert len(await wire.ask("GET", "/panel/host/{id}/performance", query=span, id=first["uuid"])) == 1
    wire.covers(resource_pools, panel)


async def test_the_house(wire: Wire) -> None:
    for path in ("/alarm", "/alarm-history", "/terminal", "/usb", "/access-log", "/loginapp-login-log"):
        await wire.ask("GET", path)
    await wire.ask("DELETE", "/alarm/{id}", id=1, refused="告警不存在")
    rule = (await wire.ask("GET", "/alarm-code"))["list"][0]
    id = rule.pop("id")
    await wire.ask("PUT", "/alarm-code/{id}", {**rule, "enable": 1}, id=id)
    assert (await wire.ask("GET", "/alarm-code"))["list"][0]["enable"] == 1
    assert await wire.ask("GET", "/terminal/all") == []
    for action, more in (
        ("config", {"config": "{}"}), ("delete", {}), ("disconnect", {}), ("restart", {}), ("shutdown", {"timeout": 0}),
        ("wakeup", {}),
    ):  # fmt: skip
        await wire.ask("POST", f"/terminal/{action}", {"idList": ["m"], **more}, refused="终端不存在: m")
    await wire.ask("GET", "/terminal/{id}", id="m", refused="终端不存在")
    await wire.ask("GET", "/terminal/{id}/config", id="m", refused="终端不存在")
    await wire.ask("POST", "/terminal-group", {"name": "一层"})
    await wire.ask("POST", "/terminal-group", {"name": "一层"}, refused="终端分组名称已存在")
    (group,) = (await wire.ask("GET", "/terminal-group"))["list"]
    await wire.ask("PUT", "/terminal-group/{id}", {"name": "二层"}, id=group["id"])
    assert await wire.ask("POST", "/terminal-group/{id}/terminal", {"idList": ["m"]}, id=group["id"]) == ["m"]
    await wire.ask("DELETE", "/terminal-group/{id}/terminal", {"idList": ["m"]}, id=group["id"], refused="终端不存在")
    await wire.ask("POST", "/terminal-group/delete", {"idList": [group["id"]]})
    usb = {"hostId": "h", "usbName": "u"}
    await wire.ask("POST", "/usb/pass-through", usb, refused="USB设备不存在")
    await wire.ask("POST", "/usb/pass-through/delete", usb, refused="USB设备不存在")
    redirect = {"deviceName": "u", "domainId": "d", "hostId": "h", "hostIp": "i", "operate": 2}
    await wire.ask("POST", "/usb/redirect", redirect, refused="USB设备不存在")
    assert (await wire.ask("GET", "/log", query="?username=admin&beginTime=2025-01-01 00:00:00"))["total"] >= 0
    await wire.bare("GET", f"{API}/log?beginTime=soon", refused="时间格式错误")
    wire.covers(house)
