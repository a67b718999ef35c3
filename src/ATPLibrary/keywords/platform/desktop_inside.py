"""Keywords that look into desktops through the platform: libvirt's description, the guest's processes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.assertions import Operator
from ATPLibrary.keywords.platform.looking import Looking

if TYPE_CHECKING:
    from ATPLibrary.vdi import VdiClient
    from ATPLibrary.vdi.shapes.vms import GuestTask


class DesktopInsideKeywords(Looking):
    @keyword(name="Get Desktop XML", tags=["Desktop", "Getter"])
    def get_desktop_xml(
        self,
        desktop: str,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> str:
        """Returns libvirt's description of a desktop as the platform shows it, after asserting it if asked to.

        The passwords of its displays are asterisks in it: see `Get Desktop VNC Password`. What libvirt itself says: see
        `Get VM XML`.

        - ``desktop``: the desktop, by name or id.
        - ``operator`` and ``expected``: an assertion, such as ``contains  <vcpu>``.
        - ``timeout``: with an assertion, how long to wait for it to hold; without it, it is checked once.

        Example:
        | Log In To Platform
        | Get Desktop XML    sales-1    contains    <name>sales-1</name>
        """

        async def look(client: VdiClient, seconds: float) -> str:
            vm = await client.domains.find(desktop, timeout=seconds)
            return await client.domains.xml(vm.id, timeout=seconds)

        return str(
            self.looked_at(
                f"The XML of desktop '{desktop}'", look, None, operator=operator, expected=expected, timeout=timeout
            )
        )

    @keyword(tags=["Desktop", "Getter"])
    def get_desktop_processes(
        self,
        desktop: str,
        operator: Operator | None = None,
        expected: Any = None,
        *,
        timeout: timedelta | None = None,
    ) -> list[str]:
        """Returns the names of the processes in a desktop's guest, as the platform lists them, after asserting them if asked to.

        The platform asks its agent in the guest, so it must run and have booted. A name is there as often as there are processes
        of it. The log has each with its number, processor use and memory.

        - ``desktop``: the desktop, by name or id.
        - ``operator`` and ``expected``: an assertion about the names, such as ``contains  qemu-ga``.
        - ``timeout``: with an assertion, how long to wait for it to hold; without it, it is checked once.

        Example:
        | Log In To Platform
        | Get Desktop Processes    sales-1    contains    qemu-ga    timeout=1 min
        """
        seen: list[GuestTask] = []

        async def look(client: VdiClient, seconds: float) -> list[str]:
            vm = await client.domains.find(desktop, timeout=seconds)
            seen[:] = await client.domains.tasks(vm.id, timeout=seconds)
            return [task.name or "" for task in seen]

        names = self.looked_at(
            f"The processes of desktop '{desktop}'", look, None, operator=operator, expected=expected, timeout=timeout
        )
        for task in seen:
            logger.debug(f"{task.pid} {task.name}: cpu {task.cpu} %, memory {task.memory}, handles {task.handles}")
        return [*names]
