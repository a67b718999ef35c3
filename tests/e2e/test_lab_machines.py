"""The lab's three models, booted: each guest knows who it is and has the keyboard that its model promises."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ET
from typing import Any

import libvirt
import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("fixture", "bus"), [("ps2_vm", "i8042"), ("usb_vm", "usb"), ("virtio_vm", "virtio")])
def test_a_booted_guest_knows_its_identity_and_sees_its_keyboard_and_tablet(
    request: pytest.FixtureRequest, fixture: str, bus: str
) -> None:
    vm = request.getfixturevalue(fixture)

    def has_both(hello: dict[str, Any]) -> bool:
        keyboards = {device["bus"] for device in hello["devices"] if device["keyboard"]}
        tablets = {device["bus"] for device in hello["devices"] if device["pointer"] == "absolute"}
        return bus in keyboards and tablets == {"usb"}

    hello: dict[str, Any] = vm.wait_until_agent_answers(until=has_both)
    assert (hello["vm_id"], hello["vm_id_source"]) == (vm.uuid, "dmi_serial")
    assert hello["token"] in (f"atp-token:{vm.spec.token}", vm.spec.token)


def test_the_displays_of_a_vm_listen_on_its_hosts_address(ps2_vm: Any) -> None:
    connection = libvirt.open(ps2_vm.uri)
    try:
        live = ET.fromstring(connection.lookupByUUIDString(ps2_vm.uuid).XMLDesc())
    finally:
        connection.close()
    for graphics in live.findall("devices/graphics"):
        port = int(graphics.get("port", "0"))
        with socket.create_connection((ps2_vm.host.ip, port), timeout=10) as display:
            if graphics.get("type") == "vnc":
                assert display.recv(12).startswith(b"RFB ")


def test_the_dedicated_monitor_greets_with_qmp(ps2_vm: Any) -> None:
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        monitor.connect(str(ps2_vm.spec.qmp_socket))
        assert monitor.recv(4096).startswith(b'{"QMP":')


def test_a_defined_vm_that_never_ran_leaves_nothing(running_vm: Any) -> None:
    vm = running_vm("usb", boot=False)
    assert vm.host.vms(10)[vm.name] == "shut off"
    assert vm.spec.overlay.exists()
