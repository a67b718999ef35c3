"""Reading the domain XML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ATPLibrary.transport.description import ChannelDescription, Graphics, parse_description

pytestmark = pytest.mark.unit

XML = """\
<domain type='qemu' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>测试桌面池-01</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <sysinfo type='smbios'>
    <system><entry name='manufacturer'>ATP</entry><entry name='serial'>S-1</entry></system>
    <chassis><entry name='asset'>atp-token:t</entry></chassis>
  </sysinfo>
  <devices>
    <channel type='unix'>
      <source mode='bind' path='/x/qga'/>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
    <channel type='unix'><target type='virtio' name='com.vmagent.sock'/></channel>
    <channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0' state='disconnected'/></channel>
    <channel type='pty'><target type='guestfwd' address='10.0.2.1' port='1'/></channel>
    <serial type='file'><source path='/x/console.log'/><target port='0'/></serial>
    <input type='tablet' bus='usb'/>
    <input type='keyboard' bus='usb'/>
    <input type='mouse' bus='ps2'/>
    <input type='keyboard' bus='ps2'/>
    <graphics type='spice' port='5900' tlsPort='-1' autoport='yes' listen='127.0.0.1'/>
    <graphics type='vnc' port='-1'><listen type='address' address='::1'/></graphics>
    <graphics type='vnc' socket='/x/vnc'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-chardev'/>
    <qemu:arg value='socket,id=other,path=/x/other'/>
    <qemu:arg value='-mon'/>
    <qemu:arg value='chardev=mine,mode=control'/>
    <qemu:arg value='-chardev'/>
    <qemu:arg value='socket,id=mine,path=/x/a,,b,server=on,wait=off'/>
  </qemu:commandline>
</domain>
"""


def commandline(*arguments: str) -> Path | None:
    args = "".join(f"<qemu:arg value='{argument}'/>" for argument in arguments)
    namespace = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
    return parse_description(
        f"<domain {namespace}><name>x</name><qemu:commandline>{args}</qemu:commandline></domain>"
    ).qmp_socket


def test_a_live_vm_is_described() -> None:
    description = parse_description(XML)
    assert (description.name, description.uuid) == ("测试桌面池-01", "11111111-2222-3333-4444-555555555555")
    assert description.channels == {
        "org.qemu.guest_agent.0": ChannelDescription("org.qemu.guest_agent.0", "unix", Path("/x/qga"), "connected"),
        "com.vmagent.sock": ChannelDescription("com.vmagent.sock", "unix", None, ""),
        "com.redhat.spice.0": ChannelDescription("com.redhat.spice.0", "spicevmc", None, "disconnected"),
    }
    assert description.keyboards == ("usb", "ps2")
    assert description.pointers == ("usb tablet", "ps2 mouse")
    assert description.graphics == (
        Graphics("spice", "127.0.0.1", 5900),
        Graphics("vnc", "::1", None),
        Graphics("vnc", "", None, socket=Path("/x/vnc")),
    )
    assert description.console_log == Path("/x/console.log")
    assert (description.serial, description.asset_tag) == ("S-1", "atp-token:t")
    assert description.qmp_socket == Path("/x/a,b")


def test_a_bare_vm_is_described_by_what_it_lacks() -> None:
    description = parse_description("<domain><name>bare</name><uuid>u</uuid></domain>")
    assert description.qmp_socket is description.console_log is description.serial is description.asset_tag is None
    assert (description.channels, description.keyboards, description.graphics) == ({}, (), ())


def test_only_a_control_monitor_on_a_socket_is_taken_for_qmp() -> None:
    assert commandline("-qmp", "unix:/x/q,server=on,wait=off") == Path("/x/q")
    assert commandline("-qmp", "tcp:127.0.0.1:4444") is None
    assert commandline("-chardev", "socket,id=m,path=/x/m", "-mon", "m,mode=control") == Path("/x/m")
    assert commandline("-chardev", "socket,id=m,path=/x/m", "-mon", "chardev=m,mode=readline") is None
    assert commandline("-chardev", "pipe,id=m,path=/x/m", "-mon", "chardev=m,mode=control") is None
    assert commandline("-chardev", "socket,id=serial,path=/x/s") is None
