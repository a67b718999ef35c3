"""A VM's desktop as its SPICE agent and its display channels know it: the agent, resolutions, monitors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, DeadlineError, VerificationError
from ATPLibrary.orchestrator.spice_life import require_alive
from ATPLibrary.orchestrator.spice_screen import subject_of
from ATPLibrary.protocol.spice.doubt import doubt, require_known

if TYPE_CHECKING:
    from ATPLibrary.orchestrator.machine import Machine
    from ATPLibrary.orchestrator.workspace import Workspace
    from ATPLibrary.protocol.screen.monitors import MonitorPlace
    from ATPLibrary.protocol.spice.agent.talk import AgentTalk
    from ATPLibrary.protocol.spice.channels import DisplayConversation
    from ATPLibrary.protocol.spice.client import SpeakingChannel

_AGENT_PORT = "com.redhat.spice.0"


async def agent_talk(workspace: Workspace, machine: Machine, timeout: float) -> AgentTalk:
    """The agent of the VM, once it has said what it can.

    `ChannelError` without a SPICE session, `SpiceAgentError` without an agent: a VM that has no port for one is told as that.
    """
    from ATPLibrary.protocol.spice.agent.talk import AgentTalk
    from ATPLibrary.protocol.spice.errors import SpiceAgentError
    from ATPLibrary.transport.spice import SpiceChannelType

    talk = AgentTalk(workspace.spice_sessions.speaking(machine, SpiceChannelType.MAIN, 0))
    try:
        await talk.ready(timeout)
    except SpiceAgentError as error:
        if await _lacks_agent_port(machine, timeout):
            raise SpiceAgentError.about(
                f"VM '{machine.name}'", wanted="have a SPICE agent", got=f"has no channel {_AGENT_PORT} for one",
                next_step="Add a channel of type 'spicevmc' with that name to the VM, and start it anew",
            ) from error  # fmt: skip
        raise
    return talk


async def _lacks_agent_port(machine: Machine, timeout: float) -> bool:
    """False where libvirt doesn't tell: then the agent's own error is the one to be read."""
    with contextlib.suppress(ATPError):
        return _AGENT_PORT not in (await machine.domain.description(timeout)).channels
    return False


async def display(workspace: Workspace, machine: Machine, id: int, timeout: float) -> SpeakingChannel:
    """The display channel of that number: opened where it never was, or was closed. `ChannelError` when it can't be, has failed, or
    there is no session.
    """
    workspace.spice_sessions.of(machine)  # no session is begun here
    return await workspace.spice_sessions.display(machine, id, timeout)


async def displays(workspace: Workspace, machine: Machine, timeout: float) -> list[SpeakingChannel]:
    """All display channels that the server offers, in the order of their numbers."""
    from ATPLibrary.protocol.spice.offered import ids_of
    from ATPLibrary.transport.spice import SpiceChannelType

    main = workspace.spice_sessions.speaking(machine, SpiceChannelType.MAIN, 0)
    ids = ids_of(main.channel.connection, SpiceChannelType.DISPLAY)
    return [await display(workspace, machine, id, timeout) for id in ids]


def resolution(channel: SpeakingChannel) -> str:
    """The size of the display's primary surface, such as "1024x768"; "" while it has none."""
    screen = _conversation(channel).painter.screen
    return f"{screen.width}x{screen.height}" if screen is not None else ""


async def until_resolution(
    channel: SpeakingChannel, wanted: str, timeout: float, also: Callable[[], str] = str
) -> None:
    """Until the primary surface has that size. `VerificationError` says which it has, and what `also()` knows; or that it can't be
    known, since a test has disturbed the channel.
    """
    wire = channel.conversation.wire
    try:
        await channel.wait_until(
            lambda: bool(doubt(wire)) or resolution(channel) == wanted, timeout, f"become {wanted}"
        )
    except DeadlineError as error:
        raise VerificationError.about(
            subject_of(channel), wanted=f"become {wanted}", waited=timeout,
            got=f"is {resolution(channel) or 'without a picture'}", last_seen=also(),
            next_step="A guest may round a width to a multiple of 8, and needs video memory for a size (vgamem of its display)",
        ) from error  # fmt: skip
    require_known(channel, subject_of(channel), f"become {wanted}")


