"""A guest that runs has to let a device go: one that doesn't keeps it, in libvirt and in its definition, and the tester is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def impatient(platform_lab: Any) -> Iterator[None]:
    """The platform waits for guests as long as one can watch."""
    platform_lab.stop()
    platform_lab.start("--detach-seconds", "2")
    yield
    platform_lab.stop()
    platform_lab.start()


async def test_a_card_that_the_guest_keeps_stays_the_vms(impatient: None, wire: Any, platform_lab: Any) -> None:
    """This guest stands still: it never lets anything go."""
    _, (id,) = await wire.pool("网卡", 1)
    (network,) = await wire.ask("GET", "/vlan/all")
    await wire.ask("POST", "/domain/{id}/nic", {"vlanId": network["id"]}, id=id)
    (nic,) = await wire.ask("GET", "/domain/{id}/nic", id=id)
    await wire.batch("start", [id])
    remove = {"domainId": id, "mac": nic["mac"]}
    await wire.ask("DELETE", "/domain/{domainId}/nic/{mac}", refused="let a network card go", **remove)
    with contextlib.closing(platform_lab.libvirt(0)) as connection:
        import libvirt

        domain = connection.lookupByUUIDString(id)
        assert nic["mac"] in domain.XMLDesc(0)
        assert nic["mac"] in domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    await wire.batch("close", [id], isForce=1)
    await wire.ask("DELETE", "/domain/{domainId}/nic/{mac}", **remove)
    assert await wire.ask("GET", "/domain/{id}/nic", id=id) == []
