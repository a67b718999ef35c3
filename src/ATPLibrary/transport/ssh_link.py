"""One SSH connection to a host, shared by all channels to its VMs' UNIX sockets (asyncssh, the extra `ssh`).

Each channel is an ordinary asyncio transport, so that what speaks over a socket of this machine speaks over SSH unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Any

import asyncssh

from ATPLibrary.errors import ChannelError, DeadlineError, HostError
from ATPLibrary.runtime import deadline
from ATPLibrary.transport.ssh_target import SshTarget

# A host that stops answering is given up after interval x count seconds, as on libvirt's connections.
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_COUNT = 4
# How long an account that is made to run something else may take over it.
WAKE_SECONDS = 2.0
# A caller with a shorter deadline goes elsewhere meanwhile, and finds the connection there later.
ATTEMPT_SECONDS = 20.0
# After a refusal callers hear of it at once for so long: with many VMs, each trying anew would only cost time.
REFUSED_SECONDS = 30.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

# Its notes on each channel are none of a test log's business.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


class SshLink:
    """Connects when it is first used, and again when it was lost. Belongs to one loop."""

    def __init__(self, host_name: str, target: SshTarget) -> None:
        self._target = target
        self._subject = f"SSH to host '{host_name}' ({target})"
        self._connection: asyncssh.SSHClientConnection | None = None
        self._attempt: asyncio.Task[asyncssh.SSHClientConnection | str] | None = None
        self._refusal = ""
        self._refused_until = 0.0

    async def open(self, path: Path, subject: str, timeout: float, limit: int) -> Streams:
        """Connect to the UNIX socket `path` over there. `HostError` when SSH doesn't let us in, `ChannelError` when the socket
        doesn't, `DeadlineError`."""
        end = time.monotonic() + timeout
        connection = await self.connect(timeout)
        reader = asyncio.StreamReader(limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + max(0.001, end - time.monotonic())):
                _, session = await connection.create_unix_connection(lambda: _Session(protocol), str(path))
        except TimeoutError as error:
            raise DeadlineError.about(subject, wanted="open over SSH", got="did not", waited=timeout) from error
        except (asyncssh.Error, OSError) as error:
            raise ChannelError.about(
                subject, wanted="open over SSH", got=f"did not: {_reason(error)}",
                next_step=f"Check that the VM runs, that user '{self._user}' may open the socket there, and that sshd allows it "
                "(AllowStreamLocalForwarding)",
            ) from error  # fmt: skip
        assert isinstance(session, _Session)
        return reader, asyncio.StreamWriter(session.transport, protocol, reader, asyncio.get_running_loop())

    async def connect(self, timeout: float) -> asyncssh.SSHClientConnection:
        """The connection, made if there is none. One attempt is made at a time, for everybody: it outlives a caller who goes."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._attempt is None:
            if time.monotonic() < self._refused_until:
                raise HostError(self._refusal)
            self._attempt = asyncio.get_running_loop().create_task(self._connect(), name=self._subject)
            self._attempt.add_done_callback(self._attempted)
        attempt = self._attempt
        async with deadline(timeout, self._subject, wanted="let us in", got="did not answer"):
            await asyncio.wait([attempt])
        outcome = "" if attempt.cancelled() else attempt.result()
        if isinstance(outcome, str):
            raise HostError(outcome or f"{self._subject} should let us in but was closed here.")
        return outcome

    def forgive(self) -> None:
        """Forget a refusal: the next use tries at once."""
        self._refused_until = 0.0

    async def close(self, timeout: float) -> None:
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt], timeout=timeout)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            await asyncio.wait([asyncio.ensure_future(connection.wait_closed())], timeout=timeout)

    async def _connect(self) -> asyncssh.SSHClientConnection | str:
        """The connection, or the sentence of why there is none."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                connection = await asyncssh.connect(self._target.host, **self._options())
                try:
                    await _wake(connection)
                except BaseException:
                    connection.abort()
                    raise
                self._connection = connection
                return connection
        except TimeoutError:
            got, next_step = "did not answer", ""
        except (
            asyncssh.Error,
            OSError,
            ValueError,
        ) as error:  # ValueError: a key or configuration file that can't be read
            got, next_step = self._words(error)
        refusal = HostError.about(self._subject, wanted="let us in", got=got, next_step=next_step)
        self._refusal, self._refused_until = str(refusal), time.monotonic() + REFUSED_SECONDS
        return self._refusal

    def _attempted(self, attempt: asyncio.Task[asyncssh.SSHClientConnection | str]) -> None:
        self._attempt = None

    def _options(self) -> dict[str, Any]:
        target = self._target
        options: dict[str, Any] = {
            # Nobody is there to be asked.
            "password_auth": False,
            "kbdint_auth": False,
            "keepalive_interval": KEEPALIVE_INTERVAL_SECONDS,
            "keepalive_count_max": KEEPALIVE_COUNT,
        }
        if target.port is not None:
            options["port"] = target.port
        if target.user is not None:
            options["username"] = target.user
        if target.key is not None:
            options["client_keys"] = [str(target.key)]
            options["ignore_encrypted"] = True  # an agent may have it open
        if not target.verify:
            options["known_hosts"] = None
        elif target.known_hosts is not None:
            options["known_hosts"] = str(target.known_hosts)
        return options

    @property
    def _user(self) -> str:
        known = self._connection.get_extra_info("username") if self._connection is not None else None
        return str(known or self._target.user or "")

    def _words(self, error: Exception) -> tuple[str, str]:
        """What was got, and the next step."""
        if isinstance(error, asyncssh.PermissionDenied):
            step = "Name user and key in the URI (ssh://USER@, keyfile=); that user's authorized_keys there must have the key"
            return f"refused: {_reason(error)}", step
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return (
                f"its host key can't be trusted: {_reason(error)}",
                "Put its host key into the known_hosts file of the URI",
            )
        return (
            f"did not: {_reason(error)}",
            f"Try `ssh -o BatchMode=yes {self._target.host} true` with the same settings",
        )


