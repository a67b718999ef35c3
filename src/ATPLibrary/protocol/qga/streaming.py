"""A command's output while it runs: it goes into files in the guest, which are read as they grow."""

from __future__ import annotations

import asyncio
import base64
import codecs
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import CommandError, HostError
from ATPLibrary.protocol.qga.execution import FIRST_POLL_SECONDS, POLL_GROWTH, SLOWEST_POLL_SECONDS, OnOutput

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga
    from ATPLibrary.protocol.qga.execution import Running

PIECE = 64 * 1024
# Of each stream; what comes after that is passed on and not kept.
LONGEST_KEPT = 16 * 1024 * 1024
_NAMES = {"stdout": "out", "stderr": "err"}


class OutputFiles:
    """The two files, in a directory of their own that the command's start makes and `remove` removes."""

    def __init__(self, qga: Qga, directory: str, encoding: str, timeout: float) -> None:
        self.directory = directory
        self._qga = qga
        self._timeout = timeout
        self._encoding = encoding
        self._handles: dict[str, int] = {}
        self._read_so_far: dict[str, int] = {}  # bytes

    async def follow(
        self, running: Running, on_output: OnOutput
    ) -> tuple[dict[str, Any], tuple[str, str, tuple[bool, bool]]]:
        """Pass the output on until the command has ended. Returns its last status, and what was kept of the output."""
        streams = {name: _Stream(name, self._encoding, on_output) for name in _NAMES}
        pause = FIRST_POLL_SECONDS
        while True:
            status = await running.status()
            exited = bool(status.get("exited"))
            if await self._open():
                for name, stream in streams.items():
                    while piece := await self._read(name):
                        stream.take(piece)
                        pause = FIRST_POLL_SECONDS
            if exited:
                break
            await asyncio.sleep(pause)
            pause = min(pause * POLL_GROWTH, SLOWEST_POLL_SECONDS)
        # What the shell said that couldn't even make the files.
        streams["stderr"].take(base64.b64decode(status.get("err-data") or ""))
        for stream in streams.values():
            stream.take(b"", final=True)
        stdout, stderr = streams["stdout"], streams["stderr"]
        return status, (stdout.text, stderr.text, (stdout.truncated, stderr.truncated))

    async def _open(self) -> bool:
        """Whether the files are open; they aren't there before the command's shell has made them."""
        for name, file in _NAMES.items():
            if name not in self._handles:
                arguments = {"path": f"{self.directory}/{file}", "mode": "r"}
                try:
                    self._handles[name] = await self._qga.command_across_pauses(
                        "guest-file-open", arguments, self._timeout
                    )
                except CommandError as error:
                    if "No such file" in error.description:
                        return False
                    raise
        return True

    async def _read(self, name: str) -> bytes:
        arguments = {"handle": self._handles[name], "count": PIECE}
        while True:
            try:
                answer = await self._qga.command_across_pauses("guest-file-read", arguments, self._timeout)
            except HostError:
                if not await self._qga.is_back(self._timeout):
                    raise
                # What was read may have been lost on its way: go on where we have come to.
                back = {"handle": self._handles[name], "offset": self._read_so_far.get(name, 0), "whence": 0}
                await self._qga.command("guest-file-seek", back, self._timeout)
            else:
                piece = base64.b64decode(answer["buf-b64"]) if answer["count"] else b""
                self._read_so_far[name] = self._read_so_far.get(name, 0) + len(piece)
                return piece

    async def remove(self, timeout: float) -> None:
        """Close the files and remove them from the guest."""
        handles, self._handles = self._handles, {}
        for handle in handles.values():
            await self._qga.command("guest-file-close", {"handle": handle}, timeout)
        await self._qga.exec(["rm", "-rf", self.directory], timeout=timeout, ours=True)


class _Stream:
    """One stream's text, put together from pieces that may end in the middle of a character."""

    def __init__(self, name: str, encoding: str, on_output: OnOutput) -> None:
        self._name = name
        self._on_output = on_output
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._parts: list[str] = []
        self._kept = 0
        self.truncated = False

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def take(self, piece: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(piece, final)
        if not text:
            return
        self._on_output(self._name, text)
        kept = text[: max(0, LONGEST_KEPT - self._kept)]
        self._kept += len(kept)
        self.truncated = self.truncated or len(kept) < len(text)
        if kept:
            self._parts.append(kept)
