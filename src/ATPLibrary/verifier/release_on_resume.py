"""A VM that was paused with keys or buttons down takes no release: it gets them the moment it runs again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ATPLibrary import events, runtime

_RESUMED = frozenset({"qmp.RESUME", "libvirt.lifecycle.resumed"})


class ReleaseOnResume:
    """`arm()` it when the VM refused a release; `release` is then awaited once, when the VM runs again."""

    def __init__(self, vm_name: str, release: Callable[[], Awaitable[None]]) -> None:
        self._vm_name = vm_name
        self._release = release
        self._waiting: asyncio.Task[None] | None = None

    def arm(self) -> None:
        if self._waiting is None:
            self._waiting = runtime.spawn(self._wait(), f"release what is down in {self._vm_name}")

    async def _wait(self) -> None:
        source = f"vm:{self._vm_name}"
        try:
            with events.bus().subscribe(lambda event: event.kind in _RESUMED, source) as resumed:
                await anext(resumed)
        finally:
            self._waiting = None
        await self._release()
