"""Keywords about files in the guest, moved by QEMU's guest agent: no guest network is needed."""

from __future__ import annotations

import codecs
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robot.api import logger
from robot.api.deco import keyword

from ATPLibrary.errors import InputError
from ATPLibrary.keywords.component import in_seconds, named
from ATPLibrary.keywords.telling import Telling, progress_of

if TYPE_CHECKING:
    from ATPLibrary.protocol.qga import GuestFiles, Transfer

# A slow guest takes 2 MB/s; the checksum in the guest comes on top. For what nobody gave a timeout.
SECONDS_PER_MEGABYTE = 2.0


class GuestFileKeywords(Telling):
    @keyword(tags=["File"])
    def push_file_to_guest(
        self,
        local: Path,
        remote: str,
        mode: str | None = None,
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> Transfer:
        """Copies a file of this machine into the guest, and proves by its SHA-256, made at both ends, that it arrived whole.

        It is written beside its place and moved there when it is whole: a copy that breaks off harms no file. Files may be of
        any size; each tenth is told in the log. Returns ``size`` (bytes), ``seconds`` and ``checksum.sha256``.

        - ``local``: the file here.
        - ``remote``: its path in the guest; with a slash at its end, the directory that it goes into.
        - ``mode``: its permissions as for ``chmod``, such as ``755``; by default those that it has here. Not for Windows.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for all of it; by default ``timeouts.command`` of the configuration and 2 s a megabyte.

        Example:
        | Connect To VM    win11
        | Push File To Guest    ${CURDIR}/setup.sh    /root/    mode=755
        | ${copied} =    Push File To Guest    ${CURDIR}/image.iso    /root/image.iso    timeout=10 min
        | Should Be True    ${copied.size} > 0
        """
        size = local.stat().st_size if local.is_file() else 0
        seconds = self._for(size, timeout)
        what = f"Copying '{local}' into {named(vm)}"

        async def push(say: Callable[[str], None]) -> Transfer:
            files = await self._files(vm, seconds)
            return await files.push(local, remote, seconds, progress_of(f"'{local.name}'", say), mode)

        transfer = self.wait_telling(push, seconds, what)
        logger.info(f"'{local}' is '{remote}' in the guest: {transfer}.")
        return transfer

    @keyword(tags=["File"])
    def pull_file_from_guest(
        self, remote: str, local: Path, vm: str | None = None, timeout: timedelta = timedelta(minutes=5)
    ) -> Transfer:
        """Copies a file of the guest to this machine, and proves by its SHA-256, made at both ends, that it arrived whole.

        Files may be of any size; each tenth is told in the log. Returns what `Push File To Guest` returns.

        - ``remote``: the file's path in the guest.
        - ``local``: where it goes; a directory keeps its name.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: for all of it.

        Example:
        | Connect To VM    win11
        | Pull File From Guest    /var/log/syslog    ${OUTPUT_DIR}/syslog.txt    timeout=1 min
        """
        seconds = in_seconds(timeout)
        what = f"Copying '{remote}' from {named(vm)}"

        async def pull(say: Callable[[str], None]) -> Transfer:
            files = await self._files(vm, seconds)
            return await files.pull(remote, local, seconds, progress_of(f"'{remote}'", say))

        transfer = self.wait_telling(pull, seconds, what)
        logger.info(f"'{remote}' of the guest is '{local}': {transfer}.")
        return transfer

    @keyword(tags=["File", "Getter"])
    def read_guest_file(
        self, path: str, encoding: str | None = "utf-8", vm: str | None = None, timeout: timedelta | None = None
    ) -> str | bytes:
        """Returns the content of a file in the guest, up to 64 MiB.

        - ``path``: the file.
        - ``encoding``: how its text is written; what isn't so becomes U+FFFD. ``None`` returns bytes.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${text} =    Read Guest File    /etc/hostname
        | ${bytes} =    Read Guest File    /bin/true    encoding=None
        """
        seconds = self.seconds(timeout, "command")
        decode = _codec(encoding)
        data = self._do(vm, seconds, f"Reading '{path}' of {named(vm)}", lambda files: files.read(path, seconds))
        logger.info(f"'{path}' has {len(data)} bytes.")
        return data if decode is None else decode.decode(data, "replace")[0]

    @keyword(tags=["File"])
    def write_guest_file(
        self,
        path: str,
        content: str | bytes,
        *,
        append: bool = False,
        encoding: str = "utf-8",
        vm: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        """Writes a file in the guest. Its directory must be there.

        - ``path``: the file; what it had is gone, unless ``append`` puts the new behind it.
        - ``content``: text or bytes.
        - ``append``: ``True`` keeps what is there.
        - ``encoding``: how text is written.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration and 2 s a megabyte.

        Example:
        | Connect To VM    win11
        | Write Guest File    /tmp/greeting    Hello from ATP!\\n
        | Write Guest File    /tmp/greeting    And again\\n    append=True
        """
        codec = _codec(encoding)
        data = content.encode(encoding) if isinstance(content, str) and codec is not None else bytes(content)  # type: ignore[arg-type]
        seconds = self._for(len(data), timeout)
        what = f"Writing '{path}' of {named(vm)}"
        self._do(vm, seconds, what, lambda files: files.write(path, data, seconds, append=append))
        logger.info(f"{len(data)} bytes are written to '{path}'.")

    @keyword(tags=["File", "Getter"])
    def get_guest_file_checksum(self, path: str, vm: str | None = None, timeout: timedelta | None = None) -> str:
        """Returns the SHA-256 of a file in the guest, in hexadecimal: made there by a command, else here by reading it.

        - ``path``: the file.
        - ``vm``: the VM's name or UUID; by default the current VM.
        - ``timeout``: by default ``timeouts.command`` of the configuration.

        Example:
        | Connect To VM    win11
        | ${sha256} =    Get Guest File Checksum    /bin/busybox    timeout=1 min
        """
        seconds = self.seconds(timeout, "command")
        what = f"The checksum of '{path}' of {named(vm)}"
        checksum = self._do(vm, seconds, what, lambda files: files.checksum(path, seconds))
        logger.info(f"'{path}' has SHA-256 {checksum.sha256} (made by {checksum.made_by}).")
        return str(checksum.sha256)

    def _for(self, size: int, timeout: timedelta | None) -> float:
        """The timeout for so many bytes."""
        extra = size / 1e6 * SECONDS_PER_MEGABYTE if timeout is None else 0.0
        return self.seconds(timeout, "command") + extra

    async def _files(self, vm: str | None, seconds: float) -> GuestFiles:
        from ATPLibrary.protocol.qga import GuestFiles

        return GuestFiles(await (await self.machine(vm, seconds)).qga(seconds))

    def _do(self, vm: str | None, seconds: float, what: str, ask: Callable[[GuestFiles], Awaitable[Any]]) -> Any:
        async def do() -> Any:
            return await ask(await self._files(vm, seconds))

        return self.wait(do(), seconds, what)


def _codec(encoding: str | None) -> codecs.CodecInfo | None:
    if encoding is None:
        return None
    try:
        return codecs.lookup(encoding)
    except LookupError as error:
        raise InputError(f"The encoding '{encoding}' is none that Python knows: such as utf-8, gbk, utf-16.") from error
