"""VMs that move, VMs that come from a file, what goes out as a file, and what hosts have: on the wire, and where it happens."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ATPLibrary.lab.daemon_user import can_name_hosts
from ATPLibrary.lab.platform import routes, sheets

pytestmark = pytest.mark.integration

API = "/ocloud/v1"


async def test_vms_move_to_the_other_host(wire: Any, platform_lab: Any) -> None:
    """Off and running; each is in one libvirt afterwards, with its disk, and nothing of it is on the host that it left."""
    if not can_name_hosts():
        pytest.skip("libvirt moves no VM between daemons of one host name, and this machine forbids others")
    pool, (one, _two) = await wire.pool("迁移", 2)
    here, there = platform_lab.hosts
    to_b, to_a = {"dconnuri": there.ip}, {"dconnuri": here.ip}
    for wrong, refused in (
        ({"dconnuri": "192.0.2.1", "migrateType": 1}, "目标主机不存在: 192.0.2.1"),
        ({**to_a, "migrateType": 1}, "虚机已在主机 lab-a 上"),
        ({**to_b, "migrateType": 2}, "虚机已经关机"),
        ({**to_b, "migrateType": 3}, "参数错误: migrateType"),
        ({**to_b, "migrateType": 1, "storagePoolId": "x"}, "存储池不存在"),
    ):
        await wire.ask("POST", "/domain/{domainId}/migrate", wrong, domainId=one, refused=refused)

    moved = await wire.ask("POST", "/domain/{domainId}/migrate", {**to_b, "migrateType": 1}, domainId=one)
    await wire.finish(moved["eventId"])
    assert where(platform_lab, one) == ["lab-b"]
    assert (await wire.ask("GET", "/domain/{id}", id=one))["hostName"] == "lab-b"
    await wire.batch("start", [one])
    moved = await wire.ask("POST", "/domain/{domainId}/migrate", {**to_a, "migrateType": 2}, domainId=one)
    await wire.finish(moved["eventId"])
    assert where(platform_lab, one) == ["lab-a"]
    shown = await wire.ask("GET", "/domain/{id}", id=one)
    assert (shown["hostName"], shown["status"]) == ("lab-a", 1)
    (disk,) = await wire.ask("GET", "/domain/{id}/disk", id=one)
    assert disk["volFullPath"].startswith(str(here.directory))
    await wire.batch("close", [one], isForce=1)
    await wire.batch("start", [one])  # its definition moved too

    await wire.batch("close", [one], isForce=1)
    await wire.ask("POST", "/domain/freeze", {"idList": [one], "freezeType": 1})
    await wire.ask(
        "POST", "/domain/{domainId}/migrate", {**to_b, "migrateType": 1}, domainId=one, refused="虚机有还原点"
    )
    await wire.ask("DELETE", "/desk-pool/{id}", id=pool)


def where(platform_lab: Any, id: str) -> list[str]:
    """The hosts whose libvirt or disk has something of the VM."""
    found = []
    for number, host in enumerate(platform_lab.hosts):
        with contextlib.closing(platform_lab.libvirt(number)) as connection:
            is_known = id in [domain.UUIDString() for domain in connection.listAllDomains()]
        assert is_known == (host.directory / "vm" / id[:13]).exists()
        found += [host.name] * is_known
    return found


def make_disks(whole: Path, over: Path) -> None:
    create = ["qemu-img", "create", "-q", "-f", "qcow2"]
    subprocess.run([*create, str(whole), "3G"], check=True, timeout=30)
    subprocess.run([*create, "-b", str(whole), "-F", "qcow2", str(over)], check=True, timeout=30)


async def test_a_vm_comes_from_a_disk_file(wire: Any, platform_lab: Any) -> None:
    """The file is its disk then; what is no whole qcow2 disk, or lies elsewhere, is refused, and left as it is."""
    host = platform_lab.hosts[1]
    pools = (await wire.ask("GET", "/storage-pool"))["list"]
    data = next(pool for pool in pools if pool["name"] == "lab-b-data")
    isos = next(pool for pool in pools if pool["name"] == "lab-b-iso")
    file = host.directory / "data" / "brought.qcow2"
    make_disks(file, file.with_name("over.qcow2"))
    (host.directory / "data" / "raw.img").write_bytes(b"\0" * 65536)
    order = {"name": "来客", "filename": "brought.qcow2", "storagePoolId": data["id"], "busType": "virtio"}
    for wrong, refused in (
        ({"filename": "../data/brought.qcow2"}, "文件名错误"),
        ({"filename": "none.qcow2"}, "is no file"),
        ({"filename": "raw.img"}, "is not qcow2"),
        ({"filename": "over.qcow2"}, "stands on another file"),
        ({"busType": "scsi"}, "不支持的总线类型"),
        ({"storagePoolId": isos["id"]}, "镜像存储池不能创建存储卷"),
        ({"name": ""}, "参数错误: name"),
    ):
        await wire.ask("POST", "/domain/import", {**order, **wrong}, refused=refused)
    assert (await wire.ask("GET", "/storage-volume"))["total"] == 0
    await wire.ask("POST", "/domain/import", order)
    await wire.ask("POST", "/domain/import", order, refused="虚机名称已存在: 来客")
    await wire.ask("POST", "/domain/import", {**order, "name": "来客二"}, refused="文件已是存储卷")
    (vm,) = (await wire.ask("GET", "/domain", query="?keyword=来客"))["list"]
    (disk,) = await wire.ask("GET", "/domain/{id}/disk", id=vm["id"])
    assert (vm["hostName"], disk["volFullPath"], disk["size"]) == ("lab-b", str(file), 3)
    with contextlib.closing(platform_lab.libvirt(1)) as connection:
        assert str(file) in connection.lookupByUUIDString(vm["id"]).XMLDesc(0)
    await wire.batch("start", [vm["id"]])

    watch = {"requestId": "请求-1"}
    assert await wire.ask("POST", "/domain/{domainId}/monitor", watch, domainId=vm["id"]) == {"status": 0}
    asked = {"domainId": vm["id"], "requestId": "请求-1"}
    assert await wire.ask("GET", "/domain/{domainId}/monitor/{requestId}", **asked) == {"status": 0}
    asked["requestId"] = "请求-2"
    await wire.ask("GET", "/domain/{domainId}/monitor/{requestId}", refused="监控请求不存在", **asked)
    await wire.batch("close", [vm["id"]], isForce=1)
    await wire.ask("POST", "/domain/{domainId}/monitor", watch, domainId=vm["id"], refused="虚机已经关机")
    if can_name_hosts():
        move = {"dconnuri": "lab-a", "migrateType": 1}
        await wire.ask("POST", "/domain/{domainId}/migrate", move, domainId=vm["id"], refused="虚机有存储卷或镜像")

    await wire.ask("POST", "/domain/delete", {"domainIdList": [vm["id"]], "isRecycle": 0})
    assert file.exists()
    await wire.ask("DELETE", "/storage-volume/{volumeId}", volumeId=disk["id"])
    for name in ("raw.img", "over.qcow2"):
        (host.directory / "data" / name).unlink()
    assert not file.exists()


async def test_hosts_devices(wire: Any) -> None:
    (first, _) = await wire.ask("GET", "/host/all")
    for card in await wire.ask("GET", "/host/{id}/nic/all", id=first["id"]):
        assert "<device>" in card
    assert await wire.ask("GET", "/host/{id}/gpu/pass-through/all", id=first["id"]) == []
    assert (await wire.ask("GET", "/host/{id}/vgpu/pass-through", id=first["id"]))["total"] == 0
    await wire.ask("GET", "/host/{id}/nic/all", id="nope", refused="主机不存在: nope")
    wire.covers(routes.host_devices)


async def test_what_goes_out_as_a_file_and_comes_in_as_one(wire: Any, platform_lab: Any) -> None:
    async def sheet(path: str, query: str = "") -> list[list[str]]:
        wire.asked.add(("GET", API + path))
        answer = await wire._http.get(API + path + query)
        assert answer.headers["content-type"] == sheets.MEDIA_TYPE
        return sheets.read(answer.content)

    # Users: the sheet of the platform, filled in; who can't be made is named, the others are.
    titles = (await sheet("/user/download-template"))[0]
    rows = [
        ["张三", "张", "三", "", "", "zhang@example.test"],
        ["李四"],
        ["张三"],
        ["王五", "", "", "no such group"],
        ["/"],
    ]
    wire.asked.add(("POST", API + "/user/import-excel"))
    headers = {"Content-Type": "application/octet-stream"}

    async def bring(content: bytes) -> Any:
        return (await wire._http.post(API + "/user/import-excel", content=content, headers=headers)).json()

    told = (await bring(sheets.write([titles, *rows])))["data"]["list"]
    assert ["用户已存在: 张三" in told[0], "no such group" in told[1], "账号错误" in told[2]] == [True] * 3
    assert [line.partition(":")[0] for line in told] == ["第 4 行", "第 5 行", "第 6 行"]
    shown = await wire.ask("GET", "/user/detail", query="?sAMAccountName=张三")
    assert (shown["displayName"], shown["mail"]) == ("张三", "zhang@example.test")
    for wrong, said in (
        (b"no sheet", "不是 Excel"),
        (sheets.write([["a"]]), "表头应为"),
        (sheets.write([]), "表头应为"),
    ):
        answer = await bring(wrong)
        assert (answer["status"], said in answer["msg"]) == (400, True)

    # Logs.
    login = {"sAMAccountName": "李四", "password": "123456"}
    assert (await wire.bare("POST", "/ocloud/usermodule/userlogin2", login))["returnCode"] == 0
    assert "李四" in [row[1] for row in (await sheet("/log/loginapp-login-log/xls", "?pageSize=100000"))[1:]]
    today = time.strftime("%Y-%m-%d")
    counted = await wire.ask("GET", "/log/past-user-stat", query=f"?type=1&startDate={today}&endDate={today}")
    assert [day["date"] for day in counted] == [today]
    await wire.ask("GET", "/log/past-user-stat", query="?type=1&startDate=x&endDate=y", refused="日期格式错误")
    assert len(await sheet("/access-log/export")) == 1
    _, (one,) = await wire.pool("日志", 1)
    await wire.batch("start", [one])
    done = await sheet("/log/export", "?beginTime=2020-01-01 00:00:00&endTime=2100-01-01 00:00:00&keyword=日志-001")
    assert any("启动虚机 日志-001" in row for row in done)
    hosts = await wire.ask("GET", "/log/host")
    wire.asked.add(("POST", API + "/log/host/download-log"))
    packed = await wire._http.post(API + "/log/host/download-log", json={"ids": [host["id"] for host in hosts]})
    names = zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
    assert any("日志-001" in name for name in names), names

    # VMs that nobody has used for a week: by the age of their disk.
    await wire.batch("close", [one], isForce=1)
    assert len(await sheet("/domain/dormant/xls")) == 1
    (path,) = [each["volFullPath"] for each in await wire.ask("GET", "/domain/{id}/disk", id=one)]
    os.utime(path, (1.0, 1.0))
    assert (await sheet("/domain/dormant/xls"))[1][0] == "日志-001"
    wire.covers(routes.sheets)
    for name in ("张三", "李四"):
        await wire.ask("POST", "/user/delete", {"userId": name})
    del platform_lab
