"""What a failed test shows: each connected VM's screen, state, last events, console and input, gathered when a keyword failed.

`listener()` is the one Robot Framework listener that every library of the package registers. `listener.py` decides when and
where, `gathering.py` asks the VMs, `files.py` writes pictures and tables beside the log, `html.py` and `screen.py` make what the
log shows. docs/decisions/0008-evidence.md says why it is so.
"""

from __future__ import annotations

from ATPLibrary.keywords.evidence.listener import EvidenceListener, listener

__all__ = ["EvidenceListener", "listener"]
