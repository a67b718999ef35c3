"""What a libvirt error means for the caller: one class of ours and one sentence with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ATPLibrary.errors import ATPError, CommandError, HostError, VmNotFoundError, VmStateError

if TYPE_CHECKING:
    import libvirt

# virErrorNumber (libvirt/virterror.h). Written out so that looking at an error needs no import of libvirt.
ERR_INTERNAL = 1
ERR_NO_CONNECT = 5
ERR_INVALID_CONN = 6
ERR_SYSTEM = 38
ERR_RPC = 39
ERR_NO_DOMAIN = 42
ERR_AUTH_FAILED = 45
ERR_OPERATION_INVALID = 55
ERR_AUTH_CANCELLED = 79
ERR_AGENT_UNRESPONSIVE = 86
ERR_AUTH_UNAVAILABLE = 94
ERR_AGENT_UNSYNCED = 97

# "This driver doesn't do that": VIR_ERR_NO_SUPPORT and the neighbours that drivers use for it.
ERR_NO_SUPPORT = 3
NOT_OFFERED = (ERR_NO_SUPPORT, ERR_INTERNAL, 67, 74, 84)

_CONNECTION_LOST = (
    "client socket is closed",
    "connection reset",
    "end of file while reading",
    "broken pipe",
    "connection closed",
    "received hangup",
    "keepalive timeout",
)


def is_connection_lost(error: libvirt.libvirtError) -> bool:
    """The connection itself has gone: nothing else will ever work on it."""
    text = str(error).lower()
    return error.get_error_code() == ERR_INVALID_CONN or any(sign in text for sign in _CONNECTION_LOST)


def cannot_open(host_name: str, uri: str, error: libvirt.libvirtError) -> HostError:
    """Why `libvirt.open(uri)` failed."""
    said = one_line(error)
    lowered = said.lower()
    if error.get_error_code() in (ERR_AUTH_FAILED, ERR_AUTH_CANCELLED, ERR_AUTH_UNAVAILABLE):
        step = "Check the user's rights on that host (group 'libvirt', SASL user, SSH key)"
    elif "permission denied" in lowered:
        step = "Check the user's rights on that host (group 'libvirt', or run as root)"
    elif "no such file" in lowered or "connection refused" in lowered:
        step = "Check that libvirtd runs there and listens on that address"
    elif "unable to resolve" in lowered or "name or service not known" in lowered:
        step = "Check the host name in the URI"
    else:
        step = f"Try `virsh -c '{uri}' list` on this machine"
    return HostError.about(
        f"Host '{host_name}'", wanted=f"accept a connection at {uri}", got=f"refused: {said}", next_step=step
    )


def lost(host_name: str, uri: str, what: str, reason: str, asked: bool = False) -> HostError:
    """The connection has gone before `what` was asked, or (`asked`) while it was, so that it may have been done."""
    step = "Check that libvirtd runs there, then connect again"
    if asked:
        step = f"Whether it was done isn't known: look before you ask again. {step}"
    return HostError.about(
        f"Host '{host_name}'",
        wanted=f"answer ({what})",
        got=f"its connection {uri} is gone ({reason})",
        next_step=step,
    )


def call_failed(host_name: str, uri: str, what: str, error: libvirt.libvirtError, vm: str = "") -> ATPError:
    """Why a call on an open connection failed. `vm` is the VM's name, or empty for a call about the host."""
    if is_connection_lost(error):
        return lost(host_name, uri, what, one_line(error), asked=True)
    subject = f"VM '{vm}' on host '{host_name}'" if vm else f"Host '{host_name}'"
    said = one_line(error)
    code = error.get_error_code()
    if code == ERR_NO_DOMAIN:
        return VmNotFoundError.about(subject, wanted=f"exist ({what})", got=f"does not: {said}")
    if code == ERR_OPERATION_INVALID:
        return VmStateError.about(subject, wanted=f"allow this now ({what})", got=f"libvirt refused: {said}")
    if code == ERR_NO_SUPPORT:
        step = "Use a VM on a host of QEMU's (qemu...://)" if not uri.startswith("qemu") else ""
        return CommandError.about(
            subject, wanted=f"do what was asked ({what})", got=f"the libvirt driver of {uri} can't", next_step=step,
            name=what, error_class=str(code), description=said,
        )  # fmt: skip
    return CommandError.about(
        subject, wanted=f"do what was asked ({what})", got=f"libvirt refused: {said}",
        name=what, error_class=str(code), description=said,
    )  # fmt: skip


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
