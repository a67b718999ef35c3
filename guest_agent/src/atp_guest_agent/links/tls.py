"""TLS around a stream of bytes. Loaded only for an address that asks for it: `ssl` takes memory, and not every Python has it."""

from __future__ import annotations

from atp_guest_agent.links.link import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ_SIZE = 64 * 1024


class NoTlsError(LinkError):
    """This Python can't speak TLS; trying again won't help."""


class Tls:
    """Bytes in, bytes out. States: SHAKING -> READY (`is_ready`). Certificate and host name are checked, always."""

    def __init__(self, host: str, ca_file: str | None) -> None:
        """`ca_file`: PEM certificates to trust, in place of the system's. Raises LinkError: a file that
        has none, or (NoTlsError) a Python without TLS."""
        ssl = _ssl()
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ValueError) as error:
            raise LinkError(f"the CA file {ca_file} can't be used: {error}") from error
        self._ssl = ssl
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.is_ready = False
        self.end = ""  # why nothing more can come

    def feed(self, data: bytes) -> bytes:
        """What those bytes of the other side say."""
        self._incoming.write(data)
        plain = []
        try:
            if not self.is_ready:
                self._engine.do_handshake()
                self.is_ready = True
            while True:
                piece = self._engine.read(READ_SIZE)
                if not piece:
                    self.end = "the other side ended TLS"
                    break
                plain.append(piece)
        except self._ssl.SSLWantReadError:
            pass
        except self._ssl.SSLError as error:
            self.end = f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
        return b"".join(plain)

    def wrap(self, plain: bytes) -> None:
        """Something to send, once it is ready."""
        self._engine.write(plain)

    def take(self) -> bytes:
        """The bytes that are to be sent to the other side now."""
        sent: bytes = self._outgoing.read()
        return sent


def _ssl() -> Any:
    try:
        import ssl
    except ImportError as error:
        raise NoTlsError(
            f"this Python can't speak TLS ({error}): use one that has its ssl module, or dial ws:// or tcp://"
        ) from None
    return ssl
