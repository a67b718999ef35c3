"""What needs a guest that listens: restarting and shutting down when asked to, and what was done to its disks as it sees them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e

PASSWORD = "a lab's p4ssword"


class Asking:
    """The platform on the wire; each call must succeed, and what it begins is waited for."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = (await self._http.request(method, f"/ocloud/v1{path}", json=body)).json()
        assert answer["status"] == 0, answer
        data = answer.get("data")
        if isinstance(data, dict) and ("eventIdList" in data or "eventId" in data):
            assert not data.get("errorList"), data
            for event in data.get("eventIdList") or [data["eventId"]]:
                await self._finish(event)
        return data

    async def _finish(self, event: str) -> None:
        async with asyncio.timeout(120):
            while "isSuccess" not in (seen := await self("GET", f"/event/{event}")):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert seen["isSuccess"] == 0, seen


@pytest.fixture
async def ask(guest_lab: Any) -> AsyncIterator[Asking]:
    async with httpx.AsyncClient(base_url=guest_lab.url, trust_env=False, timeout=120) as http:
        login = {"username": "admin", "password": hashlib.md5(PASSWORD.encode()).hexdigest()}
        http.headers["Token"] = (await http.post("/ocloud/v1/login", json=login)).json()["data"]["token"]
        yield Asking(http)


async def in_guest(domain: Any, script: str) -> str:
    """What a shell in the guest prints; asked again while it boots."""
    import libvirt
    import libvirt_qemu

    async def agent(command: str, arguments: dict[str, Any]) -> Any:
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(await asyncio.to_thread(libvirt_qemu.qemuAgentCommand, domain, text, 5, 0))["return"]

    async with asyncio.timeout(120):
        while True:
            try:
                pid = (await agent("guest-exec", {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True}))[
                    "pid"
                ]
                break
            except libvirt.libvirtError:
                await asyncio.sleep(0.5)
        while not (status := await agent("guest-exec-status", {"pid": pid}))["exited"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return base64.b64decode(status.get("out-data", "")).decode().strip()


async def grows_to(domain: Any, gib: int) -> None:
    """Wait until the guest has seen its second disk in this size; the kernel is told and takes its time."""
    async with asyncio.timeout(30):
        while await in_guest(domain, "cat /sys/block/vdb/size 2>/dev/null") != str(gib * 2 * 1024**2):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_a_guest_obeys_and_sees_what_was_done_to_it(guest_lab: Any, ask: Asking) -> None:
    model = (await ask("GET", "/model/all"))[0]["id"]
    await ask("POST", "/desk-pool", {"name": "听话", "amount": 1, "type": 0, "modelId": model})
    (pool,) = (await ask("GET", "/desk-pool"))["list"]
    (vm,) = await ask("GET", f"/desk-pool/{pool['id']}/domain/list")
    one = {"idList": [vm["id"]]}
    await ask("POST", "/domain/start", one)
    with contextlib.closing(guest_lab.libvirt(0)) as connection:
        domain = connection.lookupByUUIDString(vm["id"])
        # At once, while it boots: the guest has no ear yet, the platform asks again.
        first = domain.ID()
        await ask("POST", "/domain/reboot", one)
        assert domain.ID() == first  # the same QEMU, restarted inside

        # A disk that comes and grows while the guest runs.
        assert await in_guest(domain, "cat /sys/block/vdb/size 2>/dev/null") == ""
        (storage,) = await ask("GET", f"/domain/common-storage-pool?idList={vm['id']}")
        order = {"domainIdList": [vm["id"]], "storagePoolId": storage["id"], "diskSize": 1, "busType": "virtio"}
        await ask("POST", "/domain/independent-disk", order)
        await grows_to(domain, 1)
        _, disk = await ask("GET", f"/domain/{vm['id']}/disk")
        await ask("POST", f"/domain/{vm['id']}/disk/{disk['id']}/expand", {"expandSize": 2})
        await grows_to(domain, 3)
        await ask("POST", f"/domain/{vm['id']}/disk/{disk['id']}/unmount")  # the guest lets it go
        assert await in_guest(domain, "cat /sys/block/vdb/size 2>/dev/null") == ""
        (network,) = await ask("GET", "/vlan/all")
        await ask("POST", f"/domain/{vm['id']}/nic", {"vlanId": network["id"]})
        (nic,) = await ask("GET", f"/domain/{vm['id']}/nic")
        await ask("DELETE", f"/domain/{vm['id']}/nic/{nic['mac']}")  # the guest has let it go when this is answered
        assert nic["mac"] not in domain.XMLDesc(0)
        names = [task["name"] for task in await ask("GET", f"/domain/{vm['id']}/task-manager")]
        assert "qemu-ga" in names

        # A snapshot of the running guest.
        await in_guest(domain, "echo before > /root/file; sync")
        await ask("POST", f"/domain/{vm['id']}/snapshot", {"name": "热"})
        await in_guest(domain, "echo after > /root/file; sync")
        (snapshot,) = (await ask("GET", f"/domain/{vm['id']}/snapshot"))["list"]
        await ask("POST", f"/snapshot/{snapshot['id']}/restore")
        assert await in_guest(domain, "cat /root/file") == "before"
        await ask("DELETE", f"/snapshot/{snapshot['id']}")
        await ask("POST", "/domain/close", one)
        assert not domain.isActive()

        # A restore point: what is written after it is gone at the next start.
        await ask("POST", "/domain/freeze", {**one, "freezeType": 1})
        await ask("POST", "/domain/start", one)
        assert (
            await in_guest(domain, "cat /root/file; echo lost > /root/file; echo more > /root/other; sync") == "before"
        )
        await ask("POST", "/domain/close", {**one, "isForce": 1})
        await ask("POST", "/domain/start", one)
        assert await in_guest(domain, "cat /root/file; ls /root/other 2>/dev/null") == "before"
    await ask("DELETE", f"/desk-pool/{pool['id']}")
    assert guest_lab.left() == []
