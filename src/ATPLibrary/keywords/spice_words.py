"""How SPICE's keywords name a channel ("display", "display:1") and a message ("DRAW_COPY")."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

from robot.api import logger

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import mask_bytes

if TYPE_CHECKING:
    from ATPLibrary.keywords.assertions import Operator
    from ATPLibrary.orchestrator import Machine, Workspace
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.schema import Message
    from ATPLibrary.transport.spice import SpiceChannelType

Sender = Literal["client", "server"]


def speaking(workspace: Workspace, machine: Machine, channel: str) -> SpeakingChannel:
    """The client on that channel of the VM. `ChannelError` when it isn't open."""
    return workspace.spice_sessions.speaking(machine, *parsed(channel))


def parsed(channel: str) -> tuple[SpiceChannelType, int]:
    """ "display", "display:1". `InputError` names the kinds that there are."""
    from ATPLibrary.transport.spice import SpiceChannelType

    kind, _, number = channel.strip().lower().partition(":")
    found = next((each for each in SpiceChannelType if each.name.lower() == kind), None)
    if found is None or (number and not number.isdecimal()) or int(number or 0) > 255:
        kinds = ", ".join(each.name.lower() for each in SpiceChannelType)
        raise InputError.about(
            "A SPICE channel", wanted=f"be one of {kinds}, with a number such as display:1", got=f"is '{channel}'"
        )
    return found, int(number or 0)


def kind_of(channel: str, message: str, sender: str | None) -> type[Message]:
    """The message of that name on such a channel. `InputError` with near names, or where both sides have one of that name."""
    first, *others = kinds_of(channel, message, sender)
    if others:
        raise InputError.about(
            f"The message {first.kind.name} of SPICE channel {channel}", wanted="be that of one side",
            got="is one of the client's and one of the server's", next_step="Say sender=client or sender=server",
        )  # fmt: skip
    return first


def kinds_of(channel: str, message: str, sender: str | None) -> list[type[Message]]:
    """As `kind_of`; those of both sides where both have one of that name, and no `sender` is told."""
    from ATPLibrary.protocol.spice import messages
    from ATPLibrary.protocol.spice.schema import Sender as Who

    type, _ = parsed(channel)
    fitting = [kind for kind in messages.named(type, message) if sender in (None, kind.kind.sender.value)]
    if fitting:
        return fitting
    names = sorted(
        {k.kind.name for who in Who for k in messages.kinds(type, who).values() if sender in (None, who.value)}
    )
    near = difflib.get_close_matches(message.upper(), names, n=1)
    raise InputError.about(
        f"The SPICE channel {channel}", wanted=f"have a message {message}" + (f" of the {sender}" if sender else ""),
        got=f"has {', '.join(names)}", next_step=f"Did you mean {near[0]}?" if near else "",
    )  # fmt: skip


def doubt_for(speaking: SpeakingChannel, subject: str, operator: Operator | None) -> str:
    """Why what the channel was told may be otherwise by now, "" where it isn't. `VerificationError` where that is asserted."""
    from ATPLibrary.protocol.spice.doubt import doubt, require_known

    if operator is not None:
        require_known(speaking, subject, "be asserted")
    return doubt(speaking.conversation.wire)


def warn_of(subject: str, why: str) -> None:
    """A warning of what `doubt_for` has returned, where that is something."""
    if why:
        logger.warn(f"{subject}: this is what was told last, and may be otherwise: {why}.")


def require_text(text: str) -> None:
    """`InputError` where nothing is waited for, which is there at once."""
    if not text:
        raise InputError("An empty text is there before anything has come. Say which text must come.")


async def taken_up_to(speaking: SpeakingChannel, received: bytearray, text: str, timeout: float) -> bytes:
    """What has come up to the end of `text`, which is waited for, and then taken. `DeadlineError` quotes what came instead."""
    wanted = text.encode()

    def quoted() -> str:
        # A part of a secret would not be known for one: masked before it is cut.
        tail = mask_bytes(bytes(received))[-200:].decode("utf-8", "replace")
        return f"'{tail}'" if tail else "nothing at all"

    await speaking.wait_until(lambda: wanted in received, timeout, f"bring '{text}'", quoted)
    end = received.index(wanted) + len(wanted)
    data = bytes(received[:end])
    del received[:end]
    return data
