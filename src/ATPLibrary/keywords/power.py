"""Keywords about a VM's state: reading it, waiting for it, changing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.events import Event
from ATPLibrary.keywords.assertions import Operator, check, holds, in_words
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.transport.domain_state import VmState

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.transport.power_down import Attempt

# libvirt's event when a guest has been reset.
REBOOTED = "libvirt.reboot"


class PowerKeywords(Component):
    @keyword(name="Get VM State", tags=["VM", "Getter"])
    def get_vm_state(
        self,
        vm: str | None = None,
        operator: Operator | None = None,
        expected: VmState | None = None,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns the state that libvirt reports for a VM, after asserting it if asked to.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``operator`` and ``expected``: an assertion, such as ``==  running`` or ``!=  paused``.
        - ``timeout``: without it the assertion is checked once, now; with it the keyword waits that long for the state.

        Example:
        | Get VM State    win11    ==    running    timeout=30 s
        | ${state} =    Get VM State    win11
        | Get VM State    operator=!=    expected=crashed
        """
        seconds = self.seconds(timeout, "connect")
        wait_for = expected if timeout is not None else None
        state, subject = self.wait(self._state(vm, operator, wait_for, seconds), seconds, f"The state of {named(vm)}")
        check(subject, state, operator, expected.value if expected is not None else None)
        logger.info(f"{subject} is {state}.")
        return state

    @keyword(name="VM Should Be", tags=["VM", "Assertion"])
    def vm_should_be(self, state: VmState, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails unless a VM is in a state, or comes into it in ``timeout``.

        - ``state``: ``running``, ``paused``, ``shutoff``, ``crashed``, ...
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long to wait for the state; by default it must be so now.

        Example:
        | Connect To VM    win11
        | VM Should Be    running
        | VM Should Be    shutoff    vm=win12    timeout=1 min
        """
        self.get_vm_state(vm, "==", state, timeout)

    @keyword(name="Start VM", tags=["VM"])
    def start_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Starts a VM through libvirt and waits until it runs; one that `Save VM` has saved goes on where it was: if it was
        paused then, it is paused, with a warning.

        What boots inside is another question: see `Wait Until Verifier Is Ready` and `Wait Until Guest Agent Is Ready`.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Start VM    win11
        | VM Should Be    running    vm=win11
        """
        seconds = self.seconds(timeout, "boot")

        async def start() -> str:
            from ATPLibrary.transport.saved_state import until_it_goes_on

            machine = await self.machine(vm, seconds)
            await machine.domain.start(seconds)
            await until_it_goes_on(machine.domain, seconds)
            return machine.name

        name = self.wait(start(), seconds, f"Starting {named(vm)}")
        logger.info(f"VM '{name}' is started.")

    @keyword(name="Shut Down VM", tags=["VM"])
    def shut_down_vm(self, vm: str | None = None, force: bool = True, timeout: timedelta | None = None) -> str:
        """Switches a VM off, as gently as it lets itself: asks the guest agent, then presses the power button (ACPI), and pulls
        the plug at last. Returns what worked: ``guest agent``, ``power button (ACPI)`` or ``plug (destroy)``; the log has each try.

        What can't be tried (a VM without guest agent) costs no time; what is tried without effect may take its share of
        ``timeout``: four ninths the guest agent, then as much the power button. Pulling the plug is a warning in the log.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``force``: pull the plug when nothing else helps; with ``False`` the keyword fails instead, and the VM runs on.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Shut Down VM    win11    timeout=2 min
        | ${how} =    Shut Down VM    win12    force=False
        """
        seconds = self.seconds(timeout, "boot")

        async def shut_down() -> tuple[str, tuple[Attempt, ...]]:
            from ATPLibrary.transport.power_down import FORCEFUL, GENTLE, switch_off

            machine = await self.machine(vm, seconds)
            async with self.workspace.replaced(machine, seconds):
                return machine.name, await switch_off(machine.domain, seconds, FORCEFUL if force else GENTLE)

        name, attempts = self.wait(shut_down(), seconds, f"Shutting down {named(vm)}")
        last = attempts[-1].way
        told = logger.warn if last.value.startswith("plug") else logger.info
        told(f"VM '{name}' is shutoff. {'; '.join(map(str, attempts))}.")
        return last.value

    @keyword(name="Destroy VM", tags=["VM"])
    def destroy_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Switches a VM off at once, as if the plug were pulled, and waits until it is off. Its disk and definition stay.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Destroy VM    win11
        """
        self._change(
            "Destroying",
            lambda m, s: m.domain.destroy(s),
            vm=vm,
            timeout=timeout,
            kind="command",
            wanted=VmState.SHUTOFF,
        )

    @keyword(name="Suspend VM", tags=["VM"])
    def suspend_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Pauses a VM: its processors stop, its memory stays. A paused VM refuses input.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Suspend VM    win11
        | Resume VM    win11
        """
        self._change(
            "Suspending",
            lambda m, s: m.domain.suspend(s),
            vm=vm,
            timeout=timeout,
            kind="command",
            wanted=VmState.PAUSED,
        )

    @keyword(name="Resume VM", tags=["VM"])
    def resume_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Lets a paused VM go on, and waits until it runs.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Suspend VM    win11
        | Resume VM    win11
        """
        self._change(
            "Resuming", lambda m, s: m.domain.resume(s), vm=vm, timeout=timeout, kind="command", wanted=VmState.RUNNING
        )

    @keyword(name="Reboot VM", tags=["VM"])
    def reboot_vm(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Asks the guest to reboot, and waits until it really begins anew. A guest that doesn't listen makes it fail.

        What boots inside is another question: see `Wait Until Verifier Is Ready`.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Reboot VM    win11    timeout=2 min
        | VM Should Be    running    vm=win11
        """
        self._change("Rebooting", _reboot, vm=vm, timeout=timeout, kind="boot", wanted=VmState.RUNNING)

    async def _state(
        self, vm: str | None, operator: Operator | None, wait_for: VmState | None, seconds: float
    ) -> tuple[str, str]:
        machine = await self.machine(vm, seconds)
        if wait_for is not None and operator is not None:
            words = in_words(operator, wait_for.value)
            holding = machine.domain.wait_until(lambda now: holds(now.value, operator, wait_for.value), words, seconds)
            state = await holding
        else:
            state = await machine.domain.state(seconds)
        return state.state.value, f"VM '{machine.name}'"

    def _change(
        self,
        doing: str,
        action: Callable[[Machine, float], Awaitable[None]],
        *,
        vm: str | None,
        timeout: timedelta | None,
        kind: str,
        wanted: VmState,
    ) -> None:
        seconds = self.seconds(timeout, kind)

        async def change() -> str:
            machine = await self.machine(vm, seconds)
            await action(machine, seconds)
            await machine.domain.wait_for_state(wanted, seconds)
            return machine.name

        name = self.wait(change(), seconds, f"{doing} {named(vm)}")
        logger.info(f"VM '{name}' is {wanted.value}.")


async def _reboot(machine: Machine, seconds: float) -> None:
    """Pass the wish on, and wait for libvirt's word that the guest has done it: until then the old guest still answers."""
    from ATPLibrary import runtime
    from ATPLibrary.transport.domain import in_short

    if machine.domain.host.is_simulated:
        await machine.domain.reboot(seconds)  # libvirt's test driver does it in the call, and reports nothing
        return

    def is_reboot(event: Event) -> bool:
        return event.kind == REBOOTED and event.data.get("uuid") == machine.uuid

    with machine.bus.subscribe(is_reboot) as subscription:
        await machine.domain.reboot(seconds)
        async with runtime.deadline(
            seconds,
            f"VM '{machine.name}'",
            wanted="reboot",
            got="did not",
            last_seen=lambda: ", ".join(map(in_short, machine.bus.recent(machine.source, limit=3))) or "no event",
            next_step="See whether the guest listens to its power button (screenshot), or use 'Destroy VM' and 'Start VM'",
        ):
            await anext(subscription)
