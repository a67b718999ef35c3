"""How a VM's session with its agent comes about: over its virtio-serial port, or through the verification service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ATPLibrary.errors import AgentError, ChannelError
from ATPLibrary.orchestrator.served_agents import identity
from ATPLibrary.secrets import Secret, as_secret
from ATPLibrary.transport.remaining import remaining

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.served_agents import ServedAgents
    from ATPLibrary.transport import ByteChannel
    from ATPLibrary.verifier import AgentSession
    from ATPLibrary.verifier.silence import PortState

# For the agent's channel each time that its session opens it anew.
CHANNEL_SECONDS = 10.0
TOKEN_PREFIX = "atp-token:"


async def open_agent(machine: Machine, served: ServedAgents | None, timeout: float, waited: float) -> AgentSession:
    """A started session. `AgentError`, `ChannelError` or `DeadlineError` says why there is none.

    `waited`: what a sentence calls the time, of which `timeout` is the rest.
    """
    left = remaining(timeout)
    settings = machine.config.agent
    channels = (await machine.description(left())).channels
    is_served = served is not None and served.service is not None
    if settings.via == "service" or (settings.channel not in channels and is_served):
        opens = await _through_service(machine, served, left())
        return await _started(machine, opens, None, timeout=left(), waited=waited)
    if settings.channel in machine.channels.names:
        raise ChannelError.about(
            f"Channel '{settings.channel}' of VM '{machine.name}'",
            wanted="be free for the verifier",
            got="a keyword has it open",
            next_step=f"Use 'Close Channel    {settings.channel}' first",
        )
    token = await own_token(machine, left())

    async def port_state(timeout: float) -> bool | None:
        """libvirt is told by QEMU when the guest opens and closes the port."""
        description = await machine.domain.description(timeout, refresh=True)
        channel = description.channels.get(settings.channel)
        return {"connected": True, "disconnected": False}.get(channel.state if channel is not None else "")

    def opens_port() -> Awaitable[ByteChannel]:
        return machine.open_channel(settings.channel, CHANNEL_SECONDS)

    return await _started(machine, opens_port, token, port_state, timeout=left(), waited=waited)


async def own_token(machine: Machine, timeout: float) -> Secret | None:
    """What the agent must show to be this VM's: from the configuration, else from the domain XML's asset tag."""
    if machine.config.agent.token is not None:
        return machine.config.agent.token
    tag = (await machine.description(timeout)).asset_tag or ""
    return as_secret(tag.removeprefix(TOKEN_PREFIX)) if tag.startswith(TOKEN_PREFIX) else None


async def _through_service(
    machine: Machine, served: ServedAgents | None, timeout: float
) -> Callable[[], Awaitable[ByteChannel]]:
    if served is None:
        raise AgentError(f"VM '{machine.name}' belongs to no workspace that could have a verification service.")
    served.running()
    vm = await identity(machine, timeout)
    if not served.tokens.knows(vm.key):
        token = await own_token(machine, timeout)
        if token is None:
            raise AgentError.about(
                f"The agent of VM '{machine.name}'",
                wanted="have a token to dial in with",
                got="there is none",
                next_step="Use 'Create Agent Token' and give the token to the agent in the guest",
            )
        served.tokens.issue(vm, token)
    return lambda: served.running().channel(vm, CHANNEL_SECONDS)


async def _started(
    machine: Machine,
    opens: Callable[[], Awaitable[ByteChannel]],
    token: Secret | None,
    port_state: PortState | None = None,
    *,
    timeout: float,
    waited: float,
) -> AgentSession:
    from ATPLibrary.verifier import AgentSession

    session = AgentSession(opens, machine.name, machine.bus, token, port_state)
    try:
        await session.start(timeout, waited)
    except BaseException:
        await session.close()
        raise
    return session
