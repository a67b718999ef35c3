"""The lab's desktop: one VM with the desktop guest on the first host, defined and off. The platform doesn't know of it.

It is there where it was asked for (`atp lab up --desktop`): its image is another one to build, and most tests need no desktop.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from ATPLibrary.lab.hosts import LabHost
from ATPLibrary.lab.machine import (
    DESKTOP_MEMORY_MIB,
    DESKTOP_MODEL,
    AcceleratorKind,
    BootFiles,
    MachineSpec,
    create_overlay,
    domain_xml,
)

if TYPE_CHECKING:
    from ATPLibrary.lab.image import GuestImage

NAME = "desktop-1"
_ASK_SECONDS = 10.0


def add(
    host: LabHost,
    reachable: Callable[[GuestImage], BootFiles],
    accelerator: AcceleratorKind,
    progress: Callable[[str], None],
) -> None:
    """Define the VM unless it is, with its image built before. `reachable` tells where the daemon can read an image."""
    from ATPLibrary.lab.image import DESKTOP, build

    if NAME in (host.vms(_ASK_SECONDS) or {}):
        progress(f"VM '{NAME}' is there already")
        return
    image = reachable(build(progress, DESKTOP))
    spec = MachineSpec(
        name=NAME, uuid=str(uuid.uuid4()), image=image, accelerator=accelerator, directory=host.directory, model=DESKTOP_MODEL,
        memory_mib=DESKTOP_MEMORY_MIB, listen=host.ip,
    )  # fmt: skip
    create_overlay(spec)
    host.define(domain_xml(spec), _ASK_SECONDS)
    progress(f"VM '{NAME}' with a desktop is defined on {host.name}; it is off")
