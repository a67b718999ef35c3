"""How a VM's processor runs, by KVM or by QEMU's own emulation (TCG), and what is known of why it isn't KVM."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ATPLibrary.transport import kvm
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine


@dataclass(frozen=True, slots=True)
class VmAccelerator:
    """`facts` are half sentences: what QEMU, libvirt, the host and the VM's definition say."""

    kind: Literal["kvm", "tcg"]
    facts: tuple[str, ...]

    def sentence(self) -> str:
        return f"{self.kind}: {'; '.join(self.facts)}"


async def accelerator_of(machine: Machine, timeout: float) -> VmAccelerator:
    """Asks the VM's QEMU, which must run, and its host. `ATPError` where one of them doesn't answer."""
    left = remaining(timeout)
    domain = machine.domain
    told = await (await machine.qmp(timeout)).execute("query-kvm", timeout=left())
    xml = await domain.call("read its XML", lambda handle: handle.XMLDesc(0), timeout=left(), idempotent=True)
    host = await domain.host.call("tell its capabilities", _capabilities, timeout=left(), idempotent=True)
    return judged(told, xml, host, kvm.device() if domain.host.is_local else "")


def judged(told: dict[str, Any], xml: str, capabilities: str, device: str) -> VmAccelerator:
    """From QEMU's answer to `query-kvm`, the VM's XML, its host's capabilities, and `device` (empty: of another machine)."""
    domain = ET.fromstring(xml)
    if told["enabled"]:
        return VmAccelerator("kvm", ("QEMU says that KVM runs its processor",))
    facts = [
        "QEMU says that KVM doesn't run its processor"
        + ("" if told["present"] else ", and that it has no KVM built in"),
        f"the VM is defined as one of type '{domain.get('type', '')}'",
    ]
    offered = {each.get("type") for each in ET.fromstring(capabilities).iterfind("./guest/arch/domain")}
    facts.append(f"libvirt offers {'KVM' if 'kvm' in offered else 'no KVM'} on its host")
    if device:
        facts.append(device)
    if note := " ".join(domain.findtext("description", "").split()):
        facts.append(f"the VM's description says: {note}")
    return VmAccelerator("tcg", tuple(facts))


def _capabilities(connection: Any) -> str:
    return str(connection.getCapabilities())
