"""Which way the bytes of a virtio-serial port take: its UNIX socket, here or over SSH, else a libvirt stream."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from ATPLibrary.errors import ATPError, ChannelBusyError, ChannelError, ConfigError
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import ByteChannel, ChannelDescription, Domain, socket_channel

Mode = Literal["auto", "socket", "stream"]


async def open_channel(domain: Domain, name: str, mode: Mode = "auto", timeout: float = 10.0) -> ByteChannel:
    """Open the host's end of port `name`. QEMU serves one client of a port at a time: a second one waits for ever, and is told
    nothing on the socket; through a libvirt stream it gets an error.

    `ChannelError` names the ports there are, or what is wrong with this one. The guest's end need not be open yet.
    """
    if mode not in ("auto", "socket", "stream"):
        raise ConfigError.about("The way of a channel", wanted="be auto, socket or stream", got=f"is {mode!r}")
    async with deadline(timeout, f"Channel '{name}' of VM '{domain.name}'", wanted="open", got="did not"):
        channel = await _described(domain, name, timeout)
        sockets = domain.host.sockets
        reason = ""
        if mode != "stream" and sockets.can_be_reached and channel.path is not None:
            try:
                if mode == "auto":
                    await sockets.connect(timeout / 2)  # time is left for libvirt
                return await socket_channel(channel.path, timeout, sockets)
            except ChannelBusyError:
                # libvirt's daemon would wait in that line too, holding the VM's lock, and nobody could so much as list the host's
                # VMs until QEMU has taken or lost its clients (seen with libvirt 9.0: connect() in virDomainOpenChannel).
                raise
            except ATPError as error:
                if mode == "socket":
                    raise
                reason = str(error)
        elif mode == "socket":
            raise ChannelError.about(
                f"Channel '{name}' of VM '{domain.name}'", wanted="have a socket that can be reached from here",
                got="it has none (is the VM off?)" if sockets.can_be_reached else f"its host is {domain.host.uri}",
                next_step="Use the way 'stream'",
            )  # fmt: skip
        stream = await domain.open_stream_channel(name, timeout)
        if reason:
            sockets.given_up(reason)
        return stream


async def _described(domain: Domain, name: str, timeout: float) -> ChannelDescription:
    for refresh in (False, True):
        channels = (await domain.description(timeout, refresh)).channels
        channel = channels.get(name)
        # A VM that was off when it was described has a port without a path: libvirt chooses one at the start.
        if channel is not None and (refresh or channel.path is not None):
            return channel
    near = get_close_matches(name, channels, n=3, cutoff=0.4) or sorted(channels)
    raise ChannelError.about(
        f"Channel '{name}'", wanted=f"be a virtio-serial port of VM '{domain.name}'", got="is not",
        next_step=f"Its ports: {', '.join(near)}" if near else "It has none: add a <channel type='unix'> to its XML",
    )  # fmt: skip
