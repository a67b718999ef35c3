"""QMP on a socket of its own: the fast path, where the VM's dedicated monitor socket is on this machine or beyond SSH."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from qemu.qmp import ConnectError, Runstate
from qemu.qmp.error import ProtocolError
from qemu.qmp.message import DeserializationError

from ATPLibrary.errors import ATPError, ChannelError, CommandError, DeadlineError
from ATPLibrary.protocol.qmp.channel import COMMAND_SECONDS, Command, Qmp
from ATPLibrary.protocol.qmp.client import LeanClient
from ATPLibrary.protocol.qmp.commands import LARGEST_MESSAGE_BYTES, OversizeMessage, Question, Reply, UnexpectedReply
from ATPLibrary.transport import Domain

_CLOSE_SECONDS = 1.0
# A command that got no reply by its deadline, and nothing else came for so long: the channel is given up.
SILENT_SECONDS = 5.0
_NEITHER = "with a reply that has neither 'return' nor 'error'"
_STATUS = Question("query-status", lambda answer: str(answer["status"]))  # which each input asks
_REOPEN = "The channel is closed now: open it again, and check that the VM still runs"


class DirectQmp(Qmp):
    """It is open from `open` until it is closed, or QEMU ends it, or breaks the protocol."""

    __slots__ = ("_client", "_commands", "_ending", "_path", "_watch")

    kind: Literal["direct"] = "direct"

    def __init__(self, domain: Domain, path: Path) -> None:
        super().__init__(domain, is_open=False)
        self._path = path
        self._client = LeanClient(self)
        self._commands = self._client.commands
        self._ending: ChannelError | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self, timeout: float) -> None:
        """Connect, negotiate, and make sure that it is this VM who answers."""
        end = asyncio.get_running_loop().time() + timeout
        subject = f"The QMP socket {self._path} of VM '{self.domain.name}'"
        streams = await self.domain.host.sockets.open(self._path, timeout, subject, LARGEST_MESSAGE_BYTES)
        try:
            async with asyncio.timeout_at(end):
                await self._client.begin(*streams)
                self.is_open = True
                self._watch = asyncio.get_running_loop().create_task(self._until_ended(), name=f"{self.subject} watch")
                uuid = (await self._send({"execute": "query-uuid"}, timeout)).get("return")
        except TimeoutError as error:
            await self.close()
            raise DeadlineError.about(
                subject, wanted="greet", got="said nothing", waited=timeout,
                next_step="Another client may have it open: QEMU serves one at a time. Use qmp=libvirt, or close that client",
            ) from error  # fmt: skip
        except ConnectError as error:
            raise ChannelError.about(
                subject, wanted="accept a connection and greet", got=f"did not: {_cause(_root(error.exc))}",
                next_step="Check that the VM runs, or use qmp=libvirt",
            ) from error  # fmt: skip
        except BaseException:
            await self.close()
            raise
        if not isinstance(uuid, dict) or uuid.get("UUID") != self.domain.uuid:
            await self.close()
            raise ChannelError.about(
                f"The QMP socket {self._path}", wanted=f"be that of VM '{self.domain.name}' ({self.domain.uuid})",
                got=f"another VM answers: {uuid}", next_step="Use qmp=libvirt",
            )  # fmt: skip

    async def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = COMMAND_SECONDS
    ) -> Any:
        try:
            return self._answer(command, await self._send(_message(command, arguments), timeout))
        except TimeoutError:
            raise self._late(f"'{command}'", timeout) from None

    def begin(
        self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = COMMAND_SECONDS
    ) -> asyncio.Future[Any]:
        return self._send(_message(command, arguments), timeout)

    def answer(self, command: str, begun: asyncio.Future[Any], timeout: float) -> Any:
        try:
            return self._answer(command, begun.result())
        except TimeoutError:
            raise self._late(f"'{command}'", timeout) from None

    def query_status(self, timeout: float = COMMAND_SECONDS) -> asyncio.Future[str]:
        self._require_open()
        return self._commands.send({"execute": "query-status"}, timeout, _STATUS)

    async def execute_many(self, commands: Sequence[Command], timeout: float = COMMAND_SECONDS) -> list[Any]:
        messages = [_message(command, arguments) for command, arguments in commands]
        self._require_open()
        waiting = self._commands.send_many(messages, timeout)
        try:
            await self._client.until_written(timeout)
            replies = [await reply for reply in waiting]
        except TimeoutError as error:
            raise self._late(f"{len(messages)} commands", timeout) from error
        finally:
            for reply in waiting:
                reply.cancel()  # nobody waits for the rest: each is thrown away when it comes
        return [self._answer(command, reply) for (command, _), reply in zip(commands, replies, strict=True)]

    async def screenshot(self, timeout: float = COMMAND_SECONDS) -> bytes:
        """QEMU writes the PNG into memory that we share with it: no file, so no matter which user QEMU runs as."""
        from ATPLibrary.protocol.qmp.screen import as_png

        try:
            if not self.domain.host.is_local:
                raise OSError("no memory is shared with another machine")
            return await self._screendump(timeout)
        except (CommandError, OSError, AttributeError):
            # Before QEMU 7.1 there is no `format`; before 3.0 no descriptor may be named.
            return await as_png(await self.domain.screenshot(timeout), timeout)

    async def close(self) -> None:
        self._end(ChannelError.about(self.subject, wanted="be open", got="was closed here", next_step="Open it again"))
        self._client.abort()
        if self._watch is not None:
            await asyncio.wait([self._watch], timeout=_CLOSE_SECONDS)

    async def _screendump(self, timeout: float) -> bytes:
        memory = os.memfd_create("atp-screen")
        try:
            # QEMU opens the descriptor for writing only, and wants one that was opened so.
            write_end = os.open(f"/proc/self/fd/{memory}", os.O_WRONLY)
            try:
                self._client.send_fd_scm(write_end)
            finally:
                os.close(write_end)
            number = (await self.execute("add-fd", timeout=timeout))["fdset-id"]
            try:
                arguments = {"filename": f"/dev/fdset/{number}", "format": "png"}
                await self.execute("screendump", arguments, timeout=timeout)
            finally:
                if self.is_open:
                    # Written now, answered whenever: a cancelled caller has no time to wait for it.
                    self._send({"execute": "remove-fd", "arguments": {"fdset-id": number}}, timeout).cancel()
            os.lseek(memory, 0, os.SEEK_SET)
            with os.fdopen(os.dup(memory), "rb") as stream:
                return stream.read()
        finally:
            os.close(memory)

    def _send(self, message: dict[str, Any], timeout: float) -> asyncio.Future[Reply]:
        self._require_open()
        return self._commands.send(message, timeout)

    def _require_open(self) -> None:
        if not self.is_open:
            raise self._why_ended()

    def _answer(self, command: str, reply: Reply) -> Any:
        if "return" in reply:
            return reply["return"]
        raise self.refused(command, reply.get("error", _NEITHER))

    def failure(self, command: str, reply: Reply | None, timeout: float) -> Exception:
        """Why a question has no answer."""
        if reply is None:
            return self._late(f"'{command}'", timeout)
        if "return" in reply:
            return self.refused(command, f"an answer without what it was asked for: {reply['return']!r}"[:300])
        return self.refused(command, reply.get("error", _NEITHER))

    async def _until_ended(self) -> None:
        """Wait for the session's end, whoever ends it, and tell everybody who waits for a reply."""
        if self._client.runstate is Runstate.RUNNING:
            await self._client.runstate_changed()
        try:
            await self._client.disconnect()
        except (OSError, EOFError, ProtocolError, ValueError) as error:
            self._lost(_cause(error))
        finally:
            self._lost("it was closed")  # unless why is known already

    def _end(self, error: ChannelError) -> None:
        if self._ending is None:
            self._ending = error
        self.is_open = False
        self._commands.fail_all(self._why_ended)

    def _lost(self, how: str) -> None:
        """QEMU's doing, not ours."""
        if self.is_open:
            self.publish("lost", {"reason": how})
        self._end(self._broken(how))

    def _broken(self, how: str) -> ChannelError:
        return ChannelError.about(self.subject, wanted="go on", got=how, next_step=_REOPEN)

    def _why_ended(self) -> ATPError:
        # A new one each time: an exception that is raised twice grows its traceback.
        return ChannelError(str(self._ending)) if self._ending else self._broken("it isn't open")

    def _late(self, what: str, timeout: float) -> DeadlineError:
        silence = self._commands.silence
        if silence >= SILENT_SECONDS:
            # QEMU stands still, or the socket is dead: a new channel finds out which, and where there is another way, takes it.
            self._lost(f"QEMU was silent for {silence:.0f} s")
            self._client.abort()
        latest = self.domain.host.bus.recent(f"vm:{self.domain.name}", limit=1)
        return DeadlineError.about(
            self.subject, wanted=f"answer {what}", got="did not", waited=timeout,
            last_seen=str(latest[0]) if latest else "", next_step="Check that QEMU isn't stuck (`virsh domstate`)",
        )  # fmt: skip


def _message(command: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"execute": command, "arguments": arguments} if arguments else {"execute": command}


def _root(error: Exception) -> BaseException:
    """What is below the library's wrapping."""
    inner = getattr(error, "exc", None)
    return inner if isinstance(inner, Exception) else error


def _cause(error: BaseException) -> str:
    """What ended the session, in words."""
    if isinstance(error, UnexpectedReply):
        return f"QEMU sent {error.error_message}"
    if isinstance(error, OversizeMessage):
        return error.error_message
    if isinstance(error, DeserializationError):
        return f"what came is not JSON: {error.raw[:80]!r}"
    if isinstance(error, ProtocolError):
        return f"what came is not QMP: {str(error).splitlines()[0]}"
    if isinstance(error, EOFError):
        return str(error) or "QEMU closed it"
    if isinstance(error, ValueError):
        return f"a message of more than {LARGEST_MESSAGE_BYTES // 2**20} MiB came"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
