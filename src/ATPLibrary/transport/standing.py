"""Where a host stands: its state, why it failed, who waits for the next change, and how sentences name it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ATPLibrary.errors import DeadlineError
from ATPLibrary.events import Event, EventBus
from ATPLibrary.transport.host_state import HostState


class Standing:
    """`retry_in()` says in how many seconds a host that is BROKEN is tried again. What changes is published on `bus`."""

    def __init__(self, name: str, uri: str, bus: EventBus, retry_in: Callable[[], float]) -> None:
        self.name = name
        self.uri = uri
        self.state = HostState.NEW
        self.failure = ""  # why it is FAILED or BROKEN
        self._bus = bus
        self._retry_in = retry_in
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def is_connected(self) -> bool:
        return self.state is HostState.CONNECTED

    @property
    def why(self) -> str:
        """Why it isn't connected, as a word or as "word: reason"."""
        return f"{self.state.value}: {self.failure}" if self.failure else self.state.value

    @property
    def subject(self) -> str:
        return f"Host '{self.name}' ({self.uri})"

    @property
    def virsh_command(self) -> str:
        return f"`virsh -c '{self.uri}' list`"

    @property
    def virsh(self) -> str:
        return f"Check that libvirtd answers there: {self.virsh_command}"

    def move(self, state: HostState, failure: str = "", notice: str = "", is_warning: bool = False) -> None:
        if state is self.state:
            return
        self.state = state
        if failure or state in (HostState.CONNECTED, HostState.CLOSED):
            self.failure = failure
        data: dict[str, Any] = {"uri": self.uri} | ({"reason": failure} if failure else {})
        if state is HostState.BROKEN:
            data["retry_in"] = round(self._retry_in(), 3)
        event = Event(f"host:{self.name}", f"host.{state.value}", data, notice=notice, is_warning=is_warning)
        self._bus.publish(event)
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def next_move(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    async def wait_for(self, wanted: Callable[[HostState], bool], timeout: float, words: str) -> HostState:
        """Wait until `wanted` holds for the state and return it. `DeadlineError` says "should WORDS" and what the state was."""

        try:
            async with asyncio.timeout(timeout):
                while not wanted(self.state):
                    await self.next_move()
        except TimeoutError:
            reason = f" ({self.failure})" if self.failure else ""
            idle = self.state in (HostState.NEW, HostState.CLOSED)
            step = "Nothing connects it by itself: use 'Connect To Host'" if idle else ""
            got = f"was {self.state.value}{reason}"
            raise DeadlineError.about(
                f"Host '{self.name}'", wanted=words, got=got, waited=timeout, next_step=step
            ) from None
        return self.state
