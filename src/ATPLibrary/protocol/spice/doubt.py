"""Whether what a server told last is so now: open where a test harms its messages, or withholds acknowledgements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import VerificationError

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.client import SpeakingChannel
    from ATPLibrary.protocol.spice.wire import Wire


def doubt(wire: Wire, told_by: str | None = None) -> str:
    """Why the server may mean another state than the one that is known here, by what a test has done to the channel; else "".

    `told_by` is the only message of the server's that tells it, whole each time: one that passes unharmed settles it again.
    """
    if wire.seam.is_harmed if told_by is None else wire.seam.is_newest_harmed(told_by):
        return "a fault on purpose has harmed the channel's messages"
    if wire.acks_owed:
        return "acknowledgements are withheld, so its server stops sending"
    return ""


def doubted(channel: SpeakingChannel, subject: str, wanted: str, why: str) -> VerificationError:
    """What can't be proved of `subject` by what the channel was told, since `doubt` says `why`."""
    wire, name = channel.conversation.wire, channel.channel.name
    if not wire.seam.is_harmed:
        step = f"'Withhold Acknowledgements    {name}    False'"
    elif channel.channel.type.name == "MAIN":  # with which the session ends
        step = "'Disconnect From SPICE' and 'Connect To SPICE'"
    else:
        step = f"'Reconnect Channel    {name}'"
    return VerificationError.about(subject, wanted=wanted, got=f"can't be known: {why}", next_step=f"Say {step} first")


def require_known(channel: SpeakingChannel, subject: str, wanted: str, told_by: str | None = None) -> None:
    """`VerificationError` where there is such a `doubt`."""
    if why := doubt(channel.conversation.wire, told_by):
        raise doubted(channel, subject, wanted, why)
