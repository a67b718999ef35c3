"""Users, snapshots, storage, devices, the panel and the lists on the wire: each answer is the vendor's in shape."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ATPLibrary.lab.platform import routes

pytestmark = pytest.mark.integration

API = "/ocloud/v1"


async def test_users_and_what_they_see_at_login(wire: Any) -> None:
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
    await wire.ask("POST", "/user/sync-ldap", refused="没有配置域控")
    await wire.ask("POST", "/user/sync-zzd-users", refused="没有配置浙政钉")
    wire.covers(routes.users, routes.user_login, routes.groups)
    del two


async def test_snapshots(wire: Any, platform_lab: Any) -> None:
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
    wire.covers(routes.snapshots)  # and the VM goes with its snapshot


async def test_storage_and_devices(wire: Any, platform_lab: Any) -> None:
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

    async def vms_for_it(type: int) -> set[str]:
        query = f"?storagePoolId={iso['id']}&isoPath=a.iso&type={type}"
        return {vm["id"] for vm in await wire.ask("GET", "/iso/mount-domain", query=query)}

    assert (await vms_for_it(1), await vms_for_it(0)) == ({one, three}, set())
    await wire.ask("POST", "/iso/mount", mount)
    assert (await vms_for_it(1), await vms_for_it(0)) == (set(), {one, three})
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
    await wire.ask("PATCH", "/nic/{id}/ip", {"ip": "192.0.2.1"}, id=nic["id"], refused="网卡地址不能设置")
    await wire.ask("PATCH", "/nic/{id}/speed-limit", {"inPeak": "1"}, id=nic["id"], refused="网卡不能限速")

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
    wire.covers(routes.storage, routes.isos, routes.nics, routes.serials)


async def test_resource_pools_and_the_panel(wire: Any) -> None:
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
    wire.covers(routes.resource_pools, routes.panel)


async def test_the_house(wire: Any) -> None:
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
    wire.covers(routes.alarms, routes.terminals, routes.usb, routes.logs)


async def test_operations_that_fail_in_a_row_raise_an_alarm_where_the_rule_says_so(
    wire: Any, platform_lab: Any
) -> None:
    _, (one,) = await wire.pool("告警", 1)
    rule = next(rule for rule in (await wire.ask("GET", "/alarm-code"))["list"] if rule["code"] == "operation-failed")
    id = rule.pop("id")
    (disk,) = [path for host in platform_lab.hosts for path in (host.directory / "vm").glob("*/disk.qcow2")]
    disk.rename(disk.with_suffix(".away"))  # so that its QEMU doesn't start

    async def fail() -> None:
        (event,) = (await wire.ask("POST", "/domain/start", {"idList": [one]}))["eventIdList"]
        await wire.finish(event, refused="disk.qcow2")

    await fail()
    assert (await wire.ask("GET", "/alarm"))["list"] == []  # the rule isn't enabled
    await wire.ask("PUT", "/alarm-code/{id}", {**rule, "enable": 1, "thresholdValue": 3}, id=id)
    await fail()
    assert (await wire.ask("GET", "/alarm"))["list"] == []  # two in a row
    await fail()
    (alarm,) = (await wire.ask("GET", "/alarm"))["list"]
    assert (alarm["level"], alarm["module"], alarm["hostIp"]) == ("minor", "domain", "127.0.0.2")
    assert "告警-001" in alarm["content"]
    assert (await wire.ask("GET", "/panel/alarm-number"))["number"] == 1
    await wire.ask("DELETE", "/alarm/{id}", id=alarm["id"])
    assert (await wire.ask("GET", "/alarm"))["list"] == []
    assert [past["content"] for past in (await wire.ask("GET", "/alarm-history"))["list"]] == [alarm["content"]]
    await wire.ask("PUT", "/alarm-code/{id}", rule, id=id)
