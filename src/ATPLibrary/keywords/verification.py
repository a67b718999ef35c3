"""Keywords about the proof: is the guest's agent there, did the input arrive, how fast."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword
from robot.api.types import Secret

from ATPLibrary.errors import InputError, VerificationError
from ATPLibrary.keywords import scope
from ATPLibrary.keywords.assertions import Operator, check, shown
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.plain import plain
from ATPLibrary.metrics import Histogram
from ATPLibrary.secrets import MASK

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import SentInput

_WAYS = {
    "kernel": "from this machine to the guest's kernel",
    "agent": "from the guest's kernel until its agent sent it",
    "host": "from the agent to this machine",
    "whole": "from this machine to the guest and back",
}


class VerificationKeywords(Component):
    @keyword(tags=["Verification"])
    def wait_until_verifier_is_ready(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Waits until the agent in a VM answers, so that input can be verified. Use it after a VM was started.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Connect To VM    win11
        | Wait Until Verifier Is Ready    timeout=2 min
        | Type Text    Hello
        """
        self._ready(vm, self.seconds(timeout, "boot"))

    @keyword(tags=["Verification", "Assertion"])
    def verifier_should_be_ready(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails unless the agent in a VM answers.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: how long the answer may take; by default ``timeouts.command`` of the configuration (10 s).

        Example:
        | Connect To VM    win11
        | Verifier Should Be Ready
        """
        self._ready(vm, self.seconds(timeout, "command"))

    @keyword(tags=["Verification"])
    def disconnect_from_verifier(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Ends the session with the agent in a VM and frees its channel. The next verified input opens a new one.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Verifier Should Be Ready
        | Disconnect From Verifier
        """
        seconds = self.seconds(timeout, "command")

        async def close() -> str:
            machine = await self.machine(vm, seconds)
            await machine.close_agent()
            return machine.name

        name = self.wait(close(), seconds, f"Ending the session with the agent of {named(vm)}")
        logger.info(f"The agent's channel of VM '{name}' is free.")

    @keyword(tags=["Verification", "Assertion"])
    def text_should_have_arrived(self, text: str | Secret | None = None, vm: str | None = None) -> None:
        """Fails unless the last text typed into a VM was verified: every key seen by the guest, in order, once.

        `Type Text` has already checked that, unless it was told ``verify=False``: then this keyword fails, because nothing was
        proved. It makes a suite say what it has shown. Only what was typed in this test counts, its setup included; in a suite's
        setup or teardown what was typed there.

        - ``text``: what should have arrived; by default whatever was typed last.
        - ``vm``: the VM's name or UUID; by default the current VM.

        Example:
        | Connect To VM    win11
        | Type Text    Hello from ATP!
        | Text Should Have Arrived    Hello from ATP!
        """
        machine = self.workspace.chosen(vm)
        if machine.last_text is None:
            raise VerificationError(f"No text was typed into VM '{machine.name}' yet. Use 'Type Text' first.")
        _check_is_of_here(machine.last_text, f"Text typed into VM '{machine.name}'", "nothing was typed", "'Type Text'")
        typed = machine.last_text.text
        was = typed if typed is None or isinstance(typed, str) else typed.reveal()
        wanted, is_secret = (None, False) if text is None else plain(text)
        if wanted is not None and was != wanted:
            raise VerificationError.about(
                f"The last text typed into VM '{machine.name}'",
                wanted=f"be {MASK if is_secret else shown(wanted)}",
                got=f"was {shown(str(typed))}",
            )
        report = machine.last_text.proved(machine.name)
        logger.info(
            f"Proved: VM '{machine.name}' has seen all {report.edges} edges of {report.what}, in order and once."
        )

    @keyword(tags=["Verification", "Assertion"])
    def input_should_have_arrived(self, vm: str | None = None) -> None:
        """Fails unless the last input sent to a VM, by keyboard or mouse, was verified: all of it, in order, once.

        Only what was sent in this test counts, its setup included; in a suite's setup or teardown what was sent there.

        - ``vm``: the VM's name or UUID; by default the current VM.

        Example:
        | Connect To VM    win11
        | Click    0.5    0.25
        | Input Should Have Arrived
        """
        machine = self.workspace.chosen(vm)
        if machine.last_input is None:
            raise VerificationError(f"No input was sent to VM '{machine.name}' yet. Use 'Type Text' or 'Click' first.")
        _check_is_of_here(
            machine.last_input, f"Input sent to VM '{machine.name}'", "nothing was sent", "'Type Text' or 'Click'"
        )
        report = machine.last_input.proved(machine.name)
        logger.info(
            f"Proved: VM '{machine.name}' has seen all {report.edges} edges of {report.what}, in order and once."
        )

    @keyword(tags=["Verification", "Getter"])
    def get_input_latency(
        self,
        percentile: float = 50,
        operator: Operator | None = None,
        expected: float | timedelta | None = None,
        vm: str | None = None,
        *,
        part: Literal["kernel", "agent", "host", "whole"] = "kernel",
    ) -> float:
        """Returns how many milliseconds verified input took from this machine to the guest's kernel, or on another part of its way.

        All verified inputs of the VM count that are still remembered (the last 50).

        - ``percentile``: ``50`` is the middle one, ``99`` is what 99 of 100 keys did not exceed.
        - ``operator`` and ``expected``: an assertion in milliseconds, such as ``<  20``, or as a time: ``<  20 ms``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``part``: ``kernel`` is from this machine, before the QMP command is written, to the guest's kernel; ``agent`` from there
          until the agent in the guest sent it; ``host`` from there until it was read here; ``whole`` is there and back. How sure
          the host knows the guest's clock is in the log; ``whole`` and ``agent`` need no such knowledge.

        Example:
        | Connect To VM    win11
        | Type Text    Hello
        | ${median} =    Get Input Latency
        | Get Input Latency    99    <    1 s
        | Get Input Latency    percentile=99    part=agent
        """
        if not 0 <= percentile <= 100:
            raise InputError(
                f"A percentile is from 0 to 100, not {percentile:g}: 50 is the middle, 99 leaves out the slowest."
            )
        from ATPLibrary.verifier import Part

        machine = self.workspace.chosen(vm)
        latency, errors = Histogram(), []
        for report in machine.reports:
            if report.verified:
                latency.merge(report.histogram(Part(part)))
                errors.append(report.clock_error_ms)
        if not latency.count:
            if any(report.verified for report in machine.reports):
                raise VerificationError.about(
                    f"The latency of input to VM '{machine.name}'",
                    wanted=f"be known for the part '{part}'",
                    got="isn't: the guest's clock wasn't measured, or its agent doesn't say when it sends",
                    next_step="Ask for part=whole, which needs neither",
                )
            raise VerificationError(
                f"No input to VM '{machine.name}' was verified yet, so there is no latency to tell."
            )
        known = [each for each in errors if each is not None] if part in ("kernel", "host") else []
        error = f"; clock error at most ±{max(known):.2f} ms" if known else ""
        value = round(latency.percentile(percentile), 3)
        if isinstance(expected, timedelta):
            expected = expected.total_seconds() * 1000
        logger.info(
            f"p{percentile:g} of {latency.count} verified edges and motions: {value} ms ({_WAYS[part]}{error})."
        )
        check(f"The p{percentile:g} latency of input to VM '{machine.name}' in ms", value, operator, expected)
        return value

    @keyword(tags=["Verification", "Assertion"])
    def no_key_should_be_down(self, vm: str | None = None, timeout: timedelta | None = None) -> None:
        """Fails if the guest's kernel sees any key or mouse button held down, whoever holds it, and names it.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | Press Keys    ctrl+c
        | No Key Should Be Down
        """
        seconds = self.seconds(timeout, "command")

        async def held() -> tuple[str, list[str]]:
            machine = await self.machine(vm, seconds)
            async with machine.answering():
                return machine.name, await machine.held_keys(seconds)

        name, keys = self.wait(held(), seconds, f"Asking the agent of {named(vm)} which keys are down")
        if keys:
            raise VerificationError.about(
                f"VM '{name}'",
                wanted="see no key down",
                got=f"sees {', '.join(keys)}",
                next_step="Let them go with 'Release All Keys'",
            )
        logger.info(f"VM '{name}' sees no key and no button down.")

    @keyword(tags=["Verification", "Getter"])
    def get_input_devices(self, vm: str | None = None, timeout: timedelta | None = None) -> list[str]:
        """Returns the keyboards and pointers that the guest's kernel has, as the agent in it sees them.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.agent`` of the configuration.

        Example:
        | Connect To VM    win11
        | @{devices} =    Get Input Devices
        | Log Many    @{devices}
        """
        seconds = self.seconds(timeout, "agent")

        async def devices() -> list[str]:
            machine = await self.machine(vm, seconds)
            session = await machine.agent(seconds)
            await session.ensure_watching(seconds)
            return [f"{device.name} ({device.bus})" for device in session.devices.values()]

        names = self.wait(devices(), seconds, f"Asking the agent of {named(vm)} for its devices")
        logger.info(", ".join(names) or "(none)")
        return names

    def _ready(self, vm: str | None, seconds: float) -> None:
        async def ready() -> str:
            machine = await self.machine(vm, seconds)
            session = await machine.agent(seconds)
            await session.ensure_watching(seconds)
            clock = session.clock
            error = f", clock known to within {clock.error_us / 1000:.2f} ms" if clock is not None else ""
            version = session.hello.version if session.hello is not None else "of unknown version"
            return f"The agent {version} in VM '{machine.name}' answers: {len(session.devices)} input devices{error}."

        logger.info(self.wait(ready(), seconds, f"The agent in {named(vm)}"))


def _check_is_of_here(last: SentInput, subject: str, got: str, by: str) -> None:
    """An input of an earlier test proves nothing in this one."""
    here = scope.here()
    if last.where != here:
        place = "in this test" if here != scope.suite() else "here"
        raise VerificationError.about(
            subject,
            wanted=f"have arrived {place}",
            got=f"{got} {place}",
            last_seen=f"the last one was {last.what}, in '{last.where}'",
            next_step=f"Use {by} first; what another test or a suite's setup has sent doesn't count",
        )
