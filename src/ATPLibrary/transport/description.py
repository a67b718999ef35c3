"""What a VM is made of, read from its live domain XML (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


@dataclass(frozen=True, slots=True)
class ChannelDescription:
    """A virtio-serial port. `kind` is libvirt's source type ("unix", "spicevmc"); `state` "connected", "disconnected" or ""."""

    name: str
    kind: str
    path: Path | None
    state: str


@dataclass(frozen=True, slots=True)
class Graphics:
    """A display server. `port` is None while the VM is off; `host` is the address that it listens on."""

    type: str
    host: str
    port: int | None
    tls_port: int | None = None
    socket: Path | None = None


@dataclass(frozen=True, slots=True)
class DomainDescription:
    """`qmp_socket` is the dedicated monitor given on QEMU's command line, never libvirt's own."""

    name: str
    uuid: str
    qmp_socket: Path | None
    channels: Mapping[str, ChannelDescription]
    keyboards: tuple[str, ...]
    pointers: tuple[str, ...]
    graphics: tuple[Graphics, ...]
    console_log: Path | None
    serial: str | None
    asset_tag: str | None


def parse_description(xml: str) -> DomainDescription:
    """Read the domain XML as `virDomainGetXMLDesc` gives it."""
    root = ET.fromstring(xml)
    channels = [channel for element in root.findall("./devices/channel") if (channel := _channel(element))]
    inputs = root.findall("./devices/input")
    return DomainDescription(
        name=root.findtext("name", ""),
        uuid=root.findtext("uuid", ""),
        qmp_socket=_qmp_socket([argument.get("value", "") for argument in root.iter(f"{_QEMU}arg")]),
        channels={channel.name: channel for channel in channels},
        keyboards=tuple(item.get("bus", "") for item in inputs if item.get("type") == "keyboard"),
        pointers=tuple(
            f"{item.get('bus', '')} {item.get('type', '')}" for item in inputs if item.get("type") != "keyboard"
        ),
        graphics=tuple(_graphics(element) for element in root.findall("./devices/graphics")),
        console_log=_console_log(root),
        serial=_smbios(root, "system", "serial"),
        asset_tag=_smbios(root, "chassis", "asset"),
    )


def _channel(element: ET.Element) -> ChannelDescription | None:
    target = element.find("target")
    if target is None or target.get("type") != "virtio":
        return None
    source = element.find("source")
    path = source.get("path") if source is not None else None
    name = target.get("name") or ""
    return ChannelDescription(name, element.get("type", ""), Path(path) if path else None, target.get("state", ""))


def _graphics(element: ET.Element) -> Graphics:
    listen = element.find("listen")
    address = element.get("listen") or (listen.get("address") if listen is not None else None) or ""
    socket = element.get("socket") or (listen.get("socket") if listen is not None else None)
    return Graphics(
        type=element.get("type", ""),
        host=address,
        port=_port(element.get("port")),
        tls_port=_port(element.get("tlsPort")),
        socket=Path(socket) if socket else None,
    )


def _port(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdigit() and int(text) > 0 else None


def _console_log(root: ET.Element) -> Path | None:
    """Where the first serial console is written: it is a file itself, or libvirt logs it into one."""
    for device in ("serial", "console"):
        for element in root.findall(f"./devices/{device}"):
            source, log = element.find("source"), element.find("log")
            path = log.get("file") if log is not None else None
            if not path and element.get("type") == "file" and source is not None:
                path = source.get("path")
            if path:
                return Path(path)
    return None


def _smbios(root: ET.Element, block: str, name: str) -> str | None:
    for entry in root.findall(f"./sysinfo/{block}/entry"):
        if entry.get("name") == name and entry.text:
            return entry.text.strip()
    return None


def _qmp_socket(arguments: list[str]) -> Path | None:
    """The UNIX socket of a control monitor: `-chardev socket,id=X,path=P -mon chardev=X,mode=control`, or `-qmp unix:P,...`."""
    pairs = list(itertools.pairwise(arguments))
    sockets: dict[str, str] = {}
    for option, value in pairs:
        kind, fields = _option(value)
        if option == "-chardev" and kind == "socket" and fields.get("id") and fields.get("path"):
            sockets[fields["id"]] = fields["path"]
    for option, value in pairs:
        if option == "-mon":
            kind, fields = _option(value)
            chardev = fields.get("chardev", kind)
            if fields.get("mode") == "control" and chardev in sockets:
                return Path(sockets[chardev])
        if option == "-qmp" and value.startswith("unix:"):
            return Path(value.removeprefix("unix:").partition(",")[0])
    return None


def _option(value: str) -> tuple[str, dict[str, str]]:
    """QEMU's `kind,key=value,...`; a comma in a value is written twice."""
    parts = [part.replace("\0", ",") for part in value.replace(",,", "\0").split(",")]
    fields = dict(part.partition("=")[::2] for part in parts)
    return ("" if "=" in parts[0] else parts[0]), fields
