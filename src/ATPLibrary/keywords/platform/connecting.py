"""Keywords about the way from the platform's desktops to the VMs that all other keywords speak to."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.base import PlatformComponent


class ConnectingKeywords(PlatformComponent):
    @keyword(tags=["Desktop"])
    def connect_to_desktop(self, name: str, timeout: timedelta | None = None) -> str:
        """Connects to a desktop of the platform, and makes it the current VM. Returns the name that its hypervisor has for it.

        The platform says which host it is on; there it is looked up through libvirt, by UUID first and by name second. It may be
        off. A desktop that is on another host than the platform says is connected there, with a warning. Fails where platform
        and hypervisor disagree about which VM is meant, and says where.

        - ``name``: the desktop's name or id.
        - ``timeout``: by default ``timeouts.connect`` of the configuration (30 s).

        Example:
        | Log In To Platform
        | Connect To Desktop    sales-1
        | VM Should Be    running
        """
        from ATPLibrary.orchestrator.adapter import connect_desktop

        client, seconds = self.client(), self.seconds(timeout, "connect")
        connecting = connect_desktop(self.workspace, client, name, seconds)
        machine = self.wait(connecting, seconds, f"Connecting to desktop '{name}'")
        self.workspace.current_machine = machine
        logger.info(f"Connected to VM '{machine.name}' ({machine.uuid}) on host '{machine.host}'.")
        return machine.name
