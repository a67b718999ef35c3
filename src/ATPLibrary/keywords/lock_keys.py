"""Keywords about Caps Lock, Num Lock and Scroll Lock, as the lights of the guest's keyboards tell them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import DeadlineError, InputError, VerificationError
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.verifier.injector import Via

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.verifier.lock_keys import LockKey

State = Literal["on", "off"]


class LockKeyKeywords(Component):
    @keyword(tags=["Input", "Keyboard", "Assertion"])
    def lock_keys_should_be(
        self,
        caps: State | None = None,
        num: State | None = None,
        scroll: State | None = None,
        *,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Fails unless Caps Lock, Num Lock and Scroll Lock are on or off in a VM's guest, as the lights of its keyboards say.

        By SPICE it is what the guest's lights said to QEMU, and QEMU to its clients: no agent is asked, and a change that is on its
        way is waited for. Where a fault on purpose (`Drop Next Message` and the like) has harmed what QEMU told of them last, it
        fails: how they are isn't known then. So it does where QEMU doesn't answer (by QMP) within 5 s: one that is frozen tells
        nothing.

        `Type Text` needs no care for Caps Lock: where it is on, it is off for the text, and on again.

        - ``caps``, ``num``, ``scroll``: ``on`` or ``off``; one that isn't given doesn't matter.
        - ``via``: ``qmp`` asks the agent in the guest; ``spice`` takes what the VM's SPICE session was told last
          (``KEY_MODIFIERS``).
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answer, or until they are so by SPICE; by default ``timeouts.command`` of the configuration
          (10 s).

        Example:
        | Connect To VM    win11
        | Press Keys    caps_lock
        | Lock Keys Should Be    caps=on    num=off
        | Lock Keys Should Be    caps=on    via=spice
        """
        wanted = _wanted(caps, num, scroll)
        states, _ = self._states(vm, wanted, timeout, via)
        if wrong := {key: state for key, state in wanted.items() if states[key] is not state}:
            raise VerificationError.about(
                f"The lock keys of {named(vm)}",
                wanted=f"be {_said(wanted)}",
                got=f"are {_said({key: states[key] for key in wanted})}",
                next_step=f"Switch them with 'Set Lock Keys    {'    '.join(f'{key}={_word(wrong[key])}' for key in wrong)}'",
            )
        logger.info(f"In {named(vm)}: {_said(states)}.")

    @keyword(tags=["Input", "Keyboard"])
    def set_lock_keys(
        self,
        caps: State | None = None,
        num: State | None = None,
        scroll: State | None = None,
        *,
        via: Via = "qmp",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Switches Caps Lock, Num Lock and Scroll Lock of a VM's guest on or off, where they aren't so already.

        Its key is pressed and its light waited for; where the guest has given the key another meaning the keyword fails.

        - ``caps``, ``num``, ``scroll``: ``on`` or ``off``; one that isn't given stays as it is.
        - ``via``: with ``qmp`` its key is pressed under the eyes of the agent; with ``spice`` the server is told how they shall be
          (``KEY_MODIFIERS``), as viewers do when their window is entered: it presses the keys, and tells when the
          lights have changed. Not while a fault has harmed what it told of them last.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.agent`` of the configuration (60 s).

        Example:
        | Connect To VM    win11
        | Set Lock Keys    caps=off    num=on
        | Lock Keys Should Be    caps=off    num=on
        """
        wanted = _wanted(caps, num, scroll)
        seconds = self.seconds(timeout, "agent")

        async def change() -> Sequence[str]:
            machine = await self.machine(vm, seconds)
            if via == "spice":
                return await (await machine.engines.spice_inputs(seconds)).set_locks(wanted, seconds)
            await _look(machine, wanted, seconds)
            return await (await machine.typing(seconds)).set_lock_keys(wanted, seconds)

        switched = self.wait(change(), seconds, f"Switching the lock keys of {named(vm)}")
        logger.info(f"In {named(vm)}: {_said(wanted)}; {', '.join(switched) or 'nothing'} had to be switched.")

    @keyword(tags=["Input", "Keyboard", "Getter"])
    def get_lock_keys(
        self, vm: str | None = None, timeout: timedelta | None = None, *, via: Via = "qmp"
    ) -> dict[str, str]:
        """Returns which lock keys a VM's guest has on: a dictionary of ``caps``, ``num`` and ``scroll`` with ``on`` or ``off``.

        One that no keyboard of the guest has a light for is left out.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for the agent's answer; by default ``timeouts.command`` of the configuration (10 s).
        - ``via``: as for `Lock Keys Should Be`; by SPICE what was told last, with a warning where a fault on purpose
          has harmed that.

        Example:
        | Connect To VM    win11
        | &{locks} =    Get Lock Keys
        | Log    ${locks}[caps]
        """
        states, why = self._states(vm, {}, timeout, via)
        if why:
            logger.warn(f"The lock keys of {named(vm)} are what was told last: {why}.")
        logger.info(_said(states) or "No keyboard of the guest has such a light.")
        return {key: _word(state) for key, state in states.items()}

    def _states(
        self, vm: str | None, wanted: Mapping[LockKey, bool], timeout: timedelta | None, via: Via
    ) -> tuple[Mapping[LockKey, bool], str]:
        """How they are, and why they may be otherwise ("": they aren't)."""
        from ATPLibrary.orchestrator.spice_life import LIFE_SECONDS

        seconds = self.seconds(timeout, "command")
        patience = seconds if via == "qmp" else seconds + LIFE_SECONDS

        async def look() -> tuple[Mapping[LockKey, bool], str]:
            machine = await self.machine(vm, seconds)
            return (
                (await _look(machine, wanted, seconds), "") if via == "qmp" else await _told(machine, wanted, seconds)
            )

        asked = "the agent" if via == "qmp" else "the SPICE session"
        return self.wait(look(), patience, f"Asking {asked} of {named(vm)} for its keyboards' lights")


def _wanted(caps: State | None, num: State | None, scroll: State | None) -> dict[LockKey, bool]:
    given: dict[LockKey, State | None] = {"caps": caps, "num": num, "scroll": scroll}
    wanted = {key: state == "on" for key, state in given.items() if state is not None}
    if not wanted:
        raise InputError("Which lock key? Give at least one of caps=, num= and scroll=, 'on' or 'off'.")
    return wanted


async def _look(machine: Machine, wanted: Mapping[LockKey, bool], seconds: float) -> Mapping[LockKey, bool]:
    """`InputError` where a wanted one has no light: nobody could tell what it is."""
    session = await machine.agent(seconds)
    await session.ensure_watching(seconds)
    states = await session.lock_keys(seconds)
    if dark := [key for key in wanted if key not in states]:
        raise InputError.about(
            f"{', '.join(key.capitalize() for key in dark)} Lock of VM '{machine.name}'",
            wanted="have a light on one of the guest's keyboards",
            got="has none, or the agent in the guest is too old to say",
            last_seen=f"lights that are known: {_said(states) or 'none'}",
            next_step="Bring a newer agent into the guest, or judge by the screen",
        )
    return states


async def _told(machine: Machine, wanted: Mapping[LockKey, bool], seconds: float) -> tuple[Mapping[LockKey, bool], str]:
    """What the SPICE server has said, once it is as wanted, or after `seconds` whatever it is; and why it may mean another by now.

    `VerificationError` where something is wanted and it may, and where QEMU doesn't answer.
    """
    from ATPLibrary.orchestrator.spice_life import require_alive

    inputs = await machine.engines.spice_inputs(seconds)
    if wanted:
        with contextlib.suppress(DeadlineError):
            await inputs.until_locks(wanted, seconds)
    await require_alive(machine, f"The lock keys of VM '{machine.name}'", f"be {_said(wanted) or 'known'}", seconds)
    return inputs.lights, inputs.doubt_of_lights()


def _said(states: Mapping[LockKey, bool]) -> str:
    return ", ".join(f"{key} {_word(state)}" for key, state in states.items())


def _word(state: bool) -> str:
    return "on" if state else "off"
