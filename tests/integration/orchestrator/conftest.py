"""A platform that lists what a test gives it, behind the real client, and hosts that are libvirt's own test driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ATPLibrary.config import Config
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.vdi import VdiClient

DOMAIN = """
<domain type='test'><name>{name}</name><uuid>{uuid}</uuid><memory>8192</memory><os><type>hvm</type></os></domain>
"""


class Platform:
    """Answers the vendor's lists from `hosts`, `pools` and `vms` (dictionaries with the vendor's field names)."""

    def __init__(self) -> None:
        self.hosts: list[dict[str, object]] = []
        self.pools: list[dict[str, object]] = []
        self.vms: dict[str, list[dict[str, object]]] = {}
        self.deletions_ignored = 0  # how many more times the lists still show what was deleted
        self._deleted: str | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ocloud/v1/")
        if path == "login":
            return self._ok({"token": "0123456789abcdef", "username": "tester"})
        if path == "logout":
            return self._ok(None)
        if path == "host":
            return self._page(self.hosts)
        if path == "desk-pool":
            return self._page([pool for pool in self.pools if not self._is_gone(str(pool["id"]))])
        if path == "domain":
            return self._page(
                [vm for pool, vms in self.vms.items() for vm in vms if not self._is_gone(pool, count=True)]
            )
        if path.startswith("desk-pool/") and request.method == "DELETE":
            self._deleted = path.split("/")[1]
            return self._ok(None)
        if path.endswith("/domain/list"):
            return self._ok(self.vms[path.split("/")[1]])
        return httpx.Response(404, text=f"nobody taught this platform {request.method} {path}")

    def _is_gone(self, pool: str, *, count: bool = False) -> bool:
        if pool != self._deleted:
            return False
        if self.deletions_ignored:
            self.deletions_ignored -= count
            return False
        return True

    def _page(self, items: list[dict[str, object]]) -> httpx.Response:
        return self._ok({"list": items, "pageNum": 1, "pageSize": 100, "pages": 1, "total": len(items)})

    def _ok(self, data: object) -> httpx.Response:
        return httpx.Response(200, json={"status": 0, "msg": "操作成功", "data": data})


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def host_file(tmp_path: Path) -> Path:
    """The test driver's description of a host: two VMs with known names and UUIDs."""
    domains = [
        ("sales-001", "11111111-1111-4111-8111-111111111111"),
        ("sales-002", "22222222-2222-4222-8222-222222222222"),
    ]
    nodes = "".join(DOMAIN.format(name=name, uuid=uuid) for name, uuid in domains)
    file = tmp_path / "host.xml"
    file.write_text(f"<node>{nodes}</node>", encoding="utf-8")
    return file


@pytest.fixture
def config(host_file: Path) -> Config:
    return Config.model_validate(
        {
            "hosts": {"rack-1": {"uri": f"test://{host_file}", "ip": "192.0.2.1"}},
            "platforms": {"lab": {"url": "http://platform.test", "username": "tester", "password": "a password"}},
        }
    )


@pytest.fixture
async def workspace(config: Config) -> AsyncIterator[Workspace]:
    workspace = Workspace(config)
    yield workspace
    await workspace.close(5.0)


@pytest.fixture
async def client(platform: Platform, config: Config) -> AsyncIterator[VdiClient]:
    client = VdiClient(config.platform_settings("lab"), transport=httpx.MockTransport(platform))
    await client.login()
    yield client
    await client.close()
