"""Switching a VM off, gently first: by the guest agent, then by the power button, and by the plug if it must be."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, CommandError, DeadlineError, VmStateError
from ATPLibrary.transport.domain_state import VmState
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain


class Way(enum.Enum):
    """How a VM can be switched off."""

    GUEST_AGENT = "guest agent"
    ACPI = "power button (ACPI)"
    DESTROY = "plug (destroy)"


GENTLE = (Way.GUEST_AGENT, Way.ACPI)
FORCEFUL = (*GENTLE, Way.DESTROY)
# What each way may take of the time that is left when its turn comes, relative to the ways still to come.
_WEIGHT = {Way.GUEST_AGENT: 4.0, Way.ACPI: 4.0, Way.DESTROY: 1.0}

# virDomainShutdownFlagValues (libvirt-domain.h), virErrorNumber (virterror.h)
_ACPI_POWER_BTN = 1
_GUEST_AGENT = 2
_INVALID_ARGUMENT = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way that was tried. `failure` says why the VM was not off after it; None for the one that worked."""

    way: Way
    seconds: float
    failure: str | None = None

    def __str__(self) -> str:
        return f"{self.way.value}: {self.failure or 'worked'} ({self.seconds:.1f} s)"


async def switch_off(domain: Domain, timeout: float, ways: Sequence[Way] = FORCEFUL) -> tuple[Attempt, ...]:
    """Try `ways` one after the other until the VM is off, and return what was tried; the last one worked.

    A way that can't even be asked (no guest agent) costs no time; one that is asked and has no effect costs its share of
    `timeout` seconds. `VmStateError` when the VM isn't running, `DeadlineError` with every attempt when none worked.
    """
    left = remaining(timeout)
    now = await domain.state(left())
    if now.state not in (VmState.RUNNING, VmState.BLOCKED):
        raise VmStateError.about(
            f"VM '{domain.name}' on host '{domain.host.name}'",
            wanted="be running so that it can shut down",
            got=f"was {now}",
            next_step="Let it go on with 'Resume VM', or use 'Destroy VM'" if now.state.is_active else "",
        )
    attempts: list[Attempt] = []
    for number, way in enumerate(ways):
        share = left() * _WEIGHT[way] / sum(_WEIGHT[each] for each in ways[number:])
        took = remaining(share)
        failure = await _try(domain, way, share)
        attempts.append(Attempt(way, share - took(), failure))
        if failure is None:
            return tuple(attempts)
    raise DeadlineError.about(
        f"VM '{domain.name}' on host '{domain.host.name}'",
        wanted="shut down",
        got="did not",
        waited=timeout,
        last_seen="; ".join(map(str, attempts)),
        next_step="Look at its screen, or pull the plug with 'Destroy VM'",
    )


async def _try(domain: Domain, way: Way, share: float) -> str | None:
    """Ask for it and wait for the VM to be off; return why it isn't."""
    left = remaining(share)
    try:
        await domain.call(f"switch off by its {way.value}", _ask, way, timeout=share)
        await domain.wait_for_state(VmState.SHUTOFF, left())
    except DeadlineError:
        return "it did not go off in its share of the time"
    except (CommandError, VmStateError) as error:
        if (await domain.state(max(left(), 1.0))).state is VmState.SHUTOFF:
            return None  # it was going off already, by itself or by the way before
        return getattr(error, "description", "") or _cause(error)
    return None


def _ask(handle: libvirt.virDomain, way: Way) -> None:
    import libvirt

    if way is Way.DESTROY:
        handle.destroy()
    elif way is Way.GUEST_AGENT:
        handle.shutdownFlags(_GUEST_AGENT)
    else:
        try:
            handle.shutdownFlags(_ACPI_POWER_BTN)
        except libvirt.libvirtError as error:
            if error.get_error_code() != _INVALID_ARGUMENT:
                raise
            handle.shutdown()  # a driver that knows one way only


def _cause(error: ATPError) -> str:
    return " ".join(str(error.__cause__ or error).split())
