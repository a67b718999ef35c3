"""Keywords about a VM's SPICE server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named

if TYPE_CHECKING:
    from ATPLibrary.transport.spice import SpiceEndpoint


class SpiceKeywords(Component):
    @keyword(name="Get SPICE Address", tags=["SPICE", "Getter"])
    def get_spice_address(self, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Returns where a VM's SPICE server is, as a viewer on this machine would connect: ``spice://10.0.0.5:5901``.

        The running VM's definition says it; where that has no port, the platform that is logged in to is asked. A server that
        listens on every address is at the ``ip`` that the configuration gives its host. A TLS port is ``?tls-port=5902`` behind it.

        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${address} =    Get SPICE Address
        | Should Start With    ${address}    spice://
        """
        seconds = self.seconds(timeout, "command")

        async def find() -> SpiceEndpoint:
            from ATPLibrary.orchestrator.spice import spice_endpoint

            return await spice_endpoint(self.workspace, await self.machine(vm, seconds), seconds)

        endpoint = self.wait(find(), seconds, f"Finding the SPICE server of {named(vm)}")
        logger.info(f"The SPICE server of VM '{endpoint.vm}' is at {endpoint}.")
        return endpoint.address
