"""Domain XML, read and written without libvirt: the devices that a VM has, and those that it gets."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ATPLibrary.lab.machine import QEMU_NAMESPACE, network_card

ET.register_namespace("qemu", QEMU_NAMESPACE)

SLOTS = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd"}


@dataclass(frozen=True)
class Disk:
    """A disk (`device` "disk") or a CD drive ("cdrom"; `file` is None while it is empty).

    Limits are per second, 0 for none. `alias` is QEMU's id of the device while the VM runs, else "".
    """

    device: str
    file: str | None
    target: str
    bus: str
    limits: dict[str, int]
    alias: str
    xml: str


@dataclass(frozen=True)
class Nic:
    mac: str
    xml: str


LIMITS = {
    "readBytesSec": "read_bytes_sec",
    "writeBytesSec": "write_bytes_sec",
    "readIopsSec": "read_iops_sec",
    "writeIopsSec": "write_iops_sec",
}


def disks(xml: str) -> list[Disk]:
    """The disks and CD drives, in the XML's order."""
    found = []
    for element in ET.fromstring(xml).iterfind("./devices/disk"):
        source, target, alias = (element.find(each) for each in ("source", "target", "alias"))
        assert target is not None  # libvirt insists on it
        limits = {
            name: int(element.findtext(f"./iotune/{tag}") or 0)
            for name, tag in LIMITS.items()
            if element.find(f"./iotune/{tag}") is not None
        }
        found.append(
            Disk(
                element.get("device", "disk"),
                None if source is None else source.get("file"),
                target.get("dev", ""),
                target.get("bus", ""),
                limits,
                "" if alias is None else alias.get("name", ""),
                ET.tostring(element, encoding="unicode"),
            )
        )
    return found


def nics(xml: str) -> list[Nic]:
    """The network cards that have a MAC address (libvirt gives each one)."""
    return [
        Nic(mac.get("address", ""), ET.tostring(element, encoding="unicode"))
        for element in ET.fromstring(xml).iterfind("./devices/interface")
        if (mac := element.find("mac")) is not None
    ]


def serial_ports(xml: str) -> dict[int, str]:
    """Port number to the device's XML; port 0 is the guest's console, which no tester may take away."""
    ports = {}
    for element in ET.fromstring(xml).iterfind("./devices/serial"):
        target = element.find("target")
        if target is not None:
            ports[int(target.get("port", 0))] = ET.tostring(element, encoding="unicode")
    return ports


def free_target(xml: str, bus: str) -> str:
    """The first free name of a disk on this bus: vdb, sda, ..."""
    taken = {disk.target for disk in disks(xml)}
    letters = (chr(ord("a") + number) for number in count())
    return next(name for letter in letters if (name := SLOTS[bus] + letter) not in taken)


def disk_xml(file: Path, target: str, bus: str, serial: str) -> str:
    """A qcow2 disk. `serial` (20 characters at most) is how the guest may know it."""
    disk = ET.Element("disk", {"type": "file", "device": "disk"})
    ET.SubElement(disk, "driver", {"name": "qemu", "type": "qcow2", "cache": "unsafe", "discard": "unmap"})
    ET.SubElement(disk, "source", {"file": str(file)})
    ET.SubElement(disk, "target", {"dev": target, "bus": bus})
    ET.SubElement(disk, "serial").text = serial[:20]
    return ET.tostring(disk, encoding="unicode")


def cdrom_xml(file: Path | None, target: str, bus: str = "ide") -> str:
    drive = ET.Element("disk", {"type": "file", "device": "cdrom"})
    ET.SubElement(drive, "driver", {"name": "qemu", "type": "raw"})
    if file is not None:
        ET.SubElement(drive, "source", {"file": str(file)})
    ET.SubElement(drive, "target", {"dev": target, "bus": bus})
    ET.SubElement(drive, "readonly")
    return ET.tostring(drive, encoding="unicode")


def nic_xml(mac: str) -> str:
    return ET.tostring(network_card(mac), encoding="unicode")


def serial_xml(port: int, socket: Path, *, listens: bool) -> str:
    """A serial port whose other end is a UNIX socket: its own, or another VM's."""
    serial = ET.Element("serial", {"type": "unix"})
    source = ET.SubElement(serial, "source", {"mode": "bind" if listens else "connect", "path": str(socket)})
    if not listens:
        ET.SubElement(source, "reconnect", {"enabled": "yes", "timeout": "1"})
    ET.SubElement(serial, "target", {"port": str(port)})
    return ET.tostring(serial, encoding="unicode")


def with_processors(xml: str, processors: int) -> str:
    domain = ET.fromstring(xml)
    vcpu = domain.find("vcpu")
    assert vcpu is not None
    vcpu.text = str(processors)
    return ET.tostring(domain, encoding="unicode")


def with_keyboard(xml: str, keyboard: str, product: str) -> str:
    """The same VM as a clone of another model: its keyboard, and what SMBIOS calls it."""
    domain = ET.fromstring(xml)
    devices = domain.find("devices")
    assert devices is not None
    for device in devices.findall("./input[@type='keyboard']"):
        devices.remove(device)
    if keyboard != "ps2":
        ET.SubElement(devices, "input", {"type": "keyboard", "bus": keyboard})
    for entry in domain.iterfind("./sysinfo/system/entry[@name='product']"):
        entry.text = product
    return ET.tostring(domain, encoding="unicode")


def bare(xml: str) -> str:
    """The same VM without its kernel and its disk: it boots from a disk that it is given, else from a CD."""
    domain = ET.fromstring(xml)
    boot, devices = domain.find("os"), domain.find("devices")
    assert boot is not None
    assert devices is not None
    for tag in ("kernel", "initrd", "cmdline"):
        for element in boot.findall(tag):
            boot.remove(element)
    for disk in devices.findall("disk"):
        devices.remove(disk)
    for device in ("hd", "cdrom"):
        ET.SubElement(boot, "boot", {"dev": device})
    return ET.tostring(domain, encoding="unicode")
