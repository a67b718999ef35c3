"""Which way the bytes of a virtio-serial port take: its UNIX socket where that is on this machine, else a libvirt stream."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from ATPLibrary.errors import ChannelError, ConfigError
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
        if mode != "stream" and domain.host.is_local and channel.path is not None:
            try:
                return await socket_channel(channel.path, timeout)
            except ChannelError:
                if mode == "socket":
                    raise
        elif mode == "socket":
            raise ChannelError.about(
                f"Channel '{name}' of VM '{domain.name}'", wanted="have a socket on this machine",
                got=f"its host is {domain.host.uri}" if not domain.host.is_local else "it has none (is the VM off?)",
                next_step="Use the way 'stream'",
            )  # fmt: skip
        return await domain.open_stream_channel(name, timeout)


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