async def _wake(connection: asyncssh.SSHClientConnection) -> None:
    """Have sshd send at once what it has to send. It does (TCP_NODELAY) once a command has been run; before, each reply but the
    first waits until the one before it was acknowledged, which takes 40 ms. An account that may run nothing stays slower."""
    with contextlib.suppress(asyncssh.Error, OSError):  # a TimeoutError is one
        async with asyncio.timeout(WAKE_SECONDS):
            process = await connection.create_process("true")
            try:
                await process.wait()
            finally:
                process.close()


class _Session(asyncssh.SSHUNIXSession[bytes]):
    """What asyncssh tells of a channel goes to the transport, which tells it to its protocol."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._first = protocol
        self.transport: SshTransport

    def connection_made(self, chan: asyncssh.SSHUNIXChannel[bytes]) -> None:
        self.transport = SshTransport(chan, self._first)
        self._first.connection_made(self.transport)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self.transport.protocol.data_received(data)

    def eof_received(self) -> bool:
        return bool(self.transport.protocol.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        lost = exc
        if exc is not None and not isinstance(exc, OSError):
            lost = ConnectionResetError(f"the SSH connection ended: {_reason(exc)}")
        self.transport.ended(lost)

    def pause_writing(self) -> None:
        self.transport.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.transport.protocol.resume_writing()


class SshTransport(asyncio.Transport):
    """An SSH channel as asyncio's transport. `abort` ends it here at once, whether or not the other side still answers."""

    def __init__(self, channel: asyncssh.SSHUNIXChannel[bytes], protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._channel = channel
        self.protocol = protocol
        self._has_ended = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._has_ended and not self._channel.is_closing():
            self._channel.write(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self._channel.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._channel.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._channel.write_eof()

    def pause_reading(self) -> None:
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._channel.resume_reading()

    def is_reading(self) -> bool:
        return not self._has_ended

    def is_closing(self) -> bool:
        return self._has_ended or self._channel.is_closing()

    def close(self) -> None:
        self._channel.close()

    def abort(self) -> None:
        if not self._has_ended:
            self._channel.abort()
            asyncio.get_running_loop().call_soon(self.ended, None)

    def ended(self, error: Exception | None) -> None:
        """Tell the protocol, once."""
        if not self._has_ended:
            self._has_ended = True
            protocol, self.protocol = self.protocol, asyncio.Protocol()  # what still comes goes nowhere
            protocol.connection_lost(error)


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return " ".join(str(getattr(error, "reason", "") or error).split())
