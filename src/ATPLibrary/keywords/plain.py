"""Text that may be a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from robot.api.types import Secret

from ATPLibrary.errors import InputError
from ATPLibrary.secrets import MASK, as_secret, redact
from ATPLibrary.secrets import Secret as KnownSecret

if TYPE_CHECKING:
    from ATPLibrary.orchestrator import Machine
    from ATPLibrary.protocol.spice.channels.pipes import PipeConversation


# What Robot Framework puts into a text that has a Secret in it.
_NO_SECRET = "<secret>"


def plain(text: str | Secret) -> tuple[str, bool]:
    """What is to be typed or seen, and whether it may not be told: it is a secret, or has a known one in it.

    `InputError` for a text that a Secret was put into: Robot Framework makes "<secret>" of it there.
    """
    if isinstance(text, str):
        if _NO_SECRET in text:
            raise InputError.about(
                "A text",
                wanted="have no Secret in it: Robot Framework puts '<secret>' there, not what the Secret holds",
                got=f"is {text!r}",
                next_step="Give the Secret by itself and what stands around it in calls of its own, such as 'Press Keys    enter'",
            )
        return text, MASK in redact(text)
    return as_secret(text).reveal(), True


def told(machine: Machine, value: Any) -> Any:
    """What is sent to a VM's QEMU or guest: a Secret by itself, in a list or in an object is known there for one from now on."""
    if isinstance(value, Mapping):
        return {name: told(machine, each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [told(machine, each) for each in value]
    if isinstance(value, Secret | KnownSecret):
        secret = as_secret(value)
        machine.secrets += (secret,)
        return secret.reveal()
    return plain(value)[0] if isinstance(value, str) else value


def bytes_for(conversation: PipeConversation, text: str | Secret) -> bytes:
    """What is written to a guest by that channel, as UTF-8. A secret is known there for one: a program may echo it."""
    if not isinstance(text, str):
        conversation.keep(as_secret(text))
    return plain(text)[0].encode()
