"""Letting the verifier that an event names judge it, whoever wrote that verifier."""

from __future__ import annotations

from ATPLibrary.errors import AgentError
from ATPLibrary.protocol.foreign import in_its_name
from ATPLibrary.runtime import deadline
from ATPLibrary.verifier.verifiers.interface import Guest, VerifyEvent, VerifyResult
from ATPLibrary.verifier.verifiers.registry import VERIFIERS

# A verifier has its own deadline and says what was missing; whoever doesn't keep it is ended this much later.
GRACE_SECONDS = 3.0


async def verify(event: VerifyEvent, guest: Guest, timeout: float) -> VerifyResult:
    """What became of `event` in that guest within `timeout` seconds. `ConfigError` where nobody judges events of its type."""
    verifier = VERIFIERS.create(event.type)
    subject = f"Verifier '{event.type}' of VM '{guest.name}'"
    with in_its_name(subject, guest.name, AgentError, "Look into the verifier's own code"):
        async with deadline(timeout + GRACE_SECONDS, subject, wanted="keep its deadline", got="did not"):
            result = await verifier.verify(event, guest, timeout)
    if not isinstance(result, VerifyResult):
        raise AgentError.about(
            subject, wanted="return a VerifyResult", got=f"returned a {type(result).__name__}",
            next_step="Look into the verifier's own code",
        )  # fmt: skip
    return result
