"""Keywords about the way from the platform's desktops to the VMs that all other keywords speak to."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.base import PlatformComponent


class ConnectingKeywords(PlatformComponent):
    @keyword(tags=["Desktop"])
    def connect_to_desktop(self, desktop: str, timeout: timedelta | None = None) -> str:
        """Connects to a desktop of the platform, and makes it the current VM. Returns the name that its hypervisor has for it.

        The platform says which host it is on; there it is looked up through libvirt, by UUID first and by name second. It may be
        off. A desktop that is on another host than the platform says is connected there, with a warning. Fails where platform
        and hypervisor disagree about which VM is meant, and says where.

        - ``desktop``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Log In To Platform
        | Connect To Desktop    sales-1
        | VM Should Be    running
        """
        from ATPLibrary.orchestrator.adapter import connect_desktop

        client, seconds = self.client(), self.seconds(timeout, "connect")
        connecting = connect_desktop(self.workspace, client, desktop, seconds)
        machine = self.wait(connecting, seconds, f"Connecting to desktop '{desktop}'")
        self.workspace.current_machine = machine
        logger.info(f"Connected to VM '{machine.name}' ({machine.uuid}) on host '{machine.host}'.")
        return machine.name

    @keyword(tags=["Desk Pool"])
    def connect_to_desk_pool(self, pool: str, timeout: timedelta | None = None) -> list[str]:
        """Connects to every desktop of a desk pool, and makes the first the current VM. Returns their names.

        The platform says which host each desktop is on; the desktop is looked up there through libvirt, by UUID first and by
        name second. One that is on another host, or whose host can't be reached, is connected where it runs, with a warning.
        Fails where platform and hypervisors disagree about which VM is meant, and names each desktop that can't be connected.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Log In To Platform
        | @{desktops} =    Connect To Desk Pool    sales
        | VM Should Be    running    vm=${desktops}[0]
        """
        from ATPLibrary.orchestrator.adapter import connect_desk_pool

        client, seconds = self.client(), self.seconds(timeout, "connect")
        machines = self.wait(
            connect_desk_pool(self.workspace, client, pool, seconds), seconds, f"Connecting to desk pool '{pool}'"
        )
        self.workspace.current_machine = machines[0]
        for machine in machines:
            logger.info(f"Connected to VM '{machine.name}' ({machine.uuid}) on host '{machine.host}'.")
        return [machine.name for machine in machines]
