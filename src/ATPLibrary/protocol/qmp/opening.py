"""Which way QMP takes to a VM."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ATPLibrary.errors import ATPError, ChannelError, ConfigError
from ATPLibrary.protocol.qmp.channel import Qmp
from ATPLibrary.runtime import deadline
from ATPLibrary.transport import Domain

Mode = Literal["auto", "libvirt", "direct"]

# In "auto" a socket that another client holds must not cost the whole deadline.
_DIRECT_SECONDS = 2.0


class _NoSocket(ChannelError):
    """The VM wasn't made with one: nothing has failed."""


async def open_qmp(domain: Domain, mode: Mode = "auto", timeout: float = 10.0) -> Qmp:
    """Open a VM's QMP: "direct" on its dedicated socket, "libvirt" through libvirt, "auto" direct where that works.

    When "auto" falls back, one `qmp.fallback` event says why. `ATPError` when the VM is off or the wanted way isn't there.
    """
    if mode not in ("auto", "libvirt", "direct"):
        raise ConfigError.about("The setting 'qmp'", wanted="be auto, libvirt or direct", got=f"is {mode!r}")
    async with deadline(timeout, f"QMP of VM '{domain.name}'", wanted="open", got="did not"):
        if mode != "libvirt":
            try:
                path = await _dedicated_socket(domain, timeout)
                if mode == "direct":
                    return await _open_direct(domain, path, timeout)
                await domain.host.sockets.connect(timeout / 2)
                return await _open_direct(domain, path, min(_DIRECT_SECONDS, timeout / 2))
            except ATPError as error:
                if mode == "direct":
                    raise
                reason = str(error)
                has_failed = not isinstance(error, _NoSocket)
        from ATPLibrary.protocol.qmp.passthrough import LibvirtQmp

        qmp = LibvirtQmp(domain)
        await qmp.open(timeout)
        if mode == "auto":
            qmp.publish("fallback", {"to": "libvirt", "reason": reason})
            if has_failed:
                domain.host.sockets.given_up(reason)
        return qmp


async def _open_direct(domain: Domain, path: Path, timeout: float) -> Qmp:
    from ATPLibrary.protocol.qmp.direct import DirectQmp

    qmp = DirectQmp(domain, path)
    await qmp.open(timeout)
    return qmp


async def _dedicated_socket(domain: Domain, timeout: float) -> Path:
    subject = f"The dedicated QMP socket of VM '{domain.name}'"
    if not domain.host.sockets.can_be_reached:
        raise ChannelError.about(
            subject, wanted="be on this machine, or on a host reached by qemu+ssh", got=f"its host is {domain.host.uri}",
            next_step="Use qmp=libvirt",
        )  # fmt: skip
    path = (await domain.description(timeout)).qmp_socket
    if path is None:
        path = (await domain.description(timeout, refresh=True)).qmp_socket
    if path is None:
        raise _NoSocket.about(
            subject, wanted="be in its domain XML", got="there is none",
            next_step="Add -chardev socket,... and -mon ...,mode=control to <qemu:commandline>, or use qmp=libvirt",
        )  # fmt: skip
    return path
