"""Whether a platform and its hypervisors tell the same of hosts and VMs.

`sides` reads each side with few calls, `differences` compares what was read, `check` does both, and looks again at what differs
before it counts; `report` is the outcome.
"""

from __future__ import annotations

from ATPLibrary.orchestrator.consistency.check import compare
from ATPLibrary.orchestrator.consistency.report import Comparison, Difference

__all__ = ["Comparison", "Difference", "compare"]
