"""Text that may be a secret."""

from __future__ import annotations

from robot.api.types import Secret

from ATPLibrary.secrets import MASK, as_secret, redact


def plain(text: str | Secret) -> tuple[str, bool]:
    """What is to be typed or seen, and whether it may not be told: it is a secret, or has a known one in it."""
    if isinstance(text, str):
        return text, MASK in redact(text)
    return as_secret(text).reveal(), True
