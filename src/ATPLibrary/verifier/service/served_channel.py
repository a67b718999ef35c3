"""An admitted connection as a session takes it: the byte channel of docs/agent-protocol.md, each message a line."""

from __future__ import annotations

import asyncio
from collections import deque

from ATPLibrary.errors import ATPError, ChannelError
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import ByteChannel
from ATPLibrary.verifier.service.peer import Peer

# Unread beyond this, and nothing more is taken off the connection: the agent's own queue fills, and it says what it dropped.
UNREAD_BYTES = 256 * 1024


class ServedChannel(ByteChannel):
    """`pump()` takes messages off the connection until it ends, at most `UNREAD_BYTES` and one message ahead of the reader."""

    comes_again = True

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._end: ChannelError | None = None

    async def pump(self) -> ChannelError:
        """Runs as long as the connection. Returns how it ended."""
        while self._end is None:
            try:
                message = await self.peer.receive()
            except ChannelError as error:
                self.end(error)
                break
            self._unread.append(message + b"\n")
            self._unread_bytes += len(message) + 1
            self._arrived.set()
            if self._unread_bytes > UNREAD_BYTES:
                self._room.clear()
                await self._room.wait()
        assert self._end is not None
        return self._end

    def end(self, why: ChannelError) -> None:
        """Nothing comes any more; what has come can still be read."""
        if self._end is None:
            self._end = why
        self._arrived.set()
        self._room.set()
        self.peer.abort()

    def cut(self, why: str) -> None:
        self.peer.reset()
        self.end(self.peer.ended(why))

    async def read(self, timeout: float | None) -> bytes:
        subject = f"The agent at {self.peer.address}"
        async with deadline(timeout, subject, wanted="send something", got="sent nothing"):
            await self._arrived.wait()
        if not self._unread:
            assert self._end is not None
            raise type(self._end)(str(self._end))
        data = b"".join(self._unread)
        self._unread.clear()
        self._unread_bytes = 0
        self._room.set()
        if self._end is None:
            self._arrived.clear()
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        subject = f"The agent at {self.peer.address}"
        async with deadline(timeout, subject, wanted=f"take {len(data)} bytes", got="did not read them"):
            for line in data.split(b"\n"):
                if line:
                    if self._end is not None:
                        raise type(self._end)(str(self._end))
                    await self.peer.send(line)

    @property
    def is_over(self) -> bool:
        return self._end is not None and not self._unread

    async def close(self) -> None:
        if self._end is not None:
            return
        self._end = self.peer.ended("closed here")
        try:
            await self.peer.close()
        except ATPError:
            return
        finally:
            self.end(self._end)