async def prove_now(machine: Machine, channel: SpeakingChannel, wanted: str, timeout: float) -> None:
    """`VerificationError` where a display shows what was `wanted`, but QEMU doesn't answer: then it may have been so long ago."""
    await require_alive(machine, subject_of(channel), wanted, timeout)


async def until_monitors(
    channels: Sequence[SpeakingChannel], wanted: Sequence[MonitorPlace], timeout: float, also: Callable[[], str]
) -> None:
    """Until the display channels show these monitors. `VerificationError` says which they show.

    Where one display shows several, they must stand as wanted, seen from the left upper one; how displays stand to each other
    isn't told by SPICE.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                _require_known(channels, wanted)
                if _are_shown(channels, wanted):
                    return
                changes = [asyncio.ensure_future(_change(channel, timeout)) for channel in channels]
                try:
                    done, _ = await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)
                    for each in done:
                        each.result()
                finally:
                    for each in changes:
                        each.cancel()
    except TimeoutError as error:  # a DeadlineError is one
        raise VerificationError.about(
            f"The monitors of VM '{channels[0].channel.connection.vm}'", wanted=f"become {', '.join(map(str, wanted))}",
            waited=timeout, got=f"are {', '.join(monitors(channels)) or 'none'}", last_seen=also(),
        ) from error  # fmt: skip


async def _change(channel: SpeakingChannel, timeout: float) -> None:
    """Until the channel tells of other monitors, or a test disturbs it."""
    conversation = _conversation(channel)
    before = conversation.monitors
    await channel.wait_until(
        lambda: conversation.monitors is not before or bool(doubt(conversation.wire)), timeout, "tell of other monitors"
    )


def _require_known(channels: Sequence[SpeakingChannel], wanted: Sequence[MonitorPlace]) -> None:
    for channel in channels:
        require_known(channel, subject_of(channel), f"become {', '.join(map(str, wanted))}")


def monitors(channels: Sequence[SpeakingChannel]) -> list[str]:
    """All monitors that the server tells of, but those that are off (0x0); with their places where a display shows several."""
    return [str(each) if len(shown) > 1 else each.size for shown in map(_shown, channels) for each in shown]


def _shown(channel: SpeakingChannel) -> list[MonitorPlace]:
    """The monitors of one display, with their places on its surface."""
    from ATPLibrary.protocol.screen.monitors import MonitorPlace

    heads = _conversation(channel).monitors
    return [MonitorPlace(each.width, each.height, each.x, each.y) for each in heads if each.width and each.height]


def _are_shown(channels: Sequence[SpeakingChannel], wanted: Sequence[MonitorPlace]) -> bool:
    from ATPLibrary.protocol.screen.monitors import placed

    left = placed(wanted)
    for shown in map(_shown, channels):
        here, left = left[: len(shown)], left[len(shown) :]
        if [each.size for each in shown] != [each.size for each in here] or _layout(shown) != _layout(here):
            return False
    return not left


def _layout(places: Sequence[MonitorPlace]) -> list[tuple[int, int]]:
    """Where each stands, seen from the left upper corner of all."""
    at = [(each.x or 0, each.y or 0) for each in places]
    left, top = min((x for x, _ in at), default=0), min((y for _, y in at), default=0)
    return [(x - left, y - top) for x, y in at]


def _conversation(channel: SpeakingChannel) -> DisplayConversation:
    from ATPLibrary.protocol.spice.channels import DisplayConversation

    assert isinstance(channel.conversation, DisplayConversation)
    return channel.conversation
