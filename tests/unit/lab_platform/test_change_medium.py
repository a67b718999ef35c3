"""A guest that closes the tray of its drive while libvirt changes the medium."""

from __future__ import annotations

import libvirt
import pytest

from ATPLibrary.lab.platform import libvirt_calls


class Guest:
    """A domain whose drive answers each of `errors` first."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)
        self.media: list[str] = []
        self.opened: list[str] = []

    def isActive(self) -> bool:
        return True

    def isPersistent(self) -> bool:
        return True

    def updateDeviceFlags(self, xml: str, flags: int) -> None:
        if self.errors:
            raise libvirt.libvirtError(self.errors.pop(0))
        self.media.append(xml)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libvirt_calls, "_TRAY_SECONDS", 0.0)
    monkeypatch.setattr(libvirt_calls, "open_tray", lambda domain, xml: domain.opened.append(xml))


CLOSED = "unable to execute QEMU command 'blockdev-remove-medium': Tray of device 'ide0-0-0' is not open"


def test_a_tray_that_the_guest_closes_is_opened_again() -> None:
    guest = Guest(CLOSED, CLOSED)
    libvirt_calls.change_medium(guest, "<disk/>")
    assert (guest.media, guest.opened) == (["<disk/>"], ["<disk/>"] * 2)


def test_a_tray_that_stays_closed_is_told() -> None:
    with pytest.raises(libvirt.libvirtError, match="is not open"):
        libvirt_calls.change_medium(Guest(*[CLOSED] * 100), "<disk/>")


def test_another_error_is_told_at_once() -> None:
    guest = Guest("no such file", CLOSED)
    with pytest.raises(libvirt.libvirtError, match="no such file"):
        libvirt_calls.change_medium(guest, "<disk/>")
    assert (guest.errors, guest.opened) == ([CLOSED], [])
