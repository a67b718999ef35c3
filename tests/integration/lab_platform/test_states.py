"""Every operation on a VM in every state that doesn't allow it, on the wire: refused in the vendor's way; the VM stays as it is.

The table says what is allowed, in the test's own words; that what is allowed works is said by the tests of each operation.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

PASSWORD = "a lab's p4ssword"
OFF, ASLEEP, RUNNING, SUSPENDED, BUSY, MISSING, UNREACHABLE, RECYCLED = STATES = (
    "off", "asleep", "running", "suspended", "busy", "missing", "unreachable", "recycled",
)  # fmt: skip
SENTENCES = {
    OFF: "虚机已经关机", ASLEEP: "虚机已经休眠", RUNNING: "虚机已经启动", SUSPENDED: "虚机已挂起", BUSY: "虚机正在操作中",
    MISSING: "虚机在主机上不存在", UNREACHABLE: "主机没有应答", RECYCLED: "虚机",
}  # fmt: skip
AT_REST = {OFF, RUNNING, SUSPENDED}
DISK = "00000000-0000-0000-0000-000000000000"
ONE_ISO = {"domainIdList": ["{id}"], "isoPath": "a.iso", "storagePoolId": "{iso}"}
ONE_DISK = {"domainIdList": ["{id}"], "diskSize": 1, "storagePoolId": "{storage}"}

# The operation: where it is allowed, and how it is asked for. A body that is a string names the list that the VM's id goes into.
BATCHES: dict[str, tuple[set[str], str, dict[str, Any]]] = {
    "start": ({OFF, ASLEEP}, "/domain/start", {}),
    "close": ({RUNNING}, "/domain/close", {"isForce": 0}),
    "force close": ({RUNNING, SUSPENDED, ASLEEP}, "/domain/close", {"isForce": 1}),
    "reboot": ({RUNNING}, "/domain/reboot", {}),
    "suspend": ({RUNNING}, "/domain/suspend", {}),
    "resume": ({SUSPENDED}, "/domain/resume", {}),
    "sleep": ({RUNNING}, "/domain/sleep", {}),
    "wake up": ({ASLEEP}, "/domain/wakeup", {}),
}
AT_ONCE: dict[str, tuple[set[str], str, str, dict[str, Any]]] = {
    "freeze": ({OFF}, "POST", "/domain/freeze", {"idList": ["{id}"], "freezeType": 1}),
    "restore": ({OFF}, "POST", "/domain/restore", {"idList": ["{id}"]}),
    "rebase": ({OFF}, "POST", "/domain/rebase", {"idList": ["{id}"]}),
    "size": ({OFF}, "PATCH", "/domain/mem-cpu", {"listId": ["{id}"], "cpu": 1}),
    "rename": ({OFF}, "PATCH", "/domain/{id}", {"name": "另名"}),
    "copy": ({OFF}, "POST", "/domain/{id}/clone", {"name": "副本"}),
    "to model": ({OFF}, "POST", "/domain/{id}/to-model", {}),
    "make a disk": (AT_REST, "POST", "/domain/independent-disk", ONE_DISK),
    "add a disk": (AT_REST, "POST", "/domain/{id}/disk", {"volumeId": "{volume}"}),
    "delete a disk": (AT_REST, "DELETE", f"/domain/{{id}}/disk/{DISK}", {}),
    "expand a disk": (AT_REST, "POST", f"/domain/{{id}}/disk/{DISK}/expand", {"expandSize": 1}),
    "limit a disk": (AT_REST, "PATCH", f"/domain/{{id}}/disk/{DISK}/speed-limit", {"readIopsSec": "1"}),
    "unmount a disk": (AT_REST, "POST", f"/domain/{{id}}/disk/{DISK}/unmount", {}),
    "add an ISO": (AT_REST, "POST", "/domain/{id}/iso", {"isoFilePath": "a.iso", "storagePoolId": "{iso}"}),
    "change an ISO": (AT_REST, "PATCH", "/domain/{id}/iso", {"beforeIso": "a.iso", "nowIso": "b.iso", "storagePoolId": "{iso}"}),
    "remove an ISO": (AT_REST, "POST", "/domain/{id}/iso/delete", {"isoPath": "a.iso"}),
    "mount an ISO": (AT_REST, "POST", "/iso/mount", ONE_ISO),
    "unmount an ISO": (AT_REST, "POST", "/iso/unmount", {**ONE_ISO, "delTag": 0}),
    "add a card": (AT_REST, "POST", "/domain/{id}/nic", {"vlanId": "{vlan}"}),
    "change a card": (AT_REST, "PATCH", "/domain/{id}/nic", {"mac": "52:54:00:00:00:01", "vlanId": "{vlan}"}),
    "remove a card": (AT_REST, "DELETE", "/domain/{id}/nic/52:54:00:00:00:01", {}),
    "add a serial port": ({OFF}, "POST", "/domain/{id}/serial", {"serialModel": 2}),
    "change a serial port": ({OFF}, "PUT", "/domain/{id}/serial/1", {"serialModel": 2}),
    "remove a serial port": ({OFF}, "DELETE", "/domain/{id}/serial/1", {}),
    "snapshot": (AT_REST, "POST", "/domain/{id}/snapshot", {"name": "快照"}),
    "a user's snapshot": (AT_REST, "POST", "/term/domain/{id}/snapshot", {"name": "快照"}),
    "move": ({OFF}, "POST", "/domain/{id}/migrate", {"dconnuri": "127.0.0.3", "migrateType": 1}),
    "move live": ({RUNNING}, "POST", "/domain/{id}/migrate", {"dconnuri": "127.0.0.3", "migrateType": 2}),
    "recycle": ({*STATES} - {BUSY, UNREACHABLE, RECYCLED}, "POST", "/domain/delete", {"domainIdList": ["{id}"], "isRecycle": 1}),
    "delete": ({*STATES} - {RECYCLED}, "POST", "/domain/delete", {"domainIdList": ["{id}"], "isRecycle": 0}),
}  # fmt: skip


def refused(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, state) for name, state in itertools.product(table, STATES) if state not in table[name][0]]


class House:
    """A VM in each state, and what an operation has to name."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.names: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.http.request(method, path, json=body).json()
        assert answer["status"] == 0, answer
        return answer.get("data")

    def finish(self, event: str) -> None:
        end = time.monotonic() + 60
        while "isSuccess" not in (seen := self.ask("GET", f"/event/{event}")):
            assert time.monotonic() < end, seen
        assert seen["isSuccess"] == 0, seen

    def batch(self, name: str, id: str, **more: Any) -> None:
        data = self.ask("POST", f"/domain/{name}", {"idList": [id], **more})
        assert data["errorList"] == []
        self.finish(data["eventIdList"][0])

    def of(self, state: str) -> str:
        return self.names[f"id of {state}"]

    def filled(self, value: Any, state: str) -> Any:
        """The same with the ids in their places."""
        if isinstance(value, dict):
            return {name: self.filled(each, state) for name, each in value.items()}
        if isinstance(value, list):
            return [self.filled(each, state) for each in value]
        if isinstance(value, str):
            host = "lab-b" if state == UNREACHABLE else "lab-a"
            return value.format(
                id=self.of(state), storage=self.names[f"{host}-data"], iso=self.names[f"{host}-iso"], **self.names
            )
        return value


