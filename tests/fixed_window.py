"""What typing would be without what the guest shows: always the whole window. The peer that the window is measured against."""

from __future__ import annotations

from ATPLibrary.verifier.device_memory import DeviceMemory
from ATPLibrary.verifier.queues import DeviceQueue
from ATPLibrary.verifier.window import Window


class FixedWindow(Window):
    def __init__(self, queue: DeviceQueue) -> None:
        super().__init__(queue)
        self.size = queue.window

    def came_back(self, places: int, ahead: int, seconds: float) -> None: ...

    def lost(self) -> None: ...

    def overran(self) -> None: ...


class FixedMemory(DeviceMemory):
    def window(self, queue: DeviceQueue) -> Window:
        return FixedWindow(queue)
