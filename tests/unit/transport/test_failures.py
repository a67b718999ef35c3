"""Which of libvirt's errors mean that the connection has gone: who raised it counts, not only what it says."""

from __future__ import annotations

import libvirt
import pytest

from ATPLibrary.errors import CommandError, HostError
from ATPLibrary.transport import failures

pytestmark = pytest.mark.unit


def made_up(code: int, domain: int, text: str) -> libvirt.libvirtError:
    error = libvirt.libvirtError(text)
    error.err = (code, domain, text, 2, "", None, None, -1, -1)
    return error


LOST = [
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_RPC, "Cannot recv data: Connection reset by peer"),
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_RPC, "Cannot write data: Broken pipe"),
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_RPC, "End of file while reading data: Input/output error"),
    (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, "internal error: client socket is closed"),
    (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_REMOTE, "internal error: client socket is closed"),
    (libvirt.VIR_ERR_INVALID_CONN, libvirt.VIR_FROM_NONE, "invalid connection pointer in virConnectGetVersion"),
]
NOT_LOST = [
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_QEMU, "Unable to read from monitor: Connection reset by peer"),
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_QEMU, "Unable to write to monitor: Broken pipe"),
    (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_QEMU, "internal error: End of file while reading from monitor"),
    (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_STREAMS, "cannot write to stream: Broken pipe"),
    (libvirt.VIR_ERR_RPC, libvirt.VIR_FROM_RPC, "too many strings"),
]


def test_the_numbers_are_libvirt_s() -> None:
    assert (failures.FROM_RPC, failures.FROM_REMOTE) == (libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE)


@pytest.mark.parametrize(("code", "domain", "text"), LOST)
def test_what_the_connection_says_of_itself_is_its_end(code: int, domain: int, text: str) -> None:
    error = made_up(code, domain, text)
    assert failures.is_connection_lost(error)
    failed = failures.call_failed("a", "qemu:///system", "ask", error)
    assert isinstance(failed, HostError)
    assert text in str(failed)


@pytest.mark.parametrize(("code", "domain", "text"), NOT_LOST)
def test_what_a_driver_says_of_a_vm_is_no_end_of_the_connection(code: int, domain: int, text: str) -> None:
    error = made_up(code, domain, text)
    assert not failures.is_connection_lost(error)
    failed = failures.call_failed("a", "qemu:///system", "ask", error, vm="desk")
    assert isinstance(failed, CommandError)
    assert text in str(failed)
