"""A VM's SPICE server as a tester asks for it: from libvirt, the configuration and the platform together."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from ATPLibrary.config import Config
from ATPLibrary.orchestrator import Workspace
from ATPLibrary.orchestrator.spice import spice_connections, spice_endpoint
from ATPLibrary.secrets import MASK
from ATPLibrary.vdi import VdiClient

pytestmark = pytest.mark.integration

UUID = "11111111-1111-4111-8111-111111111111"
NODE = """
<node><domain type='test'><name>win11</name><uuid>{uuid}</uuid><memory>8192</memory><os><type>hvm</type></os>
<devices><graphics type='spice' {attributes}/></devices></domain></node>
"""


def workspace_with(tmp_path: Path, attributes: str) -> Workspace:
    """One host at 192.0.2.1 with a VM whose display has these attributes."""
    file = tmp_path / "host.xml"
    file.write_text(NODE.format(uuid=UUID, attributes=attributes), encoding="utf-8")
    values = {
        "hosts": {"rack-1": {"uri": f"test://{file}", "ip": "192.0.2.1"}},
        "platforms": {"lab": {"url": "http://platform.test", "username": "tester", "password": "a password"}},
        "spice": {"ticket": "let me in"},
    }
    return Workspace(Config.model_validate(values))


async def test_a_server_that_listens_everywhere_is_at_the_configured_address(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "port='5901' listen='0.0.0.0'")
    endpoint = await spice_endpoint(workspace, await workspace.machine("win11", timeout=10), 10)
    assert endpoint.address == "spice://192.0.2.1:5901"
    await workspace.close(5)


async def test_the_platform_s_port_api_says_what_libvirt_does_not(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ocloud/v1/")
        vm = {"id": UUID, "name": "win11"}
        data: object = {"list": [vm], "pageNum": 1, "pageSize": 100, "pages": 1, "total": 1}
        if path == "login":
            data = {"token": "0123456789abcdef", "username": "tester"}
        elif "port" in path:
            data = [{"type": "vnc", "value": 5900}, {"type": "spice", "value": 5907}]
        return httpx.Response(200, text=json.dumps({"status": 0, "msg": "操作成功", "data": data}))

    workspace = workspace_with(tmp_path, "autoport='yes' listen='0.0.0.0'")
    client = VdiClient(workspace.config.platform_settings("lab"), transport=httpx.MockTransport(answer))
    await client.login()
    workspace.platforms.current = client
    endpoint = await spice_endpoint(workspace, await workspace.machine("win11", timeout=10), 10)
    assert endpoint.address == "spice://192.0.2.1:5907"
    await client.close()
    await workspace.close(5)


async def test_the_configured_ticket_reaches_the_session_and_no_print(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "port='5901' listen='10.0.0.5'")
    machine = await workspace.machine("win11", timeout=10)
    connection = await spice_connections(workspace).connection(machine.domain, 10)
    assert connection.ticket is not None
    assert connection.ticket.reveal() == "let me in"
    assert "let me in" not in repr(workspace.config)
    assert MASK in str(connection.ticket)
    await workspace.close(5)
