"""A lab VM: its domain XML and its files. A VM is a linked clone: a thin overlay over the guest image's disk.

The XML is written for a guest that boots fast and costs little under TCG: direct kernel boot, text-mode VGA, a network only where
it is asked for, no balloon, no sound, a bounded translation cache.
"""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Literal, Protocol

from ATPLibrary.errors import LabError

Keyboard = Literal["ps2", "usb", "virtio"]

# The models that the lab's platform offers, and the keyboard of each.
MODELS: dict[str, Keyboard] = {"atp-linux": "ps2", "atp-linux-usb": "usb", "atp-linux-virtio": "virtio"}
# The one with a desktop, which is no model of the platform's: it has an image of its own (`lab.image.DESKTOP`).
DESKTOP_MODEL = "atp-desktop"

MEMORY_MIB = 112
DESKTOP_MEMORY_MIB = 160
TRANSLATION_CACHE_MIB = 32
VIDEO_MEMORY_KIB = 4096
# Of a desktop's qxl: the screen itself, commands and pictures on their way to it, surfaces that are not on the screen.
DESKTOP_VIDEO_MEMORY_KIB = 16384
DESKTOP_COMMAND_MEMORY_KIB = 65536
DESKTOP_SURFACE_MEMORY_KIB = 32768
DESKTOP_MONITORS = 4

AGENT_CHANNEL = "com.vmagent.sock"
QGA_CHANNEL = "org.qemu.guest_agent.0"
SPICE_AGENT_CHANNEL = "com.redhat.spice.0"
TEST_CHANNEL = "com.example.test"  # for programs of the tester's own
SPICE_PORT = "com.example.spice"
SPICE_FOLDER = "org.spice-space.webdav.0"
USB_REDIRECTIONS = 2
USB_PORTS = 8  # a tablet, a keyboard, the redirections and a reader are 5; libvirt gives 4 unless told
TOKEN_PREFIX = "atp-token:"
HOST_IN_GUEST = "10.0.2.2"

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
LONGEST_SOCKET_PATH = 107  # bytes: sockaddr_un.sun_path without its final zero


class BootFiles(Protocol):
    """What a VM boots from: `lab.image.GuestImage` and `settings.ImageSettings` both are."""

    @property
    def kernel(self) -> Path: ...
    @property
    def initrd(self) -> Path: ...
    @property
    def disk(self) -> Path: ...
    @property
    def cmdline(self) -> str: ...


class AcceleratorKind(Protocol):
    """How a VM runs: `lab.accelerator.Accelerator` and `settings.AcceleratorSettings` both are."""

    @property
    def kind(self) -> Literal["kvm", "tcg"]: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """What a VM is to be. `directory` is its host's directory (short: sockets live below it); `listen` its host's ip.

    Every VM can have two USB devices redirected to it by SPICE. `spice_devices`: also a port and a folder (WebDAV) of SPICE, and a
    smartcard reader; the platform's VMs have them. `network`: a card in QEMU's user-mode network, in which the guest is
    10.0.2.15 and reaches this machine's 127.0.0.1 as `HOST_IN_GUEST`. `connect`: the addresses that its agent dials
    (guest_agent/README.md).
    """

    name: str
    uuid: str
    image: BootFiles
    accelerator: AcceleratorKind
    directory: Path
    model: str = "atp-linux"
    memory_mib: int = MEMORY_MIB
    listen: str = "127.0.0.1"
    network: bool = False
    spice_devices: bool = False
    connect: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: token_hex(16), repr=False)

    def __post_init__(self) -> None:
        models = (*MODELS, DESKTOP_MODEL)
        if self.model not in models:
            raise LabError.about(
                f"Model '{self.model}' of VM '{self.name}'", wanted=f"be one of {', '.join(models)}", got="is not"
            )
        longest = max(
            len(bytes(path)) for path in (self.qmp_socket, self.qga_socket, self.agent_socket, self.test_socket)
        )
        if longest > LONGEST_SOCKET_PATH:
            raise LabError.about(
                f"The sockets of VM '{self.name}'",
                wanted=f"have paths of at most {LONGEST_SOCKET_PATH} bytes",
                got=f"would have {longest} in '{self.directory}'",
                next_step="Choose a shorter directory for the host",
            )

    @property
    def cmdline(self) -> str:
        """The kernel's command line."""
        return " ".join((self.image.cmdline, *(f"atp.connect={url}" for url in self.connect)))

    @property
    def keyboard(self) -> Keyboard:
        return MODELS.get(self.model, "ps2")

    @property
    def has_desktop(self) -> bool:
        return self.model == DESKTOP_MODEL

    @property
    def files(self) -> Path:
        """The directory of this VM's own files and sockets."""
        return self.directory / "vm" / self.uuid[:13]

    @property
    def overlay(self) -> Path:
        return self.files / "disk.qcow2"

    @property
    def console_log(self) -> Path:
        return self.files / "console.log"

    @property
    def qmp_socket(self) -> Path:
        return self.files / "qmp"

    @property
    def qga_socket(self) -> Path:
        return self.files / "qga"

    @property
    def agent_socket(self) -> Path:
        return self.files / "agent"

    @property
    def test_socket(self) -> Path:
        return self.files / "test"


