"""The server itself: tokens, wrong input, what a killed one leaves, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time

import pytest

from ATPLibrary.errors import PlatformError
from ATPLibrary.lab.settings import LabSettings
from ATPLibrary.vdi import VmStatus

pytestmark = pytest.mark.integration

PASSWORD = "a lab's p4ssword"
API = "/ocloud/v1"
NEEDS_TOKEN = [
    ("POST", "/logout"), ("GET", "/host"), ("GET", "/host/all"), ("GET", "/host/x"), ("GET", "/model"), ("GET", "/model/all"),
    ("GET", "/desk-pool"), ("POST", "/desk-pool"), ("DELETE", "/desk-pool/x"), ("POST", "/desk-pool/x/enable"),
    ("POST", "/desk-pool/x/disable"), ("GET", "/desk-pool/x/domain/list"), ("GET", "/domain"), ("POST", "/domain/start"),
    ("POST", "/domain/close"), ("POST", "/domain/reboot"), ("POST", "/domain/delete"), ("GET", "/domain/x"),
    ("GET", "/domain/x/port"), ("GET", "/event"), ("GET", "/event/x"), ("GET", "/no/such/path"),
]  # fmt: skip


async def test_every_call_but_login_needs_a_token(bare):
    for token in (None, "", "3cbd16a6-fefe-4efb-bb12-8e78c62b82e4", "' OR 1=1 --"):
        headers = {} if token is None else {"Token": token}
        bare.headers.pop("Token", None)
        for method, path in NEEDS_TOKEN:
            answer = await bare.request(method, path, headers=headers, content=b"not json")
            assert (answer.status_code, answer.json()["status"]) == (200, 1006), (method, path, token)


async def test_a_token_ends_with_its_logout(bare):
    assert (await bare.post("/logout")).json()["status"] == 0
    assert (await bare.get("/host")).json()["status"] == 1006


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(platform_lab):
    for client in (platform_lab.client(password="wrong"), platform_lab.client(username="root")):
        with pytest.raises(PlatformError, match=r"refused login of '(admin|root)': 用户名或密码错误 .* \(status 1\)"):
            await client.login()
        await client.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "/login", b"{", "参数错误"),
        ("POST", "/login", b'{"username": "admin"}', "password: Field required"),
        ("POST", "/login", b'{"username": "admin", "password": 7}', "password: Input should be a valid string"),
        ("POST", "/desk-pool", {"name": "a", "type": 0, "modelId": "m"}, "amount: Field required"),
        ("POST", "/desk-pool", {"name": "a", "type": 0, "amount": 0, "modelId": "m"}, "greater than or equal to 1"),
        ("POST", "/desk-pool", {"name": "a", "type": 0, "amount": 10_000, "modelId": "m"}, "less than or equal to 200"),
        (
            "POST",
            "/desk-pool",
            {"name": "a", "type": 9, "amount": 1, "modelId": "m"},
            "type: Input should be 0, 1 or 2",
        ),
        ("POST", "/desk-pool", {"name": "a", "type": 0, "amount": 1, "modelId": "nope"}, "模板不存在: nope"),
        ("POST", "/desk-pool", {"name": "../a", "type": 0, "amount": 1, "modelId": "m"}, "must have no slash"),
        ("POST", "/desk-pool", {"name": "a\n", "type": 0, "amount": 1, "modelId": "m"}, "首尾不能有空格"),
        ("POST", "/desk-pool", {"name": "", "type": 0, "amount": 1, "modelId": "m"}, "名称不能为空"),
        ("POST", "/desk-pool", {"name": "长" * 61, "type": 0, "amount": 1, "modelId": "m"}, "at most 60 characters"),
        ("DELETE", "/desk-pool/nope", None, "桌面池不存在: nope"),
        ("POST", "/desk-pool/nope/enable", None, "桌面池不存在: nope"),
        ("POST", "/domain/start", {"idList": []}, "at least 1 item"),
        ("POST", "/domain/close", {"idList": ["a"], "isForce": 3}, "isForce: Input should be 0 or 1"),
        ("POST", "/domain/delete", {"domainIdList": ["a"]}, "isRecycle: Field required"),
        ("POST", "/domain/delete", {"domainIdList": ["a"], "isRecycle": 1}, "虚机不存在: a"),
        ("POST", "/domain/delete", {"domainIdList": ["a"], "isRecycle": 0}, "虚机不存在: a"),
        ("GET", "/domain?pageNum=0", None, "分页参数错误"),
        ("GET", "/domain?pageSize=100000", None, "分页参数错误"),
        ("GET", "/domain?pageNum=x", None, "pageNum: Input should be a valid integer"),
        ("GET", "/domain?status=1,x", None, "status: String should match"),
        ("GET", "/domain?colour=1", None, "实验平台不支持的参数: colour"),
        ("GET", "/host/nope", None, "主机不存在: nope"),
        ("GET", "/event/nope", None, "事件不存在: nope"),
    ],
)
async def test_wrong_input_is_refused_in_the_vendors_way(bare, method, path, body, said):
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    answer = await bare.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["status"] not in (0, 500)
    assert said in answer.json()["msg"]
    assert "data" not in answer.json()


async def test_a_request_that_is_too_large_or_has_no_length_is_refused(bare):
    async def endless():
        yield b"{"

    for content in (b" " * 2_000_000, endless()):
        answer = await bare.post("/domain/start", content=content)
        assert (answer.status_code, answer.json()["status"]) == (200, 400)


async def test_an_unknown_path_is_a_404_in_the_vendors_envelope(bare):
    answer = await bare.get("/no/such/path")
    assert (answer.status_code, answer.json()["status"]) == (404, 404)


async def test_unknown_ids_of_a_batch_are_named_one_by_one(bare):
    data = (await bare.post("/domain/start", json={"idList": ["x", "x", "y"]})).json()["data"]
    assert data["eventIdList"] == []
    assert [error["domainId"] for error in data["errorList"]] == ["x", "y"]


async def test_the_database_keeps_no_token_and_is_private(bare, platform_lab):
    path = platform_lab.directory / "platform.db"
    assert path.stat().st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(path)) as database:
        dump = "\n".join(database.iterdump())
    assert bare.headers["Token"] not in dump
    assert PASSWORD not in dump


async def test_a_host_whose_daemon_is_stopped_is_offline_and_costs_only_its_own_vms(client, platform_lab, bare):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("half", model_id=model.id, amount=2), 60)
    pool = await client.desk_pools.detail("half")
    settings = LabSettings.load(platform_lab.directory)
    socket = platform_lab.hosts[1].socket
    hidden = socket.with_suffix(".hidden")
    platform_lab.stop()
    socket.rename(hidden)
    try:
        platform_lab.start()
        async with platform_lab.client() as other:
            hosts = await other.hosts.list().collect()
            assert [(host.name, int(host.status)) for host in hosts] == [("lab-a", 1), ("lab-b", 3)]
            vms = await other.desk_pools.vms(pool.id)
            assert [vm.status for vm in vms] == [VmStatus.SHUT_OFF, None]
            assert "主机没有应答" in vms[1].remark
            refused = await other.domains.start([vms[1].id])
            assert "主机没有应答" in str(refused.refusals[0])
    finally:
        hidden.rename(socket)
    assert settings == LabSettings.load(platform_lab.directory)
    async with platform_lab.client() as again:
        assert [int(host.status) for host in await again.hosts.list().collect()] == [1, 1]


async def test_a_host_that_hangs_is_offline_and_the_other_works_on(client, platform_lab):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("stuck", model_id=model.id, amount=2), 60)
    first, second = await client.desk_pools.vms((await client.desk_pools.detail("stuck")).id)
    (daemon,) = [each for each in platform_lab.hosts[1].processes() if each.role.startswith("libvirtd")]
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        assert [int(host.status) for host in await client.hosts.list(timeout=20).collect()] == [1, 3]
        assert (await client.domains.detail(first.id)).status is VmStatus.SHUT_OFF
        assert (await client.domains.detail(second.id, timeout=20)).status is None
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    assert [int(host.status) for host in await client.hosts.list(timeout=20).collect()] == [1, 1]


async def test_a_killed_server_leaves_no_half_pool_and_no_event_without_end(client, platform_lab):
    model = await client.models.find("atp-linux")
    event = await client.desk_pools.create("cut-off", model_id=model.id, amount=60)
    halfway = asyncio.Event()

    def watch(seen):
        if not seen.description.endswith(": 0/60"):
            halfway.set()

    watching = asyncio.create_task(client.events.finish(event, 60, watch))
    await asyncio.wait_for(halfway.wait(), 30)
    platform_lab.stop(signal.SIGKILL)
    watching.cancel()
    assert platform_lab.left()
    platform_lab.start()
    async with platform_lab.client() as other:
        done = await other.events.detail(event.event_id)
        assert (done.is_success, done.error_reason) == (
            1, "平台在操作完成前停止 (the platform stopped before the operation had ended)",
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while await other.desk_pools.list("cut-off").collect():  # it goes in the background
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert platform_lab.left() == []


async def test_pools_and_tokens_outlive_a_restart(client, platform_lab):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("lasting", model_id=model.id, amount=1), 60)
    assert platform_lab.stop() == 0
    platform_lab.start()
    pool = await client.desk_pools.detail("lasting")
    assert [vm.name for vm in await client.desk_pools.vms(pool.id)] == ["lasting-001"]


async def test_sigterm_ends_the_server_quickly_and_makes_failures_of_what_runs(client, platform_lab):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("closing", model_id=model.id, amount=1), 60)
    (vm,) = await client.desk_pools.vms((await client.desk_pools.detail("closing")).id)
    await client.events.finish_all(await client.domains.start([vm.id]), 60)
    batch = await client.domains.close([vm.id])  # waits for a guest that never shuts down
    assert platform_lab.stop() == 0
    platform_lab.start()
    with pytest.raises(PlatformError, match="平台在操作完成前停止"):
        await client.events.finish_all(batch, 10)


async def test_an_expired_token_is_renewed_by_the_client_without_a_word(platform_lab, bare):
    platform_lab.stop()
    platform_lab.start("--token-seconds", "2")
    try:
        async with platform_lab.client() as client:
            theirs = {"Token": client._session._token.reveal()}

            async def status():
                return (await bare.get("/host", headers=theirs)).json()["status"]

            await wait_for(status, 1006)
            assert len(await client.hosts.list().collect()) == 2
            assert client._session._token.reveal() != theirs["Token"]
    finally:
        platform_lab.stop()
        platform_lab.start()


async def wait_for(question, wanted, seconds=30):
    """Ask until the answer is as wanted: what a server finishes in the background after its start."""
    async with asyncio.timeout(seconds):
        while (seen := await question()) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return seen


async def test_a_server_killed_while_cloning_leaves_no_half_made_vm(bare, platform_lab):
    model = (await bare.get("/model/all")).json()["data"][0]["id"]
    answer = await bare.post(f"/model/{model}/clone", json={"name": "半途", "amount": 60})
    assert answer.json()["status"] == 0

    async def begun():
        return bool((await bare.get("/domain")).json()["data"]["total"])

    await wait_for(begun, True)
    platform_lab.stop(signal.SIGKILL)
    platform_lab.start()

    async def left():
        return (await bare.get("/domain?keyword=半途")).json()["data"]["total"]

    await wait_for(left, 0)
    assert not [each for each in platform_lab.left() if "半途" in each]


async def test_a_restore_point_is_what_the_disk_says_after_a_kill(client, bare, platform_lab):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("还原", model_id=model.id, amount=2), 60)
    first, second = await client.desk_pools.vms((await client.desk_pools.detail("还原")).id)
    frozen = await bare.post("/domain/freeze", json={"idList": [first.id], "freezeType": 2})
    assert frozen.json()["status"] == 0
    platform_lab.stop(signal.SIGKILL)
    hosts = {host.id: host for host in platform_lab.hosts}
    directory = hosts[first.host_id].directory / "vm" / first.id[:13]
    (directory / "disk.qcow2").unlink()  # as if killed while it was being put back
    with contextlib.closing(sqlite3.connect(platform_lab.directory / "platform.db")) as database:
        database.execute(
            "UPDATE vms SET freeze = 1 WHERE id = ?", [second.id]
        )  # as if killed before its file was there
        database.commit()
    platform_lab.start()

    async def freezes():
        rows = (await bare.get("/domain?keyword=还原")).json()["data"]["list"]
        return [row["freeze"] for row in rows]

    await wait_for(freezes, [1, 0])
    daily = (await bare.get("/domain?keyword=还原&freeze=2")).json()["data"]["list"]
    assert [row["id"] for row in daily] == [first.id]

    async def has_its_disk():
        return (directory / "disk.qcow2").exists()

    await wait_for(has_its_disk, True)
    await client.events.finish_all(await client.domains.start([first.id, second.id]), 60)


async def test_names_that_look_the_same_are_the_same(bare):
    model = (await bare.get("/model/all")).json()["data"][0]["id"]
    order = {"name": "caf\u00e9", "amount": 1, "type": 0, "modelId": model}
    assert (await bare.post("/desk-pool", json=order)).json()["status"] == 0
    twin = (await bare.post("/desk-pool", json={**order, "name": "cafe\u0301"})).json()
    assert "桌面池名称已存在" in twin["msg"]
    clash = (await bare.post("/desk-pool", json={**order, "name": "x", "domainPrefix": "cafe\u0301"})).json()
    assert "虚机名称已存在: caf\u00e9-001" in clash["msg"]

    async def ready():
        return (await bare.get("/desk-pool?keyword=caf")).json()["data"]["list"][0]["amount"] == 1 and (
            await bare.get("/event")
        ).json()["data"]["list"][0].get("isSuccess")

    await wait_for(ready, 0)


async def test_a_pool_that_is_being_made_is_neither_deleted_nor_changed(bare):
    model = (await bare.get("/model/all")).json()["data"][0]["id"]
    event = (await bare.post("/desk-pool", json={"name": "正在", "amount": 40, "type": 0, "modelId": model})).json()
    (pool,) = (await bare.get("/desk-pool?keyword=正在")).json()["data"]["list"]
    for method, path, body in (
        ("DELETE", "", None),
        ("PATCH", "", {"name": "b", "amount": 30}),
        ("POST", "/file", None),
    ):
        answer = await bare.request(method, f"/desk-pool/{pool['id']}{path}", json=body)
        assert "正在创建中" in answer.json()["msg"], (method, path)

    async def ended():
        return (await bare.get(f"/event/{event['data']['eventId']}")).json()["data"].get("isSuccess")

    await wait_for(ended, 0)


async def test_two_testers_on_one_vm_get_one_operation(client, bare):
    model = await client.models.find("atp-linux")
    await client.events.finish(await client.desk_pools.create("两人", model_id=model.id, amount=1), 60)
    (vm,) = await client.desk_pools.vms((await client.desk_pools.detail("两人")).id)
    resize = {"listId": [vm.id], "memory": 128}
    outcomes = await asyncio.gather(
        bare.patch("/domain/mem-cpu", json=resize),
        bare.post("/domain/freeze", json={"idList": [vm.id], "freezeType": 1}),
        bare.post("/domain/rebase", json={"idList": [vm.id]}),
        bare.post("/domain/start", json={"idList": [vm.id]}),
        bare.post(f"/domain/{vm.id}/to-model"),
    )
    said = [outcome.json() for outcome in outcomes]
    assert all(answer["status"] != 500 for answer in said), said
    begun = [answer for answer in said if answer["status"] == 0 and not (answer.get("data") or {}).get("errorList")]
    assert begun
    for answer in begun:
        for event in (answer.get("data") or {}).get("eventIdList", []) if isinstance(answer.get("data"), dict) else []:

            async def ended(event=event):
                return (await bare.get(f"/event/{event}")).json()["data"].get("isSuccess")

            await wait_for(ended, 0)
    assert (await client.domains.detail(vm.id)).status in (VmStatus.SHUT_OFF, VmStatus.RUNNING)
