"""What libvirt reports by itself, as events on the bus.

| libvirt | event's kind | data beside host and uuid |
|---|---|---|
| lifecycle | `libvirt.lifecycle.suspended`, `.started`, `.stopped`, ... | `detail` in words: "I/O error" |
| reboot | `libvirt.reboot` | - |
| I/O error | `libvirt.io-error` | `disk`, `path`, `action`, `reason` |
| control error | `libvirt.control-error` | - |
| agent lifecycle | `libvirt.agent.connected`, `.disconnected` | `reason` |
| device removed, removal failed | `libvirt.device.removed`, `libvirt.device.kept` | `device`: its alias |
| close | `libvirt.close`, of the host | `reason` |

The functions here run in libvirt's event thread: they translate and publish, and ask libvirt nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ATPLibrary.events import Event, EventBus
from ATPLibrary.transport.domain_state import agent_lifecycle, lifecycle
from ATPLibrary.transport.libvirt_loop import guarded

if TYPE_CHECKING:
    import libvirt

_IO_ERROR_ACTION = ("none", "pause", "report")
_CLOSE_REASON = (
    "error",
    "end of file: the daemon went away",
    "keepalive timeout: the daemon stopped answering",
    "closed by us",
)


class Callbacks:
    """The callbacks of one connection. `lost(reason)` is called in libvirt's event thread when the connection has gone.

    A host's events are told by one of its connections; the others (`events=False`) only watch their own end.
    """

    def __init__(self, host: str, bus: EventBus, lost: Callable[[str], None], events: bool = True) -> None:
        self._host = host
        self._bus = bus
        self._lost = lost
        self._events = events
        self._numbers: list[int] = []
        self._watches_close = False

    def register(self, connection: libvirt.virConnect) -> None:
        """Ask for every event. Blocks: for a worker. A driver that lacks one (`test:///`) is asked for the others."""
        import libvirt

        wanted: list[tuple[int, Callable[..., None]]] = [
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._reboot),
            (libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, self._io_error),
            (libvirt.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR, self._control_error),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, self._agent_lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._device_removed),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, self._device_kept),
        ]
        for number, callback in wanted if self._events else ():
            try:
                self._numbers.append(connection.domainEventRegisterAny(None, number, guarded(callback), None))
            except libvirt.libvirtError:
                if number == libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE:
                    raise
        try:
            connection.registerCloseCallback(guarded(self._closed), None)
            self._watches_close = True
        except libvirt.libvirtError:
            self._watches_close = False  # the driver is in this process: it can't go away

    def unregister(self, connection: libvirt.virConnect) -> None:
        """Take every callback back: each holds the connection. Blocks; a connection that is gone can't be told, and needn't."""
        import libvirt

        numbers, self._numbers = self._numbers, []
        for number in numbers:
            try:
                connection.domainEventDeregisterAny(number)
            except libvirt.libvirtError:
                continue
        if self._watches_close:
            self._watches_close = False
            try:
                connection.unregisterCloseCallback()
            except libvirt.libvirtError:
                return

    def _publish(self, domain: libvirt.virDomain, kind: str, **data: Any) -> None:
        # name() and UUIDString() are kept in the object; neither asks the daemon.
        data = {"host": self._host, "uuid": domain.UUIDString(), **data}
        self._bus.publish(Event(f"vm:{domain.name()}", kind, data))

    def _lifecycle(self, _connection: object, domain: libvirt.virDomain, event: int, detail: int, _: object) -> None:
        name, words = lifecycle(event, detail)
        self._publish(domain, f"libvirt.lifecycle.{name}", detail=words)

    def _reboot(self, _connection: object, domain: libvirt.virDomain, _: object) -> None:
        self._publish(domain, "libvirt.reboot")

    def _io_error(
        self, _connection: object, domain: libvirt.virDomain, path: str, disk: str, action: int, reason: str, _: object
    ) -> None:
        words = _IO_ERROR_ACTION[action] if 0 <= action < len(_IO_ERROR_ACTION) else str(action)
        self._publish(domain, "libvirt.io-error", disk=disk, path=path, action=words, reason=reason)

    def _control_error(self, _connection: object, domain: libvirt.virDomain, _: object) -> None:
        self._publish(domain, "libvirt.control-error")

    def _agent_lifecycle(
        self, _connection: object, domain: libvirt.virDomain, state: int, reason: int, _: object
    ) -> None:
        name, words = agent_lifecycle(state, reason)
        self._publish(domain, f"libvirt.agent.{name}", reason=words)

    def _device_removed(self, _connection: object, domain: libvirt.virDomain, device: str, _: object) -> None:
        self._publish(domain, "libvirt.device.removed", device=device)

    def _device_kept(self, _connection: object, domain: libvirt.virDomain, device: str, _: object) -> None:
        self._publish(domain, "libvirt.device.kept", device=device)

    def _closed(self, _connection: object, reason: int, _: object) -> None:
        words = _CLOSE_REASON[reason] if 0 <= reason < len(_CLOSE_REASON) else str(reason)
        if self._events:
            self._bus.publish(Event(f"host:{self._host}", "libvirt.close", {"reason": words}))
        self._lost(words)