def create_overlay(spec: MachineSpec) -> None:
    """Make the VM's directory and its overlay over the image's disk. Blocking (tens of ms). `LabError` with qemu-img's words."""
    spec.files.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["qemu-img", "create", "-q", "-f", "qcow2"]
    command += ["-b", str(spec.image.disk), "-F", disk_format(spec.image.disk), str(spec.overlay)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise LabError.about(
            f"The linked clone of VM '{spec.name}'",
            wanted=f"be created over '{spec.image.disk}'",
            got=f"qemu-img said: {said.strip()}",
            next_step="Check free space with 'df' and the packages with 'atp doctor'",
        ) from error
    owner = spec.directory.stat()  # the host's daemon, which isn't always us (lab.daemon_user)
    if owner.st_uid != os.geteuid():
        for path in (spec.files.parent, spec.files, spec.overlay):
            os.chown(path, owner.st_uid, owner.st_gid)


def disk_format(disk: Path) -> Literal["qcow2", "raw"]:
    """Tell qcow2 from raw by the file's first bytes (qemu docs/interop/qcow2.txt)."""
    with disk.open("rb") as stream:
        return "qcow2" if stream.read(4) == b"QFI\xfb" else "raw"


def remove_files(spec: MachineSpec) -> None:
    """Remove the VM's overlay, sockets, console log and directory. The VM must be off. No error when they are gone."""
    sockets = (spec.qmp_socket, spec.qga_socket, spec.agent_socket, spec.test_socket)
    for path in (spec.overlay, spec.console_log, *sockets):
        path.unlink(missing_ok=True)
    if spec.files.is_dir():
        spec.files.rmdir()


def domain_xml(spec: MachineSpec) -> str:
    """The libvirt domain XML of the VM (https://libvirt.org/formatdomain.html)."""
    domain = ET.Element("domain", {"type": domain_type(spec.accelerator)})
    _child(domain, "name", spec.name)
    _child(domain, "uuid", spec.uuid)
    _child(domain, "description", description(spec.accelerator))
    _child(domain, "memory", str(spec.memory_mib), unit="MiB")
    _child(domain, "vcpu", "1")
    _add_identity(domain, spec)
    _add_boot(domain, spec)
    features = _child(domain, "features")
    _child(features, "acpi")
    _child(features, "apic")
    if spec.accelerator.kind == "tcg":
        _child(_child(features, "tcg"), "tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB")
    clock = _child(domain, "clock", offset="utc")
    _child(clock, "timer", name="hpet", present="no")  # its emulation is slower than the ACPI timer's
    _child(domain, "on_poweroff", "destroy")
    _child(domain, "on_reboot", "restart")
    _child(domain, "on_crash", "destroy")
    _add_devices(domain, spec)
    add_monitor(domain, spec.qmp_socket)
    return ET.tostring(domain, encoding="unicode")


def domain_type(accelerator: AcceleratorKind) -> str:
    """libvirt's word for how a VM runs."""
    return "kvm" if accelerator.kind == "kvm" else "qemu"


def description(accelerator: AcceleratorKind) -> str:
    """What a tester is told of the VM's speed, in its definition: there is no other way from the lab to who only knows libvirt."""
    return f"A VM of ATPLibrary's lab. {accelerator.kind} was chosen: {accelerator.reason}"


def _child(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _add_identity(domain: ET.Element, spec: MachineSpec) -> None:
    """SMBIOS: the agent finds the VM's id in the system serial, and its token in the chassis asset tag."""
    sysinfo = _child(domain, "sysinfo", type="smbios")
    system = _child(sysinfo, "system")
    _child(system, "entry", "ATPLibrary", name="manufacturer")
    _child(system, "entry", spec.model, name="product")
    _child(system, "entry", spec.uuid, name="serial")
    _child(system, "entry", spec.uuid, name="uuid")
    chassis = _child(sysinfo, "chassis")
    _child(chassis, "entry", f"{TOKEN_PREFIX}{spec.token}", name="asset")


def _add_boot(domain: ET.Element, spec: MachineSpec) -> None:
    boot = _child(domain, "os")
    _child(boot, "type", "hvm", arch="x86_64", machine="pc")
    _child(boot, "kernel", str(spec.image.kernel))
    _child(boot, "initrd", str(spec.image.initrd))
    _child(boot, "cmdline", spec.cmdline)
    _child(boot, "smbios", mode="sysinfo")


def _add_devices(domain: ET.Element, spec: MachineSpec) -> None:
    devices = _child(domain, "devices")
    disk = _child(devices, "disk", type="file", device="disk")
    # A clone lives as long as its lab: it needs no write to reach the medium.
    _child(disk, "driver", name="qemu", type="qcow2", cache="unsafe", discard="unmap")
    _child(disk, "source", file=str(spec.overlay))
    _child(disk, "target", dev="vda", bus="virtio")
    # xHCI sleeps while its devices are idle; UHCI polls a thousand times a second.
    _child(devices, "controller", type="usb", index="0", model="qemu-xhci", ports=str(USB_PORTS))
    _child(devices, "input", type="tablet", bus="usb")
    # Every PC has the PS/2 one; QEMU sends keys to the newest keyboard that the guest has set up.
    if spec.keyboard != "ps2":
        _child(devices, "input", type="keyboard", bus=spec.keyboard)
    channels = ((QGA_CHANNEL, spec.qga_socket), (AGENT_CHANNEL, spec.agent_socket), (TEST_CHANNEL, spec.test_socket))
    for name, path in channels:
        channel = _child(devices, "channel", type="unix")
        _child(channel, "source", mode="bind", path=str(path))
        _child(channel, "target", type="virtio", name=name)
    _add_redirections(devices, spec)
    if spec.has_desktop:
        channel = _child(devices, "channel", type="spicevmc")
        _child(channel, "target", type="virtio", name=SPICE_AGENT_CHANNEL)
    if spec.network:
        devices.append(network_card())
    serial = _child(devices, "serial", type="file")
    _child(serial, "source", path=str(spec.console_log))
    _child(serial, "target", port="0")
    for kind in ("spice", "vnc"):
        graphics = _child(devices, "graphics", type=kind, autoport="yes")
        _child(graphics, "listen", type="address", address=spec.listen)
        if kind == "spice" and spec.has_desktop:
            # The pointer goes to the tablet, which the guest's X server reads, not to one of the SPICE agent's.
            _child(graphics, "mouse", mode="server")
    _child(devices, "audio", id="1", type="none")
    _add_screen(_child(devices, "video"), spec)
    _child(devices, "memballoon", model="none")


def _add_screen(video: ET.Element, spec: MachineSpec) -> None:
    if not spec.has_desktop:
        _child(video, "model", type="vga", vram=str(VIDEO_MEMORY_KIB))
        return
    sizes = {"vgamem": DESKTOP_VIDEO_MEMORY_KIB, "ram": DESKTOP_COMMAND_MEMORY_KIB, "vram": DESKTOP_SURFACE_MEMORY_KIB}
    memory_of_each = {name: str(size) for name, size in sizes.items()}
    _child(video, "model", type="qxl", heads=str(DESKTOP_MONITORS), **memory_of_each)


def _add_redirections(devices: ET.Element, spec: MachineSpec) -> None:
    """What a SPICE client plugs in. While no client is connected the guest sees none of it but the ports."""
    for _ in range(USB_REDIRECTIONS):
        _child(devices, "redirdev", bus="usb", type="spicevmc")
    if not spec.spice_devices:
        return
    for name in (SPICE_PORT, SPICE_FOLDER):
        channel = _child(devices, "channel", type="spiceport")
        _child(channel, "source", channel=name)
        _child(channel, "target", type="virtio", name=name)
    _child(devices, "smartcard", mode="passthrough", type="spicevmc")


def network_card(mac: str | None = None) -> ET.Element:
    """A card in QEMU's own user-mode network: what a libvirt without root has, and no other machine sees.

    Without `mac` libvirt chooses one.
    """
    card = ET.Element("interface", {"type": "user"})
    if mac is not None:
        _child(card, "mac", address=mac)
    _child(card, "model", type="virtio")
    _child(card, "rom", enabled="no")  # nothing boots from it, and its boot code would be loaded at each start
    return card


def add_monitor(domain: ET.Element, socket: Path, *more: str) -> None:
    """A QMP socket of our own beside libvirt's: never libvirt's own monitor (decision 3 of the house plan).

    `more` are further arguments of QEMU.
    """
    ET.register_namespace("qemu", QEMU_NAMESPACE)
    commandline = ET.SubElement(domain, f"{{{QEMU_NAMESPACE}}}commandline")
    chardev = f"socket,id=atpqmp,path={socket},server=on,wait=off"
    for argument in ("-chardev", chardev, "-mon", "chardev=atpqmp,mode=control", *more):
        ET.SubElement(commandline, f"{{{QEMU_NAMESPACE}}}arg", {"value": argument})
