"""libvirt's own event loop, registered before the first connection of the process and pumped for good by one daemon thread.

libvirt delivers every callback (domain events, close, streams, keepalive) from this loop. It is not asyncio's: callbacks run in
the pump thread and hop into asyncio with `call_soon_threadsafe`. Why so: docs/decisions/0005-libvirt-event-loop.md.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from ATPLibrary import events

# libvirt logs to stderr, which is the tester's console; what matters comes as exceptions. It reads these when it is loaded.
_LOGGING = ("LIBVIRT_DEBUG", "LIBVIRT_LOG_FILTERS", "LIBVIRT_LOG_OUTPUTS")
_LOCK = threading.Lock()
_PUMP: threading.Thread | None = None
# A loop that fails at once would spin; the pump leaves this much room between failures.
_PAUSE_AFTER_FAILURE_SECONDS = 0.1


def load() -> None:
    """Import libvirt so that it keeps off the console, unless the environment says how it shall log."""
    if "libvirt" in sys.modules or any(name in os.environ for name in _LOGGING):
        return
    os.environ["LIBVIRT_LOG_OUTPUTS"] = f"3:file:{os.devnull}"
    try:
        import libvirt  # noqa: F401
    finally:
        del os.environ["LIBVIRT_LOG_OUTPUTS"]


def ensure_running() -> None:
    """Register and start the loop; does nothing the second time. Call it before any `libvirt.open`."""
    global _PUMP  # noqa: PLW0603 - libvirt has one event loop a process
    with _LOCK:
        if _PUMP is not None:
            return
        import libvirt

        # Without a handler libvirt writes every error to stderr; each also reaches us as an exception.
        libvirt.registerErrorHandler(_swallow, None)
        libvirt.virEventRegisterDefaultImpl()
        _PUMP = threading.Thread(target=_pump, name="atp-libvirt-events", daemon=True)
        _PUMP.start()


def _swallow(_context: object, _error: object) -> None:
    return


def _pump() -> None:
    import libvirt

    pause = threading.Event()
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError as error:
            event = events.Event("libvirt", "libvirt.loop.failed", {"error": str(error)})
            events.bus().publish(event)
            pause.wait(_PAUSE_AFTER_FAILURE_SECONDS)


def guarded(callback: Any) -> Any:
    """Wrap a callback so that an error in it becomes an event: the C binding would only print it to stderr."""

    def call(*args: Any) -> None:
        try:
            callback(*args)
        except Exception as error:  # noqa: BLE001 - there is no caller to raise to
            data = {"callback": callback.__qualname__, "error": f"{type(error).__name__}: {error}"}
            events.bus().publish(events.Event("libvirt", "libvirt.callback.failed", data))

    return call
