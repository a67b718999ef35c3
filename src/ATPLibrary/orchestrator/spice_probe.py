"""What a VM's SPICE server says of a wrong ticket, without disturbing the session that it has."""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING

from ATPLibrary.events import EventBus
from ATPLibrary.runtime import deadline
from ATPLibrary.secrets import Secret

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.spice.errors import SpiceLinkError

# As long as a ticket may be: longer ones are refused by this client.
_MADE_UP_BYTES = 16
# How long is tried whether the server still listens.
_PROBE_SECONDS = 1.0


async def refusal_of(
    workspace: Workspace, machine: Machine, ticket: Secret | None, timeout: float
) -> SpiceLinkError | None:
    """The error with which the ticket (None: one that is made up) is refused; None when the server takes it.

    A main channel would end the session that there is. So an inputs channel of a session that the server doesn't know is asked for:
    the ticket is looked at first, the session (`BAD_CONNECTION_ID`) only when that was right. Refused is what the server calls so
    (`PERMISSION_DENIED`), and in SASL, where it says nothing, a connection that it ends while it goes on to listen. Other errors
    are raised.
    """
    from ATPLibrary.orchestrator.spice import spice_connections
    from ATPLibrary.protocol.spice.errors import LinkCode, LinkStage, SpiceLinkError
    from ATPLibrary.transport.spice import SpiceChannelType

    subject = f"The SPICE server of VM '{machine.name}'"
    async with deadline(timeout, subject, wanted="answer a wrong ticket", got="did not"):
        known = workspace.spice_sessions.known(machine)
        if known is None:
            host = workspace.config.hosts.get(machine.host)
            manager = spice_connections(workspace)
            known = await manager.connection(machine.domain, timeout, host.ip if host is not None else None)
        # On a bus of its own: what becomes of it is no news of the VM's session.
        stranger = known.stranger(ticket or Secret(random.token_hex(_MADE_UP_BYTES)), EventBus())
        try:
            await stranger.link_alone(SpiceChannelType.INPUTS, timeout)
        except SpiceLinkError as error:
            if error.code == LinkCode.BAD_CONNECTION_ID:
                return None
            if error.code == LinkCode.PERMISSION_DENIED:
                return error
            in_doubt = error.in_sasl and error.stage in (LinkStage.CHALLENGE, LinkStage.RESULT)
            if error.is_end and in_doubt and await stranger.is_listening(_PROBE_SECONDS):
                return error
            raise
        return None
