"""What an input that is on its way can come to, in words."""

from __future__ import annotations

from ATPLibrary.errors import ATPError, ChannelError, VerificationError, VmStateError

# QEMU's run states of a VM that is going, or has gone, to another host (qapi/run-state.json).
MOVES = frozenset({"finish-migrate", "postmigrate"})


def stood_still(vm_name: str, what: str, state: str, so_far: str) -> VmStateError:
    """The VM was paused under it."""
    moves = state in MOVES
    return VmStateError.about(
        f"VM '{vm_name}'",
        wanted=f"be running to take {what}",
        got=f"was {'moved to another host' if moves else 'paused'} meanwhile (QEMU says {state}): {so_far}; keys that "
        "are down are let go when it runs again",
        next_step=f"{'Wait until it runs there' if moves else 'Resume it'}, then type what is missing",
    )


def began_anew(vm_name: str, what: str, what_the_guest: str, so_far: str) -> VerificationError:
    """The guest was restarted, or put back to a snapshot, under it."""
    return VerificationError.about(
        f"{what} on VM '{vm_name}'",
        wanted="be seen by the guest",
        got=f"was not, to its end: the guest {what_the_guest} meanwhile; {so_far}",
        next_step="Wait until the verifier is ready ('Wait Until Verifier Is Ready'), then type it anew",
    )


def no_progress(
    vm_name: str, what: str, *, waited: float, got: str, last_seen: str, next_step: str
) -> VerificationError:
    """Nothing of it was seen for too long."""
    return VerificationError.about(
        f"{what} on VM '{vm_name}'",
        wanted="be seen by the guest",
        waited=waited,
        got=got,
        last_seen=last_seen,
        next_step=next_step,
    )


def way_ended(vm_name: str, what: str, ended: ATPError, so_far: str) -> ChannelError:
    """What it was sent by broke under it."""
    return ChannelError.about(
        f"{what} on VM '{vm_name}'",
        wanted="be sent",
        got=f"was not, to its end: {so_far}; {str(ended).rstrip('.')}",
    )
