"""The states of a host."""

from __future__ import annotations

import enum


class HostState(enum.Enum):
    """NEW, FAILED, BROKEN or CLOSED -connect-> CONNECTING -> CONNECTED -close-> CLOSED; CONNECTING or CONNECTED -error-> FAILED.

    A host that was CONNECTED and FAILED is tried again by itself. BROKEN: too many attempts failed in a row, and until one
    succeeds only one is made in a while (see `breaker.py`). The bus hears of each as `host.STATE`.
    """

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    BROKEN = "broken"
    CLOSED = "closed"
