"""The agent's one wait in Windows: for its own events, and for what the links have, in one WaitForMultipleObjects."""

from __future__ import annotations

import ctypes
import threading
from ctypes import byref

from atp_guest_agent.windows import structures, win32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from atp_guest_agent.links.link import Link

END_SECONDS = 4.0  # Windows ends a process five seconds after it has told it of the log-off
_SOCKET_NEWS = 0x3F  # FD_READ, FD_WRITE, FD_OOB, FD_ACCEPT, FD_CONNECT, FD_CLOSE


class Waiting:
    """The part of `platform.Platform` that waits. `stop_event`: a handle; once it is set the agent ends."""

    def __init__(self, api: win32.Win32, stop_event: int | None = None) -> None:
        self._api = api
        self._wake = self._event(manual=False)
        self._stop_event = stop_event
        self._stop: Callable[[str], None] | None = None
        self._links: list[Link] = []
        self._socket_events: dict[Link, tuple[int, int]] = {}  # of the links that are sockets: event and socket
        self._unread: list[Link] = []
        self._ended = threading.Event()
        self._console_handler = structures.HANDLER_ROUTINE(self._on_console)

    def wake(self) -> None:
        self._api.SetEvent(self._wake)

    def link_opened(self, link: Link) -> None:
        """A port of Windows has `events`, handles that are set when it has something. A socket is given one here."""
        self._forget(link)
        if not hasattr(link, "events"):
            event = self._event(manual=True)
            if self._api.WSAEventSelect(link.fd, event, _SOCKET_NEWS):
                self._api.CloseHandle(event)
                raise OSError("Windows doesn't watch this socket")
            self._socket_events[link] = event, link.fd
        self._links.append(link)

    def arm(self, link: Link, afresh: bool) -> None:
        if afresh and link not in self._unread:
            self._unread.append(link)

    def wait(self, seconds: float | None) -> list[Link]:
        for link in [link for link in self._links if link.state == link.CLOSED]:
            self._forget(link)
        ready, self._unread = self._unread, []
        waited = [(event, link) for link in self._links for event in self._events_of(link)]
        own = [self._wake] if self._stop_event is None else [self._wake, self._stop_event]
        handles = (structures.HANDLE * (len(own) + len(waited)))(*own, *(event for event, _ in waited))
        milliseconds = 0 if ready else win32.INFINITE if seconds is None else int(seconds * 1000) + (seconds > 0)
        if self._api.WaitForMultipleObjects(len(handles), handles, False, milliseconds) == win32.WAIT_FAILED:
            raise self._api.error("Windows can't wait")
        if self._stop_event is not None and self._is_set(self._stop_event) and self._stop is not None:
            self._stop_event = None
            self._stop("the service stops it")
        for event, link in waited:
            if self._is_set(event):
                if link in self._socket_events:
                    news = (ctypes.c_int32 * 11)()  # WSANETWORKEVENTS; asking resets the event
                    self._api.WSAEnumNetworkEvents(self._socket_events[link][1], event, byref(news))
                if link not in ready:
                    ready.append(link)
        return ready

    def stop_on_signals(self, stop: Callable[[str], None]) -> None:
        self._stop = stop
        self._api.SetConsoleCtrlHandler(self._console_handler, True)

    def wait_to_send(self, link: Link, seconds: float) -> None:
        events = self._events_of(link)
        if events:
            handles = (structures.HANDLE * len(events))(*events)
            self._api.WaitForMultipleObjects(len(events), handles, False, max(1, int(seconds * 1000)))

    def close(self) -> None:
        for link in [*self._links]:
            self._forget(link)
        self._api.CloseHandle(self._wake)
        self._ended.set()

    def _event(self, manual: bool) -> int:
        return int(self._api.check(self._api.CreateEventW(None, manual, False, None), "Windows makes no event"))

    def _is_set(self, event: int) -> bool:
        return bool(self._api.WaitForSingleObject(event, 0) == win32.WAIT_OBJECT_0)

    def _events_of(self, link: Link) -> list[int]:
        if link in self._socket_events:
            return [self._socket_events[link][0]]
        return list(getattr(link, "events", ()))

    def _forget(self, link: Link) -> None:
        if link in self._links:
            self._links.remove(link)
        if link in self._socket_events:
            self._api.CloseHandle(self._socket_events.pop(link)[0])

    def _on_console(self, kind: int) -> int:
        """On a thread of Windows's. It ends the process when this returns, where it wants to."""
        if self._stop is not None:
            self._stop(win32.CTRL_NAMES.get(kind, f"console event {kind}"))
            self._ended.wait(END_SECONDS)
        return 1
