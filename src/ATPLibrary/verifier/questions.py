"""What the agent was asked and hasn't answered yet."""

from __future__ import annotations

import asyncio

from ATPLibrary.verifier.answers import Key, Message


class Questions:
    """Futures by the answer that each waits for. Belongs to one loop."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[Key, asyncio.Future[Message]] = {}

    def ask(self, key: Key) -> asyncio.Future[Message]:
        """The future of that answer. Await one whose key has no id shielded: others may wait for it too."""
        future = self._open.get(key)
        if future is None:
            future = self._open[key] = asyncio.get_running_loop().create_future()
            future.add_done_callback(_retrieve)
        return future

    def answer(self, key: Key, message: Message) -> None:
        future = self._open.pop(key, None)
        if future is not None and not future.done():
            future.set_result(message)

    def fail(self, key: Key, error: Exception) -> None:
        future = self._open.pop(key, None)
        if future is not None and not future.done():
            future.set_exception(error)

    def give_up(self, key: Key, future: asyncio.Future[Message]) -> None:
        """Nobody waits for this one any more, unless it is a shared one."""
        if key[1] is not None and self._open.get(key) is future:
            del self._open[key]

    def fail_all(self, error: Exception) -> None:
        waiting, self._open = self._open, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(error)


def _retrieve(future: asyncio.Future[Message]) -> None:
    """An answer that nobody waits for any more is no unhandled error."""
    if not future.cancelled():
        future.exception()
