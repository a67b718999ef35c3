"""Keywords about which VM is meant: connecting, choosing, listing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import ATPError, HostError, VerificationError
from ATPLibrary.keywords.component import Component
from ATPLibrary.transport.domain_state import VmState

if TYPE_CHECKING:
    from ATPLibrary.transport import Domain


class VmKeywords(Component):
    @keyword(name="Connect To VM", tags=["VM"])
    def connect_to_vm(self, vm: str, host: str | None = None, timeout: timedelta | None = None) -> str:
        """Connects to a VM and makes it the current one, which every keyword without ``vm`` then means. Returns its name.

        Needs only libvirt: the VM may be off, and nothing is opened inside it before a keyword needs it. libvirt is asked each
        time: a VM of that name that was connected, but deleted and made anew since, is the new one.

        - ``vm``: the VM's name or UUID.
        - ``host``: the host to look on; by default every configured host is asked.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Connect To VM    win11
        | Connect To VM    win11    host=lab-b
        """
        seconds = self.seconds(timeout, "connect")
        machine = self.wait(self.workspace.connect(vm, host, timeout=seconds), seconds, f"Connecting to VM '{vm}'")
        self.workspace.current_machine = machine
        logger.info(f"Connected to VM '{machine.name}' ({machine.uuid}) on host '{machine.host}'.")
        return machine.name

    @keyword(name="Use VM", tags=["VM"])
    def use_vm(self, vm: str) -> str | None:
        """Makes a connected VM the current one. Returns the name of the VM that was current before, or None.

        - ``vm``: the name or UUID of a VM that ``Connect To VM`` or ``Connect To Desk Pool`` has connected.

        Example:
        | Connect To VM    win11
        | Connect To VM    win12
        | Use VM    win11
        """
        machine = self.workspace.chosen(vm)
        before, self.workspace.current_machine = self.workspace.current_machine, machine
        logger.info(f"The current VM is now '{machine.name}'.")
        return before.name if before is not None else None

    @keyword(name="Disconnect From VM", tags=["VM"])
    def disconnect_from_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Releases every key that is held in a VM, closes its channels and forgets it. The VM itself goes on running.

        A VM that is paused, or whose QEMU hangs, takes no release: a warning names what stays down there. It is let go of when the
        VM is connected again in this run and runs.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long closing may take; by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Disconnect From VM
        """
        seconds = self.seconds(timeout, "command")

        async def disconnect() -> str:
            machine = await self.machine(vm, seconds)
            await self.workspace.forget(machine)
            return machine.name

        name = self.wait(disconnect(), seconds, "Disconnecting from a VM")
        logger.info(f"Disconnected from VM '{name}'.")

    @keyword(name="Get VMs", tags=["VM"])
    def get_vms(
        self,
        host: str | None = None,
        name: str = "*",
        state: VmState | None = None,
        tag: str | None = None,
        timeout: timedelta | None = None,
        *,
        unreachable: Literal["fail", "skip"] = "fail",
    ) -> list[str]:
        """Returns the names of the VMs that libvirt knows, running or not.

        A host that can't be asked makes this keyword fail, so that a gap is not taken for an answer; the error names each.

        - ``host``: the host to ask; by default every configured host.
        - ``name``: a pattern, in which ``*`` stands for any text and ``?`` for any character.
        - ``state``: only VMs in that state, such as ``running``.
        - ``tag``: only hosts with that tag in the configuration.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration.
        - ``unreachable``: ``fail``, or ``skip`` to list the VMs of the other hosts, with a warning for each host that could not
          be asked. If none could, the keyword fails.

        Example:
        | @{vms} =    Get VMs    host=lab-a
        | @{vms} =    Get VMs    name=sales-*    state=running    unreachable=skip
        | Log    ${vms}
        """
        seconds = self.seconds(timeout, "connect")
        problems: list[ATPError] = []

        async def found() -> list[str]:
            skipped = problems if unreachable == "skip" else None
            domains = await self.workspace.vms(seconds, host=host, pattern=name, state=state, tag=tag, problems=skipped)
            return sorted(domain.name for domain in domains)

        names = self.wait(found(), seconds, "Listing the VMs")
        for problem in problems:
            logger.warn(f"The VMs of a host are missing in the list. {problem}")
        logger.info(f"{len(names)} {'VM' if len(names) == 1 else 'VMs'}: {', '.join(names) or 'none'}.")
        return names

    @keyword(name="VM Should Exist", tags=["VM", "Assertion"])
    def vm_should_exist(self, vm: str, host: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails unless libvirt knows a VM of that name on some host.

        Passes as soon as a host has it, whatever the others do. When none has it, the error also names the hosts that could not
        be asked.

        - ``vm``: the VM's name or UUID.
        - ``host``: the host to ask; by default every known host.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration.

        Example:
        | VM Should Exist    win11
        """
        seconds = self.seconds(timeout, "connect")
        domains = self.wait(self.workspace.homes(vm, host, seconds), seconds, f"Looking for VM '{vm}'")
        logger.info(f"VM '{vm}' is on {_hosts(domains)}.")

    @keyword(name="VM Should Not Exist", tags=["VM", "Assertion"])
    def vm_should_not_exist(self, vm: str, host: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails if libvirt knows a VM of that name or UUID on any host: the proof that deleting left nothing behind.

        Every host is really asked; a host that can't be reached makes this keyword fail.

        - ``vm``: the VM's name or UUID.
        - ``host``: the host to ask; by default every configured host.
        - ``timeout``: how long to try; by default ``timeouts.connect`` of the configuration.

        Example:
        | VM Should Not Exist    deleted-vm
        """
        seconds = self.seconds(timeout, "connect")
        where = f"host '{host}'" if host is not None else "any host"
        problems: list[ATPError] = []
        listing = self.workspace.vms(seconds, host=host, problems=problems)
        meant = (vm, _uuid(vm))
        listed = self.wait(listing, seconds, "Listing the VMs")
        found = [each for each in listed if each.name == vm or each.uuid in meant]
        if found:
            raise VerificationError.about(
                f"VM '{vm}'",
                wanted=f"not exist on {where}",
                got=f"libvirt of {_hosts(found)} lists it",
                next_step="Delete it",
            )
        if problems:
            raise HostError.about(
                f"VM '{vm}'",
                wanted=f"not exist on {where}",
                got=f"not every host could be asked. {' '.join(map(str, problems))}",
                next_step="Bring them back, or name the host that counts with host=",
            )


def _uuid(text: str) -> str:
    """As libvirt writes it, which takes it in capitals and without dashes too; "": it is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""


def _hosts(domains: list[Domain]) -> str:
    names = sorted({domain.host.name for domain in domains})
    return f"host{'s' if len(names) > 1 else ''} " + ", ".join(f"'{name}'" for name in names)
