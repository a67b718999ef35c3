"""Keywords that read what a VM is made of and what it uses."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.assertions import Operator, check
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.secrets import MASK

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.accelerator import VmAccelerator

# virDomainXMLFlags (libvirt-domain.h)
_INACTIVE = 2
_MIGRATABLE = 8
# The guest agent's, in the asset tag of the VM's chassis (docs/guest-agent.md).
_TOKEN = re.compile(r"(?<=atp-token:)[^<\"'\s]+")


class VmFactKeywords(Component):
    @keyword(name="Get VM XML", tags=["VM", "Getter"])
    def get_vm_xml(
        self,
        vm: str | None = None,
        operator: Operator | None = None,
        expected: str | None = None,
        *,
        inactive: bool = False,
        migratable: bool = False,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns a VM's domain XML, as libvirt has it now. Passwords in it are left out, and of the guest agent's token there are
        asterisks, in the log too.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``operator`` and ``expected``: an assertion about the text, such as ``contains  <model type='qxl'``.
        - ``inactive``: as it will be at the next start.
        - ``migratable``: as `Migrate VM` wants it for ``xml``: what is returned has the token, only the log doesn't.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | ${xml} =    Get VM XML    win11
        | Get VM XML    win11    contains    virtio
        """
        seconds = self.seconds(timeout, "command")
        flags = (_INACTIVE if inactive else 0) | (_MIGRATABLE if migratable else 0)

        async def read() -> tuple[str, str]:
            machine = await self.machine(vm, seconds)
            return machine.name, await machine.domain.call(
                "read its XML", _xml, flags, timeout=seconds, idempotent=True
            )

        name, text = self.wait(read(), seconds, f"Reading the XML of {named(vm)}")
        masked = _TOKEN.sub(MASK, text)
        check(f"The XML of VM '{name}'", masked, operator, expected)
        logger.info(masked)
        return text if migratable else masked

    @keyword(name="Get VM Stats", tags=["VM", "Getter"])
    def get_vm_stats(
        self,
        vm: str | None = None,
        name: str | None = None,
        operator: Operator | None = None,
        expected: float | None = None,
        *,
        over: timedelta = timedelta(seconds=1),
        timeout: timedelta | None = None,
    ) -> Any:
        """Returns what a VM uses as its host counts it: a dictionary, or with ``name`` one of its numbers.

        Its entries: ``cpu_percent`` (100 is one processor fully used), ``cpu_seconds``, ``processors``, ``memory_mib`` (what the
        guest was given), ``resident_mib`` (what QEMU takes of the host), ``disk_read_bytes``, ``disk_written_bytes``,
        ``disk_reads``, ``disk_writes``, ``net_received_bytes``, ``net_sent_bytes``, ``net_received_packets``,
        ``net_sent_packets``, and ``devices`` with libvirt's numbers for each disk and interface. All but ``cpu_percent`` count
        from the VM's start.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``name``: the entry that is wanted.
        - ``operator`` and ``expected``: an assertion about that entry, such as ``<  90``.
        - ``over``: how long the use of the processor is measured, which is how long this keyword takes.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s), beside ``over``.

        Example:
        | Get VM Stats    win11    cpu_percent    <    90    over=2 s
        | ${stats} =    Get VM Stats    win11
        | Log    ${stats}[disk_written_bytes] bytes were written
        """
        seconds = self.seconds(timeout, "command") + over.total_seconds()

        async def measure() -> tuple[str, dict[str, Any]]:
            from ATPLibrary.transport.domain_stats import domain_stats

            machine = await self.machine(vm, seconds)
            return machine.name, asdict(await domain_stats(machine.domain, seconds, over.total_seconds()))

        vm_name, stats = self.wait(measure(), seconds, f"Measuring {named(vm)}")
        logger.info("\n".join(f"{key}: {value}" for key, value in stats.items() if key != "devices"))
        if name is None:
            return stats
        if name not in stats:
            raise InputError(f"VM '{vm_name}' has no number called '{name}': there are {', '.join(stats)}.")
        check(f"{name} of VM '{vm_name}'", stats[name], operator, expected)
        return stats[name]

    @keyword(name="Get VM Accelerator", tags=["VM", "Getter", "Assertion"])
    def get_vm_accelerator(
        self,
        operator: Operator | None = None,
        expected: str | None = None,
        *,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns how a running VM's processor runs: ``kvm``, or ``tcg``, which is QEMU's own emulation and several times slower.

        QEMU itself is asked. Why it isn't KVM stands in the log and in the error: how the VM is defined, what its host's
        libvirt offers, whether ``/dev/kvm`` answers where that is this machine, and the VM's description. A ``/dev/kvm`` that
        answers may still never run a guest: ``atp lab up`` boots a probe guest to find that out, and writes into its VMs'
        descriptions what came of it.

        - ``operator``, ``expected``: an assertion about it, such as ``==    kvm``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | ${accelerator} =    Get VM Accelerator
        | Get VM Accelerator    ==    kvm
        """
        seconds = self.seconds(timeout, "command")

        async def ask() -> tuple[str, VmAccelerator]:
            from ATPLibrary.orchestrator.accelerator import accelerator_of

            machine = await self.machine(vm, seconds)
            return machine.name, await accelerator_of(machine, seconds)

        name, found = self.wait(ask(), seconds, f"Asking for the accelerator of {named(vm)}")
        logger.info(f"VM '{name}' runs by {found.sentence()}.")
        why = "; ".join(found.facts)
        check(f"The accelerator of VM '{name}'", found.kind, operator, expected, next_step=f"What is known: {why}")
        return found.kind


def _xml(handle: Any, flags: int) -> str:
    return str(handle.XMLDesc(flags))
