"""Keywords about the desktops of a desk pool: starting, connecting, closing."""

from __future__ import annotations

from datetime import timedelta

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.platform.base import PlatformComponent


class PoolDesktopKeywords(PlatformComponent):
    @keyword(tags=["Desk Pool", "Getter"])
    def get_desktops(self, pool: str, timeout: timedelta | None = None) -> list[str]:
        """Returns the names of the VMs of a desk pool, as the platform lists them.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.platform`` of the configuration (60 s).

        Example:
        | Log In To Platform
        | @{desktops} =    Get Desktops    sales
        | Length Should Be    ${desktops}    2
        """
        client, seconds = self.client(), self.seconds(timeout, "platform")

        async def names() -> list[str]:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            return [vm.name for vm in await client.desk_pools.vms(detail.id, timeout=seconds)]

        return self._named(names(), seconds, f"desktops of '{pool}'")

    @keyword(tags=["Desk Pool"])
    def start_desktops(self, pool: str, timeout: timedelta | None = None) -> None:
        """Starts every desktop of a desk pool through the platform, and waits until the platform says that all have started.

        What boots inside is another question: see `Wait Until Verifier Is Ready`. Desktops that run already are left alone.

        - ``pool``: the desk pool's name or id.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Start Desktops    sales
        | Desk Pool Should Have    sales    running=2
        """
        client, seconds = self.client(), self.seconds(timeout, "boot")

        async def start() -> int:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.desk_pools.vms(detail.id, timeout=seconds)
            idle = [vm.id for vm in vms if not vm.is_running]
            if idle:
                await client.events.finish_all(await client.domains.start(idle, timeout=seconds), seconds)
            return len(idle)

        count = self.wait(start(), seconds, f"Starting the desktops of '{pool}'")
        logger.info(f"Started {count} desktops of desk pool '{pool}'.")

    @keyword(tags=["Desk Pool"])
    def close_desktops(self, pool: str, force: bool = False, timeout: timedelta | None = None) -> None:
        """Shuts down every desktop of a desk pool through the platform, and waits until all are off.

        - ``pool``: the desk pool's name or id.
        - ``force``: ``True`` cuts the power instead of asking the guest.
        - ``timeout``: by default ``timeouts.boot`` of the configuration (180 s).

        Example:
        | Log In To Platform
        | Close Desktops    sales
        | Desk Pool Should Have    sales    running=0
        """
        client, seconds = self.client(), self.seconds(timeout, "boot")

        async def close() -> int:
            detail = await client.desk_pools.detail(pool, timeout=seconds)
            vms = await client.desk_pools.vms(detail.id, timeout=seconds)
            busy = [vm.id for vm in vms if vm.is_running]
            if busy:
                batch = await client.domains.close(busy, force=force, timeout=seconds)
                await client.events.finish_all(batch, seconds)
            return len(busy)

        count = self.wait(close(), seconds, f"Closing the desktops of '{pool}'")
        logger.info(f"Closed {count} desktops of desk pool '{pool}'.")

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
