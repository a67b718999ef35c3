"""Where a VM's VNC server listens."""

from __future__ import annotations

from ..world import CALL_SECONDS, BenchVm


async def vnc_address(vm: BenchVm) -> tuple[str, int]:
    description = await vm.domain.description(CALL_SECONDS, refresh=True)
    for graphics in description.graphics:
        if graphics.type == "vnc" and graphics.port is not None:
            return graphics.host, graphics.port
    raise LookupError(f"VM '{vm.domain.name}' has no VNC server: {description.graphics}")
