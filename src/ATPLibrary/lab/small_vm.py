"""VMs of one boot sector each on a lab's host: one shows moving pictures and beeps, one plays what it records.

They are for video and sound: their SPICE server streams whatever moves, and what they play is heard by a SPICE client. The
platform knows nothing of them, so they are there only as long as somebody needs them: `define` and `remove`.
"""

from __future__ import annotations

import shutil
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ATPLibrary.errors import LabError
from ATPLibrary.lab.boot_sector import boot_disk
from ATPLibrary.lab.daemon_user import daemon_user
from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import QEMU_NAMESPACE, AcceleratorKind, add_monitor, description, domain_type

MEMORY_MIB = 32
VIDEO_MEMORY_KIB = 16384
_ASK_SECONDS = 10.0
_SOUND = "audio1"  # what libvirt calls the sound of `<audio id='1'>`

# Each guest with the sound device that it uses: the PC's own speaker, or a card. A SPICE client hears each as a channel of its own.
GUESTS = {"pictures": "speaker", "echo": "ac97"}


def name_of(guest: str) -> str:
    """What the VM is called."""
    return f"small-{guest}"


def define(host: LabHost, guest: str, accelerator: AcceleratorKind) -> str:
    """Define the VM of that guest, off; one that is there goes first. Returns its name. `LabError` for a guest that there isn't."""
    if guest not in GUESTS:
        raise LabError.about("A small guest", wanted=f"be one of {', '.join(GUESTS)}", got=f"is '{guest}'")
    remove(host, guest)
    directory = _directory(host, guest)
    directory.mkdir(mode=0o700, parents=True)
    disk = boot_disk(guest, directory)
    daemon_user().hand_over((directory.parent, directory, disk))
    host.define(_domain_xml(host, guest, disk, accelerator), _ASK_SECONDS)
    return name_of(guest)


def remove(host: LabHost, guest: str) -> None:
    """Cut the VM's power, and make host and disk forget it. No error where there is none."""
    host.remove(name_of(guest), _ASK_SECONDS)
    shutil.rmtree(_directory(host, guest), ignore_errors=True)


def _directory(host: LabHost, guest: str) -> Path:
    return host.directory / "small" / guest


def _domain_xml(host: LabHost, guest: str, disk: Path, accelerator: AcceleratorKind) -> str:
    has_speaker = GUESTS[guest] == "speaker"
    card = "" if has_speaker else f"<sound model='{GUESTS[guest]}'><audio id='1'/></sound>"
    domain = ET.fromstring(f"""
        <domain type='{domain_type(accelerator)}'>
          <name>{name_of(guest)}</name>
          <uuid>{uuid.uuid4()}</uuid>
          <description>{escape(description(accelerator))}</description>
          <memory unit='MiB'>{MEMORY_MIB}</memory>
          <vcpu>1</vcpu>
          <os><type arch='x86_64' machine='pc'>hvm</type></os>
          <features><acpi/></features>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='raw'/>
              <source file={quoteattr(str(disk))}/>
              <target dev='hda' bus='ide'/>
            </disk>
            <controller type='usb' model='none'/>
            <graphics type='spice' autoport='yes'>
              <listen type='address' address='{host.ip}'/>
              <streaming mode='all'/>
            </graphics>
            {card}
            <audio id='1' type='spice'/>
            <video><model type='vga' vram='{VIDEO_MEMORY_KIB}'/></video>
            <memballoon model='none'/>
          </devices>
        </domain>""")
    # libvirt 9 says "-soundhw pcspk", which QEMU hasn't had since 7.1: the speaker is told in QEMU's own words.
    add_monitor(domain, disk.parent / "qmp", *(("-machine", f"pcspk-audiodev={_SOUND}") if has_speaker else ()))
    # GStreamer, which encodes all codecs but MJPEG, looks for its plugins in a process of its own; libvirt's QEMU may start none,
    # and the kernel ends it where it tries.
    commandline = domain.find(f"{{{QEMU_NAMESPACE}}}commandline")
    assert commandline is not None
    ET.SubElement(commandline, f"{{{QEMU_NAMESPACE}}}env", {"name": "GST_REGISTRY_FORK", "value": "no"})
    return ET.tostring(domain, encoding="unicode")
