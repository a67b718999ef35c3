"""What was learnt of a VM's keyboards in this run, for every input to it, watched or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.verifier.drain import Drain
from ATPLibrary.verifier.window import Window

if TYPE_CHECKING:
    from ATPLibrary.verifier.queues import DeviceQueue


class DeviceMemory:
    """Of one VM; what another has shown says nothing about this one's guest."""

    __slots__ = ("_drains", "_windows", "keys_go_to")

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}
        self._drains: dict[str, Drain] = {}
        self.keys_go_to: DeviceQueue | None = None  # the device that the guest has seen keys on

    def window(self, queue: DeviceQueue) -> Window:
        if queue.bus not in self._windows:
            self._windows[queue.bus] = Window(queue)
        return self._windows[queue.bus]

    def drain(self, queue: DeviceQueue) -> Drain:
        if queue.bus not in self._drains:
            self._drains[queue.bus] = Drain(queue)
        return self._drains[queue.bus]
