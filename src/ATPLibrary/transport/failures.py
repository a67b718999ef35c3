"""What a libvirt error means for the caller: one class of ours and one sentence with the next step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ATPLibrary.errors import ATPError, CommandError, HostError, VmNotFoundError, VmStateError
from ATPLibrary.transport import embedded

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

# virErrorDomain: who raised it. These two speak for the connection; a daemon's QEMU driver has monitors whose sockets end too.
FROM_RPC = 7
FROM_REMOTE = 13

_CONNECTION_LOST = (
    "client socket is closed",
    "connection reset",
    "end of file while reading",
    "broken pipe",
    "connection closed",
    "received hangup",
    "keepalive timeout",
)

_CHANGED_KEY = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_PKI = "cacert.pem, clientcert.pem and clientkey.pem in the directory that pkipath= of the URI names"
# What ssh, GnuTLS and libvirt say, and what to do then. The first that fits counts.
_NEXT_STEPS = (
    (
        "permission denied (",
        "Check the user before '@' and keyfile= of the URI: the key must be in that user's authorized_keys there",
    ),
    (
        "host key verification failed",
        "Compare its host key, then add it to known_hosts, or name the file with known_hosts= in the URI",
    ),
    (
        "its host key is another one",
        "If it was installed anew, put the new key into known_hosts; else somebody may be in between",
    ),
    ("could not resolve hostname", "Check the host name in the URI"),
    ("virt-ssh-helper: cannot connect", "Check that libvirtd runs there and that the user may open its socket"),
    ("nc: not found", "Install netcat-openbsd there, or leave out socket= of the URI"),
    ("no identities", "Check keyfile= of the URI"),
    ("client certificate", f"Renew the client certificate: libvirt reads {_PKI}"),
    ("our own certificate", f"Take CA and client certificate that belong together: libvirt reads {_PKI}"),
    ("cannot read ca certificate", f"Put the certificates where libvirt reads them: {_PKI}"),
    ("tls confirmation", f"The server wants a client certificate that its CA has signed: libvirt reads {_PKI}"),
    ("mismatch, certificate", "Use in the URI a host name that is in the server's certificate"),
    ("certificate has expired", "Renew the server's certificate"),
    ("certificate is not yet valid", "Check the clocks of both machines"),
    ("issuer certificate", f"Take the CA certificate of that server: libvirt reads {_PKI}"),
    ("self-signed certificate", f"Take the CA certificate of that server: libvirt reads {_PKI}"),
    ("permission denied", "Check the user's rights on that host (group 'libvirt', or run as root)"),
    ("no such file", "Check that libvirtd runs there and listens on that address"),
    ("ssh: connect to host", "Check that sshd runs there and listens on that address and port"),
    ("connection refused", "Check that libvirtd runs there and listens on that address"),
    ("unable to resolve", "Check the host name in the URI"),
    ("name or service not known", "Check the host name in the URI"),
)


def is_connection_lost(error: libvirt.libvirtError) -> bool:
    """The connection itself has gone: nothing else will ever work on it. Errors that the daemon tells keep its drivers' domain."""
    if error.get_error_code() == ERR_INVALID_CONN:
        return True
    text = str(error).lower()
    return error.get_error_domain() in (FROM_RPC, FROM_REMOTE) and any(sign in text for sign in _CONNECTION_LOST)


def cannot_open(host_name: str, uri: str, error: libvirt.libvirtError, why: str = "") -> HostError:
    """Why `libvirt.open(uri)` failed. `why` is what else is known of it."""
    said = one_line(error)
    if _CHANGED_KEY in said:  # a page of it
        said = "its host key is another one than known_hosts has"
    if why:
        said += f" ({why})"
    lowered = said.lower()
    step = embedded.advice(uri, said)
    nobody = "no such file" in lowered or "connection refused" in lowered
    if not step and urlsplit(uri).hostname is None and nobody:
        step = _start_it(uri)
    if not step:
        step = next((step for sign, step in _NEXT_STEPS if sign in lowered), "")
    if not step and error.get_error_code() in (ERR_AUTH_FAILED, ERR_AUTH_CANCELLED, ERR_AUTH_UNAVAILABLE):
        step = "Check the user's rights on that host (group 'libvirt', SASL user, SSH key)"
    return HostError.about(
        f"Host '{host_name}'", wanted=f"accept a connection at {uri}", got=f"refused: {said}",
        next_step=step or f"Try `virsh -c '{uri}' list` on this machine",
    )  # fmt: skip


def _start_it(uri: str) -> str:
    """For a URI of this machine at whose socket nobody listens."""
    path = urlsplit(uri).path
    if path == "/session" and os.geteuid() == 0 and "socket=" not in uri:
        return "For root libvirt takes /session to mean /system: start libvirtd, or run the test as an ordinary user"
    return f"Start libvirtd on this machine, or say where its socket is: qemu+unix://{path}?socket=/path/libvirt-sock"


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


def unexpected(error: Exception) -> str:
    """An error that isn't the host's, where the host's is told."""
    return f"{type(error).__name__}: {one_line(error)}"


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
