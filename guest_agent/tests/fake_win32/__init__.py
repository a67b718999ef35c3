"""A Windows for tests: each function that the agent calls, with its real signature.

Every call goes through a ctypes prototype made of the agent's own table of signatures, so arguments are converted, and refused, as
by Windows; what pointers point at is read and written in memory. Behaviour is Windows's where the agent depends on it: hooks are
called on the thread that set them, and only while it waits for messages; overlapped I/O ends by setting an event; handles that are
none are faults. A file for each part of it.
"""

from __future__ import annotations

from atp_guest_agent.windows import win32
from fake_win32.desktop import KEYBOARD, MOUSE, TABLET, USERS_DESKTOP, Desktop
from fake_win32.port import FilePipe, Port
from fake_win32.services import Services

__all__ = ["KEYBOARD", "MOUSE", "TABLET", "USERS_DESKTOP", "FakeWindows", "FilePipe"]


class FakeWindows(Desktop, Port, Services):
    """`api` is what the agent gets. Everything else is the test's: press keys, move mice, speak through the port."""

    def __init__(self):
        super().__init__()
        self.api = win32.Win32(self._function)
