"""VMs, desk pools, models and hosts on the wire: each answer is the vendor's in shape, and each operation does what it says."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from ATPLibrary.lab.platform import routes

pytestmark = pytest.mark.integration

API = "/ocloud/v1"


async def test_sessions_and_events(wire: Any) -> None:
    pool, vms = await wire.pool("契约", 1)
    await wire.batch("start", vms)
    assert (await wire.ask("GET", "/event", query="?pageSize=100&isSuccess=1"))["total"] >= 2
    event = (await wire.ask("GET", "/event", query="?domainName=契约-001"))["list"][0]
    assert await wire.ask("GET", "/event/class/queryById", query=f"?id={event['id']}") == event
    await wire.ask("DELETE", "/desk-pool/{id}", id=pool)
    await wire.ask("POST", "/logout")
    wire.covers(routes.sessions, routes.events)


async def test_desk_pools(wire: Any) -> None:
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
    wire.covers(routes.desk_pools)


async def test_vms_live(wire: Any) -> None:
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
    wire.covers(routes.domain_life)


async def test_vms_are_asked_about(wire: Any) -> None:
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
    wire.covers(routes.domains)


async def test_hosts(wire: Any) -> None:
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
    wire.covers(routes.hosts)


async def makes_with_cards_and_isos(wire: Any, platform_lab: Any, order: dict[str, Any]) -> None:
    """Its cards and its ISO file are in libvirt; what can't be is refused, and then no VM is there."""
    (network,) = await wire.ask("GET", "/vlan/all")
    iso = next(pool for pool in (await wire.ask("GET", "/storage-pool"))["list"] if pool["name"] == "lab-b-iso")
    file = platform_lab.hosts[1].directory / "iso" / "install.iso"
    file.write_bytes(b"\0" * 4096)
    given = {"isoPath": "install.iso", "storagePoolId": iso["id"]}
    for wrong, refused in (
        ({"networkList": [{"vlanId": "x"}]}, "端口组不存在: x"),
        ({"networkList": [{"ovsId": "x"}]}, "虚拟交换机不存在: x"),
        ({"networkList": [{"inPeak": 1}]}, "网卡不能限速"),
        ({"isoList": [{**given, "isoPath": "none.iso"}]}, "镜像不存在: none.iso"),
        ({"isoList": [{"isoPath": "install.iso"}]}, "存储池不存在"),
    ):
        await wire.ask("POST", "/domain", {**order, **wrong}, refused=refused)
    assert (await wire.ask("GET", "/domain", query="?keyword=装机"))["total"] == 0
    cards = [{"vlanId": network["id"], "ovsId": network["ovsId"]}, {}]
    id = (await wire.ask("POST", "/domain", {**order, "isoList": [given], "networkList": cards}))["uuid"]
    assert len({nic["mac"] for nic in await wire.ask("GET", "/domain/{id}/nic", id=id)}) == 2
    assert [drive["isoName"] for drive in await wire.ask("GET", "/domain/{id}/iso", id=id)] == ["install.iso"]
    with contextlib.closing(platform_lab.libvirt(1)) as connection:  # where the ISO file is
        xml = connection.lookupByUUIDString(id).XMLDesc(0)
    assert (xml.count("<interface"), xml.count(str(file))) == (2, 1)
    await wire.batch("start", [id])
    await wire.ask("POST", "/domain/delete", {"domainIdList": [id], "isRecycle": 0})
    file.unlink()


async def test_models_and_copies(wire: Any, platform_lab: Any) -> None:
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
    await makes_with_cards_and_isos(wire, platform_lab, {**blank, "name": "装机"})
    wire.covers(routes.models)
    del two


async def test_disks(wire: Any, platform_lab: Any) -> None:
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
    wire.covers(routes.disks)
