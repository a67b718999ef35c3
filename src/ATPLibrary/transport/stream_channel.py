"""A virtio-serial port carried by a libvirt stream: the way that needs no path on this machine.

libvirt calls back in its event thread when bytes have come or can be sent. The bytes hop to the asyncio loop. libvirt's client
takes what the daemon sends off the shared connection whether anyone reads it or not, so holding back here would only fill its
memory instead of ours; a reader that falls `UNREAD_LIMIT_BYTES` behind therefore ends the channel with an error that says so.

Sending blocks in C, whatever VIR_STREAM_NONBLOCK says: a daemon that holds some packets which the guest doesn't take stops reading
the whole connection (libvirt 9.0: "Client hit max requests limit", and its keepalive ends the connection after 30 s). So a thread
sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ATPLibrary.errors import ChannelError
from ATPLibrary.events import Event
from ATPLibrary.runtime import Workers, deadline
from ATPLibrary.transport.byte_channel import ByteChannel
from ATPLibrary.transport.libvirt_loop import guarded

if TYPE_CHECKING:
    import libvirt

    from ATPLibrary.transport.domain import Domain

UNREAD_LIMIT_BYTES = 16 * 1024 * 1024
# virNetMessage carries at most 256 KiB of a stream in one packet with old daemons.
_PACKET_BYTES = 64 * 1024
_WOULD_BLOCK = -2
_CLOSE_SECONDS = 2.0


async def open_stream_channel(domain: Domain, name: str, timeout: float) -> ByteChannel:
    """Open port `name`. `ATPError` when the VM is off, has no such port, or another client has it open."""
    opening = _Opening(name)
    try:
        stream, hold = await domain.host.call_domain_and_pin(
            domain, f"open channel '{name}'", opening.open, timeout=timeout
        )
    except BaseException:
        opening.give_up()
        raise

    def lost(reason: str) -> None:
        data = {"host": domain.host.name, "uuid": domain.uuid, "channel": name, "reason": reason}
        domain.host.bus.publish(Event(f"vm:{domain.name}", "channel.lost", data))

    channel = StreamChannel(f"Channel '{name}' of VM '{domain.name}' (libvirt stream)", stream, lost, hold)
    hold.when_lost(channel.end)
    return channel


class _Opening:
    """An opening that may end after nobody waits for it any more: libvirt opens no channel while it starts or reverts the VM.

    The daemon would keep such a stream open, and QEMU serves one client of a port at a time.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._wanted = True
        self._stream: libvirt.virStream | None = None

    def open(self, handle: libvirt.virDomain) -> libvirt.virStream:
        """On a worker."""
        import libvirt

        stream = handle.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
        handle.openChannel(self._name, stream, 0)
        with self._lock:
            wanted, self._stream = self._wanted, stream
        if not wanted:
            self._abort()
        return stream

    def give_up(self) -> None:
        with self._lock:
            self._wanted = False
            is_open = self._stream is not None
        if is_open:
            threading.Thread(target=self._abort, name="atp-stream-close", daemon=True).start()

    def _abort(self) -> None:
        import libvirt

        stream, self._stream = self._stream, None
        if stream is not None:
            with contextlib.suppress(libvirt.libvirtError):
                stream.abort()