@pytest.fixture(scope="module")
def house(platform_lab: Any) -> Iterator[House]:
    platform_lab.stop()
    socket = platform_lab.hosts[1].socket
    hidden = socket.with_suffix(".hidden")
    with httpx.Client(base_url=f"{platform_lab.url}/ocloud/v1", timeout=60, trust_env=False) as http:

        def log_in() -> None:
            digest = hashlib.md5(PASSWORD.encode()).hexdigest()
            login = http.post("/login", json={"username": "admin", "password": digest}).json()
            http.headers["Token"] = login["data"]["token"]

        platform_lab.start()
        log_in()
        house = House(http)
        model = house.ask("GET", "/model/all")[0]["id"]
        order = {"name": "状态", "amount": 14, "type": 1, "modelId": model}
        house.finish(house.ask("POST", "/desk-pool", order)["eventId"])
        (pool,) = house.ask("GET", "/desk-pool?keyword=状态")["list"]
        vms = house.ask("GET", f"/desk-pool/{pool['id']}/domain/list")
        here = iter([vm["id"] for vm in vms if vm["hostName"] == "lab-a"])
        platform_lab.stop()
        socket.rename(hidden)
        try:
            platform_lab.start()
            there = next(vm["id"] for vm in vms if vm["hostName"] == "lab-b")
            house.names = {f"id of {state}": there if state == UNREACHABLE else next(here) for state in STATES}
            house.names |= {each["name"]: each["id"] for each in house.ask("GET", "/storage-pool?pageSize=100")["list"]}
            house.names["vlan"] = house.ask("GET", "/vlan/all")[0]["id"]
            volume = {"name": "卷", "size": 1, "storagePoolId": house.names["lab-a-data"], "busType": "virtio"}
            house.names["volume"] = house.ask("POST", "/storage-volume", volume)["id"]
            for state in (ASLEEP, RUNNING, SUSPENDED, BUSY):
                house.batch("start", house.of(state))
            house.batch("sleep", house.of(ASLEEP))
            house.batch("suspend", house.of(SUSPENDED))
            connection = platform_lab.libvirt(0)
            connection.lookupByUUIDString(house.of(MISSING)).undefine()
            connection.close()
            house.ask("POST", "/domain/delete", {"domainIdList": [house.of(RECYCLED)], "isRecycle": 1})
            closing = house.ask("POST", "/domain/close", {"idList": [house.of(BUSY)]})  # this guest has no ear for it
            assert len(closing["eventIdList"]) == 1
            yield house
        finally:
            hidden.rename(socket)
        house.ask("DELETE", f"/desk-pool/{pool['id']}")
        house.ask("DELETE", f"/storage-volume/{house.names['volume']}")
        assert platform_lab.left() == []


