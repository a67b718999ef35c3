"""Keywords about QMP itself: any command, any event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import CommandError
from ATPLibrary.keywords.component import Component, named
from ATPLibrary.keywords.plain import told
from ATPLibrary.secrets import redact

if TYPE_CHECKING:
    from ATPLibrary.events import Event

_ABSENT = object()  # a field that an event doesn't have; None is a value


class MonitorKeywords(Component):
    @keyword(name="Execute QMP", tags=["QMP"])
    def execute_qmp(
        self, command: str, vm: str | None = None, timeout: timedelta | None = None, **arguments: Any
    ) -> Any:
        """Executes one QMP command on a VM's QEMU and returns its answer. QEMU's refusal makes the keyword fail in its words.

        For what no other keyword does. Input belongs to `Type Text` and the like: they check what they send.

        - ``command``: the command's name, such as ``query-status``.
        - ``arguments``: the command's own, by name: ``device=ide0``. Each is sent as the type that this QEMU wants it to be
          (``5`` is a number where a number is wanted, and a text elsewhere); a list or an object is written as JSON. ``_`` in a
          name may stand for ``-``. A name that the command doesn't take is refused. A password is given as a Secret.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${status} =    Execute QMP    query-status
        | Should Be Equal    ${status}[status]    running
        | ${text} =    Execute QMP    human-monitor-command    command-line=info registers
        """
        seconds = self.seconds(timeout, "command")

        async def execute() -> Any:
            from ATPLibrary.protocol.qmp.schema import schema_of

            machine = await self.machine(vm, seconds)
            qmp, given = await machine.qmp(seconds), told(machine, arguments)
            sent = (await schema_of(qmp, seconds)).arguments(command, given) if given else None
            try:
                return await qmp.execute(command, sent, timeout=seconds)
            except CommandError as error:
                if error.error_class == "CommandNotFound":
                    (await schema_of(qmp, seconds)).arguments(command, {})  # names near ones
                raise

        answer = self.wait(execute(), seconds, f"QMP command '{command}' to {named(vm)}")
        logger.info(redact(f"{command} answered: {answer}"))
        return answer

    @keyword(name="Wait For QMP Event", tags=["QMP"])
    def wait_for_qmp_event(
        self,
        event: str,
        vm: str | None = None,
        timeout: timedelta | None = None,
        recent: bool = True,
        **fields: Any,
    ) -> dict[str, Any]:
        """Waits until a VM's QEMU reports an event, and returns the event's data.

        - ``event``: its name, such as ``RESET``, ``STOP``, ``SHUTDOWN`` or ``BLOCK_IO_ERROR``. One that this QEMU never reports
          is refused.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``recent``: ``True``: one that came before, since the last test ended, counts too, if no `Wait For QMP Event` has returned
          it yet, so that what a keyword before has caused isn't missed. ``False``: only one that comes from now on.
        - ``fields``: what the event's data must say, by name: ``device=usb1``. A field inside a field has a dot: ``info.class=x``.

        Example:
        | Connect To VM    win11
        | Execute QMP    stop
        | Wait For QMP Event    STOP    timeout=5 s
        | Execute QMP    cont
        | Execute QMP    device_del    id=usb1
        | Wait For QMP Event    DEVICE_DELETED    device=usb1
        """
        seconds = self.seconds(timeout, "command")

        async def wait() -> dict[str, Any]:
            machine = await self.machine(vm, seconds)
            return await machine.qmp_events.next(event, seconds, recent=recent, matches=lambda data: _has(data, fields))

        with_fields = "".join(f" with {name}={value}" for name, value in fields.items())
        data = self.wait(wait(), seconds, f"QMP event {event}{with_fields} of {named(vm)}")
        logger.info(f"{event} {data}")
        return data

    @keyword(name="Get QMP Events", tags=["QMP", "Getter"])
    def get_qmp_events(
        self, event: str | None = None, vm: str | None = None, timeout: timedelta | None = None, **fields: Any
    ) -> list[dict[str, Any]]:
        """Returns what a VM's QEMU has reported, oldest first: dictionaries with ``event``, ``time`` and ``data``.

        The last 200 events are remembered, from when the VM's QMP was first used; this keyword opens it if it isn't open. A QEMU
        that is frozen reports nothing, so it is asked whether it lives: where it doesn't answer within 5 s the keyword fails.

        - ``event``: only events of this name; by default all.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.
        - ``fields``: what the events' data must say, as for `Wait For QMP Event`.

        Example:
        | Connect To VM    win11
        | ${errors} =    Get QMP Events    BLOCK_IO_ERROR    device=drive-vda
        | Should Be Empty    ${errors}
        """
        seconds = self.seconds(timeout, "command")

        from ATPLibrary.orchestrator.spice_life import LIFE_SECONDS, require_alive

        async def get() -> list[Event]:
            machine = await self.machine(vm, seconds)
            await machine.qmp(seconds)
            await require_alive(machine, f"What the QEMU of VM '{machine.name}' has reported", "be known", seconds)
            return await machine.qmp_events.all(seconds)

        events = [
            {"event": each.kind.removeprefix("qmp."), "time": each.time, "data": dict(each.data)}
            for each in self.wait(get(), seconds + LIFE_SECONDS, f"The QMP events of {named(vm)}")
            if (event is None or each.kind == f"qmp.{event.upper()}") and _has(each.data, fields)
        ]
        logger.info("\n".join(str(each) for each in events) or "(no such event)")
        return events


def _has(data: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether an event's data has each field with that value: as JSON means it, or as it is written."""
    return all(_is(_field(data, name), value) for name, value in fields.items())


def _field(data: Any, name: str) -> Any:
    if isinstance(data, Mapping) and name in data:
        return data[name]
    for part in name.split("."):
        if not isinstance(data, Mapping) or part not in data:
            return _ABSENT
        data = data[part]
    return data


def _is(value: Any, wanted: Any) -> bool:
    return value is not _ABSENT and (value == _json(wanted) or str(value) == str(wanted))


def _json(value: Any) -> Any:
    import json

    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
