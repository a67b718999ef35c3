"""Keywords about QMP itself: any command, any event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.keywords.component import Component, named


class MonitorKeywords(Component):
    @keyword(name="Execute QMP", tags=["QMP"])
    def execute_qmp(
        self, command: str, vm: str | None = None, timeout: timedelta | None = None, **arguments: Any
    ) -> Any:
        """Executes one QMP command on a VM's QEMU and returns its answer. QEMU's refusal makes the keyword fail in its words.

        For what no other keyword does. Input belongs to `Type Text` and the like: they check what they send.

        - ``command``: the command's name, such as ``query-status``.
        - ``arguments``: the command's own, by name: ``device=ide0``. A value that looks like JSON (``true``, ``5``,
          ``{"a": 1}``) is sent as that, anything else as text.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${status} =    Execute QMP    query-status
        | Should Be Equal    ${status}[status]    running
        """
        seconds = self.seconds(timeout, "command")
        sent = {name.replace("_", "-"): _json(value) for name, value in arguments.items()}

        async def execute() -> Any:
            machine = await self.machine(vm, seconds)
            return await (await machine.qmp(seconds)).execute(command, sent or None, timeout=seconds)

        answer = self.wait(execute(), seconds, f"QMP command '{command}' to {named(vm)}")
        logger.info(f"{command} answered: {answer}")
        return answer

    @keyword(name="Wait For QMP Event", tags=["QMP"])
    def wait_for_qmp_event(
        self, event: str, vm: str | None = None, timeout: timedelta | None = None, recent: bool = True
    ) -> dict[str, Any]:
        """Waits until a VM's QEMU reports an event, and returns the event's data.

        - ``event``: its name, such as ``RESET``, ``STOP``, ``SHUTDOWN`` or ``BLOCK_IO_ERROR``.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``recent``: ``True``: one that came since the last `Wait For QMP Event` of that name also counts, so that what a
          keyword before has caused isn't missed. ``False``: only one that comes from now on.

        Example:
        | Connect To VM    win11
        | Suspend VM
        | Wait For QMP Event    STOP    timeout=5 s
        | Resume VM
        """
        seconds = self.seconds(timeout, "command")

        async def wait() -> dict[str, Any]:
            machine = await self.machine(vm, seconds)
            return await machine.qmp_event(event, seconds, recent=recent)

        data = self.wait(wait(), seconds, f"QMP event {event} of {named(vm)}")
        logger.info(f"{event} {data}")
        return data


def _json(value: Any) -> Any:
    import json

    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
