"""Files to and from the guest, in pieces that libvirt can carry, with a checksum made at both ends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ATPLibrary import runtime
from ATPLibrary.errors import CommandError, InputError, VerificationError
from ATPLibrary.protocol.local_files import WORKERS, open_local

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga.agent import Qga

# Measured through libvirt 9.0 on a TCG guest, in MB/s by KiB a piece. Written: 1.8 (16), 2.1 (32), 2.9 (64), 2.5 (128).
# Read: 5.4 (16), 6.5 (64), 7.5 (256), 8.4 (512), 7.0 (1024). What is written in pieces beyond some 150 KiB libvirt garbles
# (agent.LONGEST_COMMAND).
WRITE_PIECE = 64 * 1024
READ_PIECE = 256 * 1024
# `read` gives the whole file in memory.
LONGEST_READ = 64 * 1024 * 1024
PART_SUFFIX = ".atp-part"
_CLOSING_SECONDS = 1.0
_FROM_END = 2  # guest-file-seek's whence

# Done and whole, in bytes. Called after each piece.
Progress = Callable[[int, int], None]

_CHECKSUM = """if command -v sha256sum >/dev/null 2>&1; then exec sha256sum <"$1"
elif command -v shasum >/dev/null 2>&1; then exec shasum -a 256 <"$1"
elif command -v sha256 >/dev/null 2>&1; then exec sha256 -q <"$1"
elif command -v openssl >/dev/null 2>&1; then exec openssl dgst -sha256 -r <"$1"
fi
exit 127"""
_MOVE = """[ ! -d "$2" ] || { echo "$2 is a directory" >&2; exit 1; }
[ -z "$3" ] || chmod "$3" "$1" && mv -f "$1" "$2" """


@dataclass(frozen=True, slots=True)
class Checksum:
    """A file's SHA-256 in hexadecimal, and how it was made: by a `command` in the guest, or by `reading back`."""

    sha256: str
    made_by: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that was moved whole: its size in bytes, the seconds without the checksum's, and the checksum that both ends have."""

    size: int
    seconds: float
    checksum: Checksum

    def __str__(self) -> str:
        rate = self.size / 1e6 / self.seconds if self.seconds else 0.0
        return (
            f"{self.size} bytes in {self.seconds:.1f} s ({rate:.1f} MB/s); SHA-256 {self.checksum.sha256} at both ends"
        )


