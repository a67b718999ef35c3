"""The client of the VDI platform's REST API (OCloudView), typed and asynchronous.

`client` is the way in. `groups/` has one file per group of operations: a table of the vendor's operations, and a class with a
method for each. `shapes/` is what they send and answer, `codes` the numbers in it. `session` is login and the envelope, `http`
the wire, `faults` the sentences of what went wrong, `long` operations that go on after they were answered, `document` and
`findings` the vendor's own document and what differs from it, `catalogue` all operations by the method that does them.
Nothing heavy is imported before use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ATPLibrary.vdi.client import VdiClient as VdiClient
    from ATPLibrary.vdi.codes import DeskPoolStatus as DeskPoolStatus
    from ATPLibrary.vdi.codes import DeskPoolType as DeskPoolType
    from ATPLibrary.vdi.codes import EventOutcome as EventOutcome
    from ATPLibrary.vdi.codes import HostStatus as HostStatus
    from ATPLibrary.vdi.codes import VmStatus as VmStatus
    from ATPLibrary.vdi.findings import Finding as Finding
    from ATPLibrary.vdi.long import Batch as Batch
    from ATPLibrary.vdi.long import LongOperation as LongOperation
    from ATPLibrary.vdi.shapes.desk_pools import DeskPool as DeskPool
    from ATPLibrary.vdi.shapes.events import PlatformEvent as PlatformEvent
    from ATPLibrary.vdi.shapes.hosts import Host as Host
    from ATPLibrary.vdi.shapes.vms import Model as Model
    from ATPLibrary.vdi.shapes.vms import Port as Port
    from ATPLibrary.vdi.shapes.vms import Vm as Vm

_HOMES = {
    "VdiClient": "client",
    **dict.fromkeys(("DeskPoolStatus", "DeskPoolType", "EventOutcome", "HostStatus", "VmStatus"), "codes"),
    "Finding": "findings",
    **dict.fromkeys(("Batch", "LongOperation"), "long"),
    "DeskPool": "shapes.desk_pools",
    "PlatformEvent": "shapes.events",
    "Host": "shapes.hosts",
    **dict.fromkeys(("Model", "Port", "Vm"), "shapes.vms"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
