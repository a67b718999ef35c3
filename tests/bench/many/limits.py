"""Open files: each VM takes two sockets at either end."""

from __future__ import annotations

import resource


def raise_descriptor_limit() -> int:
    """Raise the soft limit as far as the hard one lets us, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
