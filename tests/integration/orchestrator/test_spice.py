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


def platform_client(workspace: Workspace, answers: dict[str, tuple[int, object]]) -> VdiClient:
    """A platform that knows the VM, and answers what comes after its id in a path: status and data."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ocloud/v1/")
        status, data = (
            0,
            {"list": [{"id": UUID, "name": "win11"}], "pageNum": 1, "pageSize": 100, "pages": 1, "total": 1},
        )
        if path == "login":
            data = {"token": "0123456789abcdef", "username": "tester"}
        elif (asked := path.rpartition("/")[2]) in answers:
            status, data = answers[asked]  # type: ignore[assignment]
        return httpx.Response(200, text=json.dumps({"status": status, "msg": "操作成功", "data": data}))

    return VdiClient(workspace.config.platform_settings("lab"), transport=httpx.MockTransport(answer))


def workspace_with(tmp_path: Path, attributes: str, ticket: str | None = "let me in") -> Workspace:
    """One host at 192.0.2.1 with a VM whose display has these attributes."""
    file = tmp_path / "host.xml"
    file.write_text(NODE.format(uuid=UUID, attributes=attributes), encoding="utf-8")
    values = {
        "hosts": {"rack-1": {"uri": f"test://{file}", "ip": "192.0.2.1"}},
        "platforms": {"lab": {"url": "http://platform.test", "username": "tester", "password": "a password"}},
        "spice": {"ticket": ticket},
    }
    return Workspace(Config.model_validate(values))


async def test_a_server_that_listens_everywhere_is_at_the_configured_address(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "port='5901' listen='0.0.0.0'")
    endpoint = await spice_endpoint(workspace, await workspace.machine("win11", timeout=10), 10)
    assert endpoint.address == "spice://192.0.2.1:5901"
    await workspace.close(5)


async def test_the_platform_s_port_api_says_what_libvirt_does_not(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, "autoport='yes' listen='0.0.0.0'")
    ports = [{"type": "vnc", "value": 5900}, {"type": "spice", "value": 5907}]
    client = platform_client(workspace, {"port": (0, ports)})
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


@pytest.mark.parametrize(
    ("answer", "ticket"),
    [((0, {"key": "sp1ce-key"}), "sp1ce-key"), ((0, {"key": ""}), "libvirt's"), ((500, None), "libvirt's")],
)
async def test_the_platform_s_ticket_counts_where_none_is_configured_and_libvirt_s_where_it_tells_none(
    tmp_path: Path, answer: tuple[int, object], ticket: str
) -> None:
    workspace = workspace_with(tmp_path, 'port="5901" listen="10.0.0.5" passwd="libvirt\'s"', ticket=None)
    client = platform_client(workspace, {"spice-key": answer})
    await client.login()
    workspace.platforms.current = client
    machine = await workspace.machine("win11", timeout=10)
    with workspace.bus.subscribe(lambda event: event.kind == "spice.ticket-not-told") as news:
        connection = await spice_connections(workspace).connection(machine.domain, 10)
        if answer[0] != 0:
            assert "win11" in (await anext(news)).source
    assert connection.ticket is not None
    assert connection.ticket.reveal() == ticket
    await client.close()
    await workspace.close(5)
