"""Keywords that hand each VM to one test process at a time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError, VmNotFoundError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.component import Component
from ATPLibrary.transport.domain_state import VmState


class LeaseKeywords(Component):
    @keyword(name="Lease VM", tags=["VM", "Lease"])
    def lease_vm(
        self,
        name: str = "*",
        host: str | None = None,
        tag: str | None = None,
        pool: str | None = None,
        *,
        state: VmState | None = None,
        until: Literal["test", "suite", "run"] | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Takes a VM for this test process alone, makes it the current VM and returns its name. Waits until one is free.

        For pabot, and for runs beside each other on one machine: processes that lease their VMs never get the same one at the
        same time. A VM that is named without leasing it (`Connect To VM`) is not protected. The lease ends with the test, or with
        the suite when it is taken in a suite's setup; when the process ends, however it ends; and by `Release VM`.

        - ``name``: which VMs will do: a pattern, in which ``*`` stands for any text.
        - ``host``: only VMs on that host.
        - ``tag``: only VMs on hosts with that tag in the configuration.
        - ``pool``: only VMs of that desk pool of the platform that is logged in to.
        - ``state``: only VMs in that state now, such as ``running``.
        - ``until``: keep it until the end of the ``test``, ``suite`` or ``run``, instead of the above.
        - ``timeout``: how long to wait for one; by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Lease VM    sales-*    timeout=5 min
        | VM Should Be    running
        | Release VM
        """
        from ATPLibrary.orchestrator.lease_wish import Wish

        seconds = self.seconds(timeout, "boot")
        if not seconds:
            raise InputError.about(
                "The timeout of 'Lease VM'", wanted="be longer than 0 s", got="is not: asking the hosts takes time",
                next_step="Say 5 s to take one that is free now, or to be told that there is none",
            )  # fmt: skip
        wish = Wish(name, host, tag, pool, state)
        end = _scope(until)

        async def lease() -> tuple[str, str]:
            workspace = self.workspace
            domain = await workspace.leases.take(await wish.candidates(workspace, seconds), str(wish), end, seconds)
            workspace.current_machine = workspace.adopt(domain)
            return domain.name, domain.host.name

        vm, where = self.wait(lease(), seconds, f"Leasing: {wish}")
        logger.info(f"Leased VM '{vm}' on host '{where}' until the end of {f'{end!r}' if end else 'the run'}.")
        return vm

    @keyword(name="Release VM", tags=["VM", "Lease"])
    def release_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Gives a leased VM back: lets its keys go, closes its channels, and lets the next process have it.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long closing may take; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Lease VM    sales-*
        | Release VM
        """
        seconds = self.seconds(timeout, "command")
        workspace = self.workspace
        name = vm if vm is not None else workspace.chosen(None).uuid
        lease = next((each for each in workspace.leases.held if name in (each.vm, each.uuid)), None)
        if lease is None:
            held = ", ".join(f"'{each.vm}'" for each in workspace.leases.held)
            raise VmNotFoundError.about(
                f"VM '{vm if vm is not None else workspace.chosen(None).name}'",
                wanted="be leased by this process",
                got=f"leased are: {held}" if held else "no VM is",
                next_step="Take it with 'Lease VM'",
            )
        self.wait(workspace.release(lease), seconds, f"Releasing VM '{lease.vm}'")
        logger.info(f"Released VM '{lease.vm}'.")

    @keyword(name="Get Leases", tags=["VM", "Lease", "Getter"])
    def get_leases(self) -> list[dict[str, Any]]:
        """Returns who holds which VM on this machine: a list of dictionaries, by the VM's name.

        Their entries: ``vm``, ``uuid``, ``host``, ``pid`` (the process), ``scope`` (the test or suite at whose end it is given
        back; empty: the run), ``since`` (seconds since 1970) and ``mine`` (whether this process holds it).

        Example:
        | @{leases} =    Get Leases
        | FOR    ${lease}    IN    @{leases}
        |     Log    ${lease}[vm] is held by process ${lease}[pid]
        | END
        """
        leases = self.workspace.leases.all()
        logger.info("\n".join(map(str, leases)) or "No VM is leased.")
        return [asdict(lease) for lease in leases]


def _scope(until: str | None) -> str:
    """The full name of the test or suite at whose end the lease ends; empty for the run."""
    if until == "run":
        return ""
    return scope.suite() if until == "suite" else scope.here()