class StreamChannel(ByteChannel):
    """`lost(reason)` is called once, on the loop, when the channel ends otherwise than by `close`; `unpin(stuck)` however it ends,
    `stuck` when a packet was still not taken: then its connection may hang for a while.
    """

    def __init__(
        self, subject: str, stream: libvirt.virStream, lost: Callable[[str], None], unpin: Callable[[bool], None]
    ) -> None:
        import libvirt

        self._subject = subject
        self._lost = lost
        self._unpin = unpin
        self._sender = Workers("atp-stream-send", 1)  # one thread: packets stay in order
        self._stream: libvirt.virStream | None = stream
        self._loop = asyncio.get_running_loop()
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._given_up = asyncio.Event()
        self._end = ""  # why it ended; empty while it is open
        self._sending = False  # a packet is in libvirt's hands
        self._reading = libvirt.VIR_STREAM_EVENT_READABLE
        self._writing = libvirt.VIR_STREAM_EVENT_WRITABLE
        stream.eventAddCallback(self._reading, guarded(self._ready), None)

    async def read(self, timeout: float | None) -> bytes:
        async with deadline(timeout, self._subject, wanted="send something", got="sent nothing"):
            while not self._unread:
                if self._end:
                    raise self._ended()
                self._arrived.clear()
                await self._arrived.wait()
        data = self._unread.popleft()
        self._unread_bytes -= len(data)
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        rest = memoryview(data)
        async with deadline(timeout, self._subject, wanted=f"take {len(data)} bytes", got="did not"):
            while rest:
                rest = rest[await self._send(bytes(rest[:_PACKET_BYTES]), timeout) :]

    async def _send(self, packet: bytes, timeout: float) -> int:
        import libvirt

        stream = self._stream
        if stream is None or self._end:
            raise self._ended()
        try:
            self._sending = True
            sent: int = await self._sender.call(stream.send, packet, timeout=timeout, what=self._subject)
            self._sending = False
            if sent != _WOULD_BLOCK:
                return sent
            self._writable.clear()
            stream.eventUpdateCallback(self._reading | self._writing)
        except libvirt.libvirtError as error:
            self._finish(str(error))
            raise self._ended() from error
        await self._writable.wait()
        return 0

    def end(self, how: str) -> None:
        """Its connection has gone."""
        self._finish(how)

    @property
    def is_over(self) -> bool:
        return bool(self._end) and not self._unread

    async def close(self) -> None:
        self._unread.clear()
        self._finish("closed here", by_us=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._given_up.wait(), _CLOSE_SECONDS)

    def _ready(self, stream: libvirt.virStream, events: int, _: Any) -> None:
        """In libvirt's event thread."""
        import libvirt

        data: bytes | int = b""
        end = ""
        try:
            if events & self._writing:
                stream.eventUpdateCallback(self._reading)
            if events & self._reading:
                data = stream.recv(_PACKET_BYTES)
                end = "closed by the other side" if data == b"" else ""
            elif events & (libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP):
                end = "the other side hung up"
            if end:
                stream.eventUpdateCallback(0)  # or it is told for ever
        except libvirt.libvirtError as error:
            end = str(error)
        with contextlib.suppress(RuntimeError):  # the loop has gone, and whoever would read with it
            self._loop.call_soon_threadsafe(self._arrive, data if isinstance(data, bytes) else b"", end)

    def _arrive(self, data: bytes, end: str) -> None:
        self._writable.set()
        if data and not self._end:
            self._unread.append(data)
            self._unread_bytes += len(data)
            self._arrived.set()
            if self._unread_bytes > UNREAD_LIMIT_BYTES:
                end = f"{self._unread_bytes} bytes came that nobody read"
        if end:
            self._finish(end)

    def _finish(self, how: str, by_us: bool = False) -> None:
        """The one way to the end: whoever waits is woken, and libvirt stops receiving at once (its queue has no limit)."""
        if not self._end:
            self._end = how
            if not by_us:
                self._lost(how)
        self._arrived.set()
        self._writable.set()
        stream, self._stream = self._stream, None
        if stream is not None:
            self._unpin(self._sending)
            self._sender.close()
            held = [stream]
            del stream
            # Giving a stream up asks the daemon, and its end may be the connection's: never on this loop.
            arguments = (held, self._loop, self._given_up)
            threading.Thread(target=_abort, args=arguments, name="atp-stream-close", daemon=True).start()

    def _ended(self) -> ChannelError:
        return ChannelError.about(
            self._subject, wanted="stay open", got=f"ended: {self._end}",
            next_step="Check that the VM still runs, then open the channel again",
        )  # fmt: skip


def _abort(held: list[libvirt.virStream], loop: asyncio.AbstractEventLoop, closed: asyncio.Event) -> None:
    import libvirt

    stream = held.pop()
    with contextlib.suppress(libvirt.libvirtError):
        stream.eventRemoveCallback()
    with contextlib.suppress(AttributeError):
        del stream.cb  # or the binding takes the callback back a second time
    with contextlib.suppress(libvirt.libvirtError):
        stream.abort()
    del stream
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(closed.set)