def looked_at(house: House, state: str) -> Any:
    if state == RECYCLED:
        vms = house.ask("GET", "/recycle")["list"]
        return next((vm["status"], vm["name"], vm["cpu"]) for vm in vms if vm["id"] == house.of(state))
    vm = house.ask("GET", f"/domain/{house.of(state)}")
    return vm.get("status"), vm["name"], vm["cpu"], vm["freeze"]


@pytest.mark.parametrize(("name", "state"), refused(BATCHES))
def test_a_batch_names_the_vm_and_why_it_is_not_begun(house: House, name: str, state: str) -> None:
    before = looked_at(house, state)
    _, path, more = BATCHES[name]
    answer = house.http.post(path, json={"idList": [house.of(state)], **more})
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["status"], data["eventIdList"]) == (200, 0, [])
    (error,) = data["errorList"]
    assert error["domainId"] == house.of(state)
    assert SENTENCES[state] in error["errorMsg"]
    assert looked_at(house, state) == before


@pytest.mark.parametrize(("name", "state"), refused(AT_ONCE))
def test_what_is_answered_when_it_is_done_is_refused_with_a_sentence(house: House, name: str, state: str) -> None:
    before = looked_at(house, state)
    _, method, path, body = AT_ONCE[name]
    answer = house.http.request(method, house.filled(path, state), json=house.filled(body, state) or None)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, 1), told
    assert SENTENCES[state] in told["msg"]
    assert "data" not in told
    assert looked_at(house, state) == before


@pytest.mark.parametrize("size", [0, -1, "1.5", 2**40])
def test_a_disk_is_not_made_smaller_nor_larger_than_any(house: House, size: Any) -> None:
    path = f"/domain/{house.of(OFF)}/disk/{DISK}/expand"
    told = house.http.post(path, json={"expandSize": size}).json()
    assert told["status"] == 400
    assert "参数错误: expandSize" in told["msg"]
