"""The client of the VDI platform's REST API (OCloudView), typed and asynchronous.

`client` is the way in, `groups` and `events` hold one class per group of operations, `session` is login and HTTP, `faults` the
sentences of what went wrong, `operations` the list of the vendor's operations in use, `models` and `codes` are what they send
and answer. Nothing heavy is imported before use.
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
    from ATPLibrary.vdi.models import BatchAnswer as BatchAnswer
    from ATPLibrary.vdi.models import DeskPool as DeskPool
    from ATPLibrary.vdi.models import Host as Host
    from ATPLibrary.vdi.models import Model as Model
    from ATPLibrary.vdi.models import PlatformEvent as PlatformEvent
    from ATPLibrary.vdi.models import Port as Port
    from ATPLibrary.vdi.models import Vm as Vm

_HOMES = {
    "VdiClient": "client",
    **dict.fromkeys(("DeskPoolStatus", "DeskPoolType", "EventOutcome", "HostStatus", "VmStatus"), "codes"),
    **dict.fromkeys(("BatchAnswer", "DeskPool", "Host", "Model", "PlatformEvent", "Port", "Vm"), "models"),
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
