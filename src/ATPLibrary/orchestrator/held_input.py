"""What is down in a guest, whoever holds it: let go of, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ATPLibrary.errors import ATPError, InputError
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine

# A guest without an agent isn't waited for longer.
AGENT_SECONDS = 5.0
# For libvirt's word on a VM that takes no release.
STATE_SECONDS = 0.5


class LetGo(NamedTuple):
    """Names of keys and buttons ("shift", "left button") that were down and are let go of."""

    ours: list[str]
    others: list[str]
    unknown_because: str = ""  # why nobody knows what else is down; "": the guest's kernel says that nothing is

    def sentence(self, vm: str) -> str:
        """What was done, and what is down now."""
        whose = {"held here": self.ours, "held by somebody else": self.others}
        done = "; ".join(f"{', '.join(names)} ({who})" for who, names in whose.items() if names)
        if self.unknown_because:
            first = (
                f"Let go in VM '{vm}' of {done}." if done else f"No keyword holds a key or button down in VM '{vm}'."
            )
            return f"{first} What others hold down there is not known, only our own is: {self.unknown_because}"
        if done:
            return f"Let go in VM '{vm}' of {done}. The guest's kernel sees no key and no button down now."
        return f"The guest's kernel sees no key and no button down in VM '{vm}'."


async def let_go_of_everything(machine: Machine, timeout: float) -> LetGo:
    """Let go of what keywords hold down, and, where an agent tells what that is, of what others do.

    `InputError` where something stays down in the guest all the same, or may: a VM that is paused takes no release.
    """
    from ATPLibrary.verifier.key_names import BUTTON_OF_EVDEV, QCODE_OF_EVDEV, key_name

    left = remaining(timeout)
    ours = machine.shown_down
    await machine.release_all()
    if machine.holds_keys and await _is_paused(machine):
        raise _may_be_down(machine, "it is paused, and takes no input", "when it runs again ('Resume VM')")
    agent_left = remaining(min(timeout / 2, AGENT_SECONDS))
    try:
        session = await machine.agent(agent_left())
        await session.ensure_watching(agent_left())
        codes = {code for _, code in await session.held_keys(agent_left())}
    except ATPError as error:
        if machine.holds_keys:
            raise _may_be_down(machine, f"QEMU took no release of it. {error}", "as soon as it takes input") from error
        return LetGo(ours, [], str(error))
    if not codes:
        return LetGo(ours, [])
    if keys := {code: QCODE_OF_EVDEV[code] for code in sorted(codes) if code in QCODE_OF_EVDEV}:
        typing = await machine.typing(left())
        await typing.release_others(list(keys.values()))
        if any(code in keys for _, code in await session.held_keys(left())):
            await typing.release_unseen()
    if buttons := [BUTTON_OF_EVDEV[code] for code in sorted(codes) if code in BUTTON_OF_EVDEV]:
        await (await machine.pointer(left())).release_others(buttons)
    if still := await machine.held_keys(left()):
        raise InputError.about(
            f"VM '{machine.name}'",
            wanted="have no key and no button down after releases of all were sent",
            got=f"still has {', '.join(still)} down",
            next_step="Somebody holds it, or it is of a device that QEMU sends no such release to: let go of it there",
        )
    return LetGo(ours, [name for code in sorted(codes) if (name := key_name(code)) not in ours])


def _may_be_down(machine: Machine, why: str, when: str) -> InputError:
    return InputError.about(
        f"VM '{machine.name}'",
        wanted="have no key and no button down",
        got=f"may still have {', '.join(machine.shown_down)} down: {why}",
        next_step=f"That is let go of {when}",
    )


async def _is_paused(machine: Machine) -> bool:
    try:
        return (await machine.domain.state(STATE_SECONDS)).state is VmState.PAUSED
    except ATPError:
        return False