class GuestFiles:
    """The files of a guest. `timeout` is in seconds and for the whole of a call."""

    def __init__(self, qga: Qga) -> None:
        self._qga = qga
        self._vm = f"VM '{qga.domain.name}'"

    async def read(self, path: str, timeout: float, longest: int = LONGEST_READ) -> bytes:
        """The whole content. `CommandError` when the guest can't open it, `InputError` when it has more than `longest` bytes."""
        received = bytearray()
        what = f"File '{path}' of {self._vm}"
        async with (
            self._within(timeout, what, "be read", lambda: f"{len(received)} bytes"),
            self._open(path, "rb", timeout) as handle,
        ):
            async for piece in self._pieces(handle, timeout):
                received += piece
                if len(received) > longest:
                    raise InputError(
                        f"{what} has more than {longest} bytes: use 'Pull File From Guest', which doesn't hold it in memory."
                    )
        return bytes(received)

    async def write(self, path: str, data: bytes, timeout: float, *, append: bool = False) -> None:
        """Make a file with this content, or put it behind what is there."""
        written = 0
        async with (
            self._within(timeout, f"File '{path}' of {self._vm}", "be written", lambda: f"{written} bytes"),
            self._open(path, "ab" if append else "wb", timeout) as handle,
        ):
            for start in range(0, len(data), WRITE_PIECE):
                await self._write_piece(handle, data[start : start + WRITE_PIECE], timeout)
                written = min(start + WRITE_PIECE, len(data))

    async def push(
        self, local: Path, remote: str, timeout: float, progress: Progress | None = None, mode: str | None = None
    ) -> Transfer:
        """Copy a file of this machine into the guest, and prove by its checksum that it is whole there.

        It is written beside its place (`.atp-part`) and moved there when it is whole, so a broken transfer harms no file; in a
        guest that lets no command run it is written in its place. `mode` is as for chmod; by default the local file's permissions.
        `InputError` when the local file can't be read, `VerificationError` when the checksums differ.
        """
        if remote.endswith(("/", "\\")):
            remote += local.name
        stream = await open_local(local, "rb", timeout)
        done = whole = 0
        try:
            status = os.fstat(stream.fileno())
            whole = status.st_size
            what = f"Copying '{local}' to '{remote}' of {self._vm}"
            async with self._within(timeout, what, "be done", lambda: f"{done} of {whole} bytes were sent"):
                runs = await self._qga.can("guest-exec", timeout)
                part = remote + PART_SUFFIX if runs else remote
                started, sha256 = time.monotonic(), hashlib.sha256()
                try:
                    async with self._open(part, "wb", timeout) as handle:
                        while piece := await WORKERS.call(
                            stream.read, WRITE_PIECE, timeout=timeout, what=f"File '{local}'"
                        ):
                            await self._write_piece(handle, piece, timeout)
                            sha256.update(piece)
                            done += len(piece)
                            if progress is not None:
                                progress(done, max(whole, done))
                    seconds = time.monotonic() - started
                    checksum = self._same(what, sha256.hexdigest(), await self.checksum(part, timeout))
                    if runs:
                        await self._move(part, remote, mode or f"{status.st_mode & 0o777:o}", timeout)
                except BaseException:
                    if runs:
                        self._remove_later(part)
                    raise
        finally:
            stream.close()
        return Transfer(done, seconds, checksum)

    async def pull(self, remote: str, local: Path, timeout: float, progress: Progress | None = None) -> Transfer:
        """Copy a file of the guest to this machine, and prove by its checksum that it is whole here.

        It is written beside its place (`.atp-part`) and moved there when it is whole. `InputError` when it can't be written here,
        `VerificationError` when the checksums differ.
        """
        if await WORKERS.call(local.is_dir, timeout=timeout, what=f"File '{local}'"):
            local /= re.split(r"[/\\]", remote)[-1]
        part = local.with_name(local.name + PART_SUFFIX)
        what = f"Copying '{remote}' of {self._vm} to '{local}'"
        stream = await open_local(part, "wb", timeout)
        done = whole = 0
        try:
            async with self._within(timeout, what, "be done", lambda: f"{done} of {whole} bytes came"):
                started, sha256 = time.monotonic(), hashlib.sha256()
                async with self._open(remote, "rb", timeout) as handle:
                    whole = await self._size(handle, timeout)
                    async for piece in self._pieces(handle, timeout):
                        await WORKERS.call(stream.write, piece, timeout=timeout, what=f"File '{part}'")
                        sha256.update(piece)
                        done += len(piece)
                        if progress is not None:
                            progress(done, max(whole, done))
                seconds = time.monotonic() - started
                checksum = self._same(what, sha256.hexdigest(), await self.checksum(remote, timeout))
            stream.close()
            os.replace(part, local)
        except BaseException:
            stream.close()
            part.unlink(missing_ok=True)
            raise
        return Transfer(done, seconds, checksum)

    async def has(self, path: str, timeout: float) -> bool:
        """Whether there is a file of that name. `CommandError` when the guest neither opens it nor says that there is none."""
        try:
            async with self._open(path, "rb", timeout):
                return True
        except CommandError as error:
            if "No such file" in error.description:
                return False
            # Windows says it in its own language.
            if await self._qga.family(timeout) == "windows" and await self._qga.can("guest-file-open", timeout):
                return False
            raise

    async def checksum(self, path: str, timeout: float) -> Checksum:
        """The file's SHA-256: made in the guest by a command that it has, else here by reading the whole file."""
        if await self._qga.can("guest-exec", timeout):
            windows = await self._qga.family(timeout) == "windows"
            command = (
                ["certutil.exe", "-hashfile", path, "SHA256"] if windows else ["/bin/sh", "-c", _CHECKSUM, "sh", path]
            )
            try:
                result = await self._qga.exec(command, timeout=timeout, ours=True)
            except CommandError:
                result = None  # the guest has no such program
            if result is not None and result.exit_code == 0:
                # Old certutils put spaces between the bytes.
                found = re.search(
                    r"\b[0-9a-f]{64}\b", re.sub(r"(?<=\b[0-9a-f]{2}) (?=[0-9a-f]{2}\b)", "", result.stdout.lower())
                )
                if found:
                    return Checksum(found[0], "a command in the guest")
        sha256 = hashlib.sha256()
        async with self._open(path, "rb", timeout) as handle:
            async for piece in self._pieces(handle, timeout):
                sha256.update(piece)
        return Checksum(sha256.hexdigest(), "reading it back")

    async def _pieces(self, handle: int, timeout: float) -> AsyncIterator[bytes]:
        while True:
            answer = await self._ask("guest-file-read", timeout, handle=handle, count=READ_PIECE)
            if not answer["count"]:
                return
            yield base64.b64decode(answer["buf-b64"])

    async def _write_piece(self, handle: int, piece: bytes, timeout: float) -> None:
        while piece:
            answer = await self._ask(
                "guest-file-write", timeout, handle=handle, **{"buf-b64": base64.b64encode(piece).decode()}
            )
            piece = piece[answer["count"] :]

    async def _size(self, handle: int, timeout: float) -> int:
        """Files of the kernel (/proc) have none: 0."""
        end = await self._ask("guest-file-seek", timeout, handle=handle, offset=0, whence=_FROM_END)
        await self._ask("guest-file-seek", timeout, handle=handle, offset=0, whence=0)
        return int(end["position"])

    async def _move(self, part: str, remote: str, mode: str, timeout: float) -> None:
        if await self._qga.family(timeout) == "windows":
            command = ["cmd.exe", "/d", "/c", "move", "/y", part, remote]
        else:
            command = ["/bin/sh", "-c", _MOVE, "sh", part, remote, mode]
        result = await self._qga.exec(command, timeout=timeout, ours=True)
        if result.exit_code != 0:
            raise CommandError.about(
                f"File '{part}' of {self._vm}", wanted=f"be moved to '{remote}'", got=f"could not: {result.stderr.strip()}",
                name="move", description=result.stderr.strip(),
            )  # fmt: skip

    def _remove_later(self, part: str) -> None:
        async def remove() -> None:
            windows = await self._qga.family() == "windows"
            await self._qga.exec(
                ["cmd.exe", "/d", "/c", "del", "/q", part] if windows else ["rm", "-f", "--", part], ours=True
            )

        runtime.spawn(remove(), f"remove '{part}' of {self._vm}")

    def _same(self, what: str, ours: str, theirs: Checksum) -> Checksum:
        if ours != theirs.sha256:
            raise VerificationError.about(
                what, wanted=f"give a file with SHA-256 {ours}", got=f"{theirs.made_by} says {theirs.sha256}",
                next_step="Look whether something writes to the file meanwhile, and whether the disk is full",
            )  # fmt: skip
        return theirs

    @asynccontextmanager
    async def _open(self, path: str, mode: str, timeout: float) -> AsyncIterator[int]:
        """A file of the guest; closed again also when opening it was given up half-way."""
        opening = asyncio.ensure_future(self._ask("guest-file-open", timeout, path=path, mode=mode))
        try:
            handle: int = await asyncio.shield(opening)
        except asyncio.CancelledError:
            runtime.spawn(self._close(opening), f"close '{path}' of {self._vm}")
            raise
        except CommandError as error:
            if not any(words in error.description for words in ("No such file", "cannot find")):
                raise
            what = "Check the path" if mode == "rb" else "Check the path: its directory must be there"
            raise CommandError.about(
                f"File '{path}' of {self._vm}", wanted="be opened", got=f"is not: {error.description}",
                next_step=f"{what}. 'Run Command    ls' shows what is",
                name=error.name, error_class=error.error_class, description=error.description,
            ) from error  # fmt: skip
        try:
            yield handle
        except BaseException:
            closing = runtime.spawn(self._close(opening), f"close '{path}' of {self._vm}")
            await asyncio.wait({closing}, timeout=_CLOSING_SECONDS)
            raise
        # Buffered bytes are written now: an error here (the disk is full) is the transfer's.
        await self._ask("guest-file-close", timeout, handle=handle)

    async def _close(self, opening: asyncio.Future[int]) -> None:
        try:
            handle = await opening
        except CommandError:
            return  # it never was open
        await self._ask("guest-file-close", 30, handle=handle)

    def _within(self, timeout: float, what: str, wanted: str, last_seen: Callable[[], str]) -> Any:
        return runtime.deadline(
            timeout, what, wanted=wanted, got="was not", last_seen=last_seen, next_step="Give it more time (timeout=)"
        )

    async def _ask(self, name: str, timeout: float, **arguments: Any) -> Any:
        return await self._qga.command(name, arguments, timeout)
