"""Text that may be a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robot.api.types import Secret

from ATPLibrary.secrets import MASK, as_secret, redact

if TYPE_CHECKING:
    from ATPLibrary.protocol.spice.channels.pipes import PipeConversation


def plain(text: str | Secret) -> tuple[str, bool]:
    """What is to be typed or seen, and whether it may not be told: it is a secret, or has a known one in it."""
    if isinstance(text, str):
        return text, MASK in redact(text)
    return as_secret(text).reveal(), True


def bytes_for(conversation: PipeConversation, text: str | Secret) -> bytes:
    """What is written to a guest by that channel, as UTF-8. A secret is known there for one: a program may echo it."""
    if not isinstance(text, str):
        conversation.keep(as_secret(text))
    return plain(text)[0].encode()
