"""Where a VM's SPICE server is and what its ticket is, as libvirt (its test driver) and a platform say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ATPLibrary.errors import ChannelError, VmStateError
from ATPLibrary.events import EventBus
from ATPLibrary.secrets import Secret
from ATPLibrary.transport import Domain, HostConnection
from ATPLibrary.transport.spice import SpiceEndpoint, find_endpoint, find_ticket
from ATPLibrary.transport.spice_connection import SpiceConnectionManager
from ATPLibrary.transport.vm_sockets import VmSockets

pytestmark = pytest.mark.integration

DOMAIN = """
<node><domain type='test'><name>win11</name><uuid>11111111-1111-4111-8111-111111111111</uuid><memory>8192</memory>
<os><type>hvm</type></os><devices>{graphics}</devices></domain></node>
"""

Vm = Callable[[str], Awaitable[Domain]]


@pytest_asyncio.fixture
async def vm(tmp_path: Path) -> AsyncIterator[Vm]:
    """Call it with a <graphics> element: the running VM that has it."""
    hosts: list[HostConnection] = []

    async def defined(graphics: str) -> Domain:
        file = tmp_path / f"node-{len(hosts)}.xml"
        file.write_text(DOMAIN.format(graphics=graphics), encoding="utf-8")
        host = HostConnection(f"rack-{len(hosts)}", f"test://{file}", EventBus())
        hosts.append(host)
        await host.connect(10)
        return await host.lookup("win11", 10)

    yield defined
    for host in hosts:
        await host.close(5)


async def test_the_endpoint_is_what_the_xml_says(vm: Vm) -> None:
    domain = await vm(
        "<graphics type='vnc' port='5900'/><graphics type='spice' port='5901' tlsPort='5902' listen='10.0.0.5'/>"
    )
    endpoint = await find_endpoint(domain, 10)
    assert endpoint == SpiceEndpoint("win11", "10.0.0.5", 5901, 5902)
    assert endpoint.address == "spice://10.0.0.5:5901?tls-port=5902"
    assert SpiceEndpoint("win11", "fe80::1", None, 5902).address == "spice://[fe80::1]?tls-port=5902"


@pytest.mark.parametrize("everywhere", ["listen='0.0.0.0'", "listen='::'", ""])
async def test_a_server_that_listens_everywhere_is_at_its_host_s_address(vm: Vm, everywhere: str) -> None:
    domain = await vm(f"<graphics type='spice' port='5901' {everywhere}/>")
    assert (await find_endpoint(domain, 10, host_ip="192.0.2.7")).host == "192.0.2.7"
    assert (await find_endpoint(domain, 10)).host == "127.0.0.1"
    domain.host.uri = "qemu+ssh://root@rack-1.example.com/system"
    assert (await find_endpoint(domain, 10)).host == "rack-1.example.com"


async def test_a_server_on_the_loopback_of_another_machine_is_not_taken_for_one_of_ours(vm: Vm) -> None:
    domain = await vm("<graphics type='spice' port='5901' listen='127.0.0.1'/>")
    assert (await find_endpoint(domain, 10)).host == "127.0.0.1"
    domain.host.sockets = VmSockets("rack-0", "qemu+tcp://192.0.2.7/system", domain.host.bus)
    with pytest.raises(
        ChannelError, match=r"be reachable from this machine but listens on 127.0.0.1 of host 'rack-0' only"
    ):
        await find_endpoint(domain, 10)


async def test_a_vm_without_spice_and_one_with_a_socket_only_say_so(vm: Vm) -> None:
    with pytest.raises(ChannelError, match="'win11' should have a SPICE display but has none"):
        await find_endpoint(await vm("<graphics type='vnc' port='5900'/>"), 10)
    with pytest.raises(ChannelError, match="listen on a TCP port but listens on the socket /x/spice only"):
        await find_endpoint(await vm("<graphics type='spice'><listen type='socket' socket='/x/spice'/></graphics>"), 10)


async def test_a_vm_that_is_off_has_no_server(vm: Vm) -> None:
    domain = await vm("<graphics type='spice' autoport='yes'/>")
    await domain.destroy(10)
    with pytest.raises(VmStateError, match="should be running to have a SPICE server but is shutoff"):
        await find_endpoint(domain, 10)


async def test_where_libvirt_has_no_port_the_platform_is_asked(vm: Vm) -> None:
    async def ports(domain: Domain, timeout: float) -> list[tuple[str, int]]:
        return [("vnc", 5900), ("spice", 5907)]

    domain = await vm("<graphics type='spice' autoport='yes' listen='0.0.0.0'/>")
    assert await find_endpoint(domain, 10, host_ip="192.0.2.7", ports=ports) == SpiceEndpoint(
        "win11", "192.0.2.7", 5907
    )


async def test_the_ticket_is_a_secret_from_the_xml_and_the_description_has_it_not(vm: Vm) -> None:
    domain = await vm("<graphics type='spice' port='5901' passwd='let me in'/>")
    ticket = await find_ticket(domain, 10)
    assert ticket is not None
    assert ticket.reveal() == "let me in"
    assert "let me in" not in repr(await domain.description(10)) + repr(ticket)
    assert await find_ticket(await vm("<graphics type='spice' port='5901'/>"), 10) is None


async def test_the_configuration_s_ticket_goes_before_the_platform_s_and_that_before_libvirt_s(vm: Vm) -> None:
    async def tickets(domain: Domain, timeout: float) -> Secret | None:
        return Secret("from the platform")

    domain = await vm("<graphics type='spice' port='5901' passwd='from the XML'/>")
    bus = domain.host.bus
    managers = [
        SpiceConnectionManager(bus, ticket=Secret("from the configuration"), tickets=tickets),
        SpiceConnectionManager(bus, tickets=tickets),
        SpiceConnectionManager(bus),
    ]
    connections = [await manager.connection(domain, 10) for manager in managers]
    told = [connection.ticket.reveal() for connection in connections if connection.ticket is not None]
    assert told == ["from the configuration", "from the platform", "from the XML"]
    assert list(managers[0].vm_connections) == [domain.uuid]
    await managers[0].close()
    assert managers[0].vm_connections == {}
